"""The default scheduler."""

from __future__ import annotations

from sweeper_core.schedulers.asha import ASHAScheduler


class AutoScheduler(ASHAScheduler):
    """Promotion by ranks, by halves, from the first tenth of a training on.

    No rule has been shown to need fewer steps on learning curves (``benchmarks/multi_fidelity.py``), and unlike
    stopping it discards no trial for good.
    """

    def __init__(self) -> None:
        super().__init__()
