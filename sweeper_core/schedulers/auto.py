"""The default scheduler."""

from __future__ import annotations

from sweeper_core.schedulers.asha import ASHAScheduler


class AutoScheduler(ASHAScheduler):
    """Promotion by ranks from the first step on, by thirds.

    On held-out learning curves, pausing and promoting by ranks needs fewer steps than stopping by the same ranks
    (``benchmarks/multi_fidelity.py``), and no model-based rule was found that needs fewer.
    """

    def __init__(self) -> None:
        super().__init__()
