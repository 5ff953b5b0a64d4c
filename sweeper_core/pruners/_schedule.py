"""Schedule of a rule: after a warm-up, once per interval of steps."""

from __future__ import annotations

from dataclasses import dataclass

from sweeper_core.trial.curves import Curve


@dataclass(frozen=True)
class Schedule:
    """A trial is judged at its first report in each interval of steps that begins after the warm-up.

    Attributes:
        warmup: Reports at steps before this one are not judged.
        interval: Length of an interval in steps.

    Raises:
        ValueError: A negative warm-up or an interval below 1.
    """

    warmup: int = 0
    interval: int = 1

    def __post_init__(self) -> None:
        if self.warmup < 0:
            raise ValueError(f"`n_warmup_steps` must be 0 or more, but got {self.warmup}.")
        if self.interval < 1:
            raise ValueError(f"`interval_steps` must be 1 or more, but got {self.interval}.")

    def is_due(self, curve: Curve) -> bool:
        """Return whether the last report is the first one in its interval."""
        if not len(curve):
            return False
        step = int(curve.steps[-1])
        if step < self.warmup:
            return False
        begin = step - (step - self.warmup) % self.interval
        before = int(curve.steps[-2]) if len(curve) > 1 else -1
        return before < begin

    def is_milestone(self, curve: Curve) -> bool:
        """Return whether the rule, which does not judge every report, judges the last one."""
        return self.interval > 1 and self.is_due(curve)
