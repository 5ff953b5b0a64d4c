"""The contract of a scheduler: what a free worker does next, and when a running trial pauses.

A scheduler is a pure function of the stored trials, so all processes of a study make the same decision. Only the
storage coordinates them: one process continues a paused trial, the others decide again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sweeper_core.pruners.base import Verdict
from sweeper_core.trial.curves import Curve, LearningCurves
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState


@dataclass(frozen=True)
class New:
    """Begin a new configuration."""


@dataclass(frozen=True)
class Continue:
    """Continue a paused configuration.

    Attributes:
        number: The number of its first attempt.
        reason: A clause that can follow "trial 17 goes on: ".
    """

    number: int
    reason: str = ""


@dataclass(frozen=True)
class Wait:
    """Do nothing now: the next decision depends on reports of running trials."""


@dataclass(frozen=True)
class Stop:
    """No work is left.

    Attributes:
        reason: A clause that can follow "the sweep ends: ".
    """

    reason: str


Decision = New | Continue | Wait | Stop


@dataclass(frozen=True)
class Vacancy:
    """A free worker.

    Attributes:
        may_begin: Whether the budget of configurations allows another one.
    """

    may_begin: bool = True


MIN_WHOLE = 10
"""Minimum length of a training, in units of the lowest rung where that is chosen automatically."""


class Scheduler(ABC):
    """Base of all schedulers. Every value is signed so that smaller is better."""

    @abstractmethod
    def next(self, request: Vacancy, history: History, curves: LearningCurves) -> Decision:
        """Return the next action of a free worker."""

    @abstractmethod
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        """Return whether running configuration ``number``, with the reports ``curve``, should pause now.

        ``curves`` has the current learning curves of all configurations.
        """

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        """Return whether configuration ``number`` may pause when it reports the last step of ``curve``.

        A job saves a checkpoint before such a report. Of the last step the value is not known yet: NaN.
        """
        return False

    def on_rungs(self, rungs: Sequence[int]) -> Scheduler:
        """Return this scheduler for trials that report only after these numbers of steps, and can pause only there.

        Args:
            rungs: Ascending; the last one is a complete trial.
        """
        return self


def nothing_to_continue(request: Vacancy, curves: LearningCurves) -> Decision:
    """Return the next action where no paused configuration is promoted.

    When no further configuration may begin, the most advanced paused one is continued until one is COMPLETE: a sweep
    has to end with at least one complete trial.
    """
    if request.may_begin:
        return New()
    if curves.count(TrialState.RUNNING):
        return Wait()
    best = None if curves.n_completed else most_advanced(curves)
    if best is None:
        return Stop("no paused trial has earned more steps")
    return Continue(best, "no trial has been trained in full yet, and this one is the farthest")


def most_advanced(curves: LearningCurves) -> int | None:
    """Return the paused configuration with the largest last step, the best of equals; None without one."""
    ranked = [(-curve.steps[-1], curve.values[-1], row) for row in curves.paused() if len(curve := curves.curve(row))]
    finite = [entry for entry in ranked if entry[1] == entry[1]]
    return int(min(finite)[2]) if finite else None


def lowest_rung(curves: LearningCurves, reduction_factor: int) -> int:
    """Return the largest power of ``reduction_factor``, in steps, within a tenth of the longest training so far.

    It is at least ``reduction_factor`` before any trial is COMPLETE. Ranks after the very first steps say little about
    final ones: over learning curves of 50 steps (eight tasks of LCBench, four of TaskSet) a sweep with rungs from the
    third step on needed 0.76 of the steps of one with rungs from the first.
    """
    rung = 1 if curves.n_completed else reduction_factor
    while rung * reduction_factor * MIN_WHOLE <= curves.farthest:
        rung *= reduction_factor
    return rung


def base_of(curve: Curve) -> int:
    """Return the number of steps that a report at step 0 stands for: 1 where steps count from 0."""
    return 1 if len(curve) and curve.steps[0] <= 0 else 0
