"""Convert an objective's result to the state and values of its trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sweeper_core.trial.state import TrialState

COMPLETE = TrialState.COMPLETE

# The constructor of the plain tuple avoids the Python call of the named one.
_new_tuple = tuple.__new__


class Outcome(NamedTuple):
    """How a trial ends.

    Attributes:
        problem: Why a result was not acceptable; the trial is FAIL then.
    """

    state: TrialState
    values: list[float] | None
    problem: str | None = None


def outcome_of(returned: Any, state: TrialState | None, n_objectives: int, last_report: float | None) -> Outcome:
    """Return the end of a trial from the objective's return value, or the values passed to ``tell``.

    Args:
        returned: A number, a sequence of numbers (one for each objective), or None.
        state: None for the state by the values: COMPLETE when they are valid, else FAIL.
        n_objectives: Required number of values.
        last_report: The value of a pruned trial.

    Raises:
        ValueError: State and values contradict each other, or the values of a COMPLETE trial are not acceptable.
    """
    if type(returned) is float and state is None and n_objectives == 1 and returned == returned:
        return _new_tuple(Outcome, (COMPLETE, [returned], None))  # the usual case
    if callable(getattr(returned, "tolist", None)):  # of arrays and tensors
        returned = returned.tolist()
    values = None if returned is None else list(returned) if isinstance(returned, Sequence) else [returned]
    _check_agreement(state, values)
    if state is TrialState.FAIL:
        return Outcome(state, None)
    if state is TrialState.PRUNED:
        kept = last_report is not None and problem_with([last_report], n_objectives) is None
        return Outcome(state, [last_report] if kept and last_report is not None else None)
    problem = problem_with(values, n_objectives)
    if problem is None:
        assert values is not None
        return Outcome(TrialState.COMPLETE, [float(value) for value in values])
    if state is TrialState.COMPLETE:
        raise ValueError(problem)
    return Outcome(TrialState.FAIL, None, problem)


def _check_agreement(state: TrialState | None, values: list[Any] | None) -> None:
    if state is TrialState.COMPLETE and values is None:
        raise ValueError("No values were told. Values are required when state is TrialState.COMPLETE.")
    if state in (TrialState.PRUNED, TrialState.FAIL) and values is not None:
        raise ValueError(
            "Values were told. Values cannot be specified when state is TrialState.PRUNED or TrialState.FAIL."
        )
    if state in (TrialState.RUNNING, TrialState.WAITING):
        raise ValueError(f"Cannot tell with state {state!s}. Use COMPLETE, PRUNED, FAIL or none.")


def problem_with(values: Sequence[Any] | None, n_objectives: int) -> str | None:
    """Return why values are not acceptable as the result of a trial; None when they are."""
    if values is None:
        return "The value None could not be cast to float."
    problems = []
    for value in values:
        try:
            if math.isnan(float(value)):
                problems.append(f"The value {value} is not acceptable")
        except (TypeError, ValueError, OverflowError):
            problems.append(f"The value {value!r} could not be cast to float")
    if problems:
        return "; ".join(problems)
    if len(values) != n_objectives:
        return f"The number of the values {len(values)} did not match the number of the objectives {n_objectives}"
    return None
