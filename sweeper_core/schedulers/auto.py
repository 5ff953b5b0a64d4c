"""The default scheduler."""

from __future__ import annotations

from sweeper_core.schedulers.asha import ASHAScheduler


class AutoScheduler(ASHAScheduler):
    """Promotion by ranks from the first step on, by thirds.

    No rule has been shown to need fewer steps. On learning curves (``benchmarks/multi_fidelity.py``) it needs about as
    many as stopping by the same ranks, and unlike stopping it discards no trial for good. Freeze-thaw was no worse, but
    has not been measured on enough tasks that were not looked at while it was built.
    """

    def __init__(self) -> None:
        super().__init__()
