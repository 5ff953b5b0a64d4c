"""The contract of a scheduler: what a free worker does next, and when a running trial pauses.

A scheduler is a pure function of what is stored, so every process of a study finds the same answer without asking.
Processes agree by the storage alone: one of them continues a paused trial, the others decide anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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
    """Do nothing now: what running trials report decides what comes next."""


@dataclass(frozen=True)
class Stop:
    """Nothing is left to be done.

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
        may_wait: Whether the worker can wait for others; one that cannot begins a configuration instead.
    """

    may_begin: bool = True
    may_wait: bool = True


class Scheduler(ABC):
    """Base of all schedulers. Every value is signed so that smaller is better."""

    @abstractmethod
    def next(self, request: Vacancy, history: History, curves: LearningCurves) -> Decision:
        """Return what a free worker does next."""

    @abstractmethod
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        """Return whether running configuration ``number``, with the reports ``curve``, should pause now.

        ``curves`` are those of all configurations as they are known at this moment.
        """

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        """Return whether configuration ``number`` may pause when it reports the last step of ``curve``.

        A job saves a checkpoint before such a report. Of the last step the value is not known yet: NaN.
        """
        return False


def nothing_to_continue(request: Vacancy, curves: LearningCurves) -> Decision:
    """Return what is left to do where no paused configuration has earned more steps.

    When no further one may begin, the most advanced of the paused ones is still carried on until one is COMPLETE: a
    sweep has to end with a result of full length.
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
    """Return the paused configuration that has come farthest, among equals the best; None without one."""
    ranked = [(-curve.steps[-1], curve.values[-1], row) for row in curves.paused() if len(curve := curves.curve(row))]
    finite = [entry for entry in ranked if entry[1] == entry[1]]
    return int(min(finite)[2]) if finite else None
