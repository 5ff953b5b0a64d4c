"""How sure the best trial is, in plain sentences: what a confirmation found, and what a model expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweeper_core.report.facts import StudyFacts
from sweeper_core.storages.base import Storage
from sweeper_core.study.confirm import Confirmation, stored_confirmation
from sweeper_core.trial.best import MIN_FOR_A_MODEL
from sweeper_core.trial.history import TrialTable
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.statistics import RunningStatistics

if TYPE_CHECKING:
    from sweeper_core.study.expected import Expectation

MAX_NAMED = 10
"""Trials that a sentence names."""


def lines_of_confirmation(confirmation: Confirmation) -> list[str]:
    """Return the sentences, one a line."""
    winner = confirmation.winner
    lines = []
    if winner is None:
        lines.append("No candidate is confirmed: too few of the runs are complete.")
    else:
        estimate = confirmation.estimates[winner.number]
        low, high = estimate.interval
        runs = len(winner.values)
        lines.append(
            f"Confirmed winner: trial {winner.number}, expected value {estimate.mean:.6g} (90 % interval {low:.6g} to "
            f"{high:.6g}; {runs} fresh {'run' if runs == 1 else 'runs'}, {confirmation.key} varied). It is the best of "
            f"{_several(len(confirmation.estimates), 'candidate')} with probability {estimate.best:.2g}."
        )
        lines.append(_others(confirmation.undecided))
    lines += [f"Trial {one.number} is left out: it {one.left_out}." for one in confirmation.candidates if one.left_out]
    if not confirmation.finished:
        lines.append(f"The confirmation is not finished ({_several(confirmation.n_runs, 'run')} so far).")
    return lines


def _others(numbers: list[int]) -> str:
    if not numbers:
        return "Every other candidate is worse than it with a probability above 95 %."
    names = ", ".join(map(str, numbers))
    return f"Not distinguishable from it: {'trial' if len(numbers) == 1 else 'trials'} {names}."


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def lines_of_expectation(found: Expectation | str, best_observed: int) -> list[str]:
    """Return what a model of the search says of its best trial.

    Args:
        found: A text is the reason why there is no model.
        best_observed: Number of the best observed trial.
    """
    if isinstance(found, str):
        return [f"How sure the best trial is cannot be said: {found}."]
    low, high = found.intervals[0]
    same = found.number == best_observed
    if found.noise_std == 0.0:
        if same:
            return []
        return [
            f"A model of the trials sees no noise in their values, and expects the best one of trial {found.number}."
        ]
    what = "the best observed one" if same else f"not the best observed one, {best_observed}"
    others = found.undecided
    more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
    named = f"{', '.join(map(str, others[:MAX_NAMED]))}{more}"
    apart = f"Not distinguishable from it: {'trial' if len(others) == 1 else 'trials'} {named}."
    return [
        f"Best expected: trial {found.number} ({what}), {found.means[0]:.6g} (90 % interval {low:.6g} to {high:.6g}), "
        f"by a model of {found.n_trials} trials that takes the noise of one run for {found.noise_std:.2g}.",
        apart if others else "Every other trial is worse than it with a probability above 95 %, by that model.",
    ]


def how_sure(storage: Storage, facts: StudyFacts, expected: Expectation | str | None = None) -> list[str]:
    """Return what is known of a study's best trial: by runs that confirm it, or else by a model of its trials.

    Args:
        expected: What the model says, where it is known already: to fit it takes seconds.
    """
    if not facts.single or not facts.best:
        return []
    found = stored_confirmation(storage, facts.study, facts.records)
    if found is not None:
        return lines_of_confirmation(found)
    if len(facts.having(TrialState.COMPLETE)) < MIN_FOR_A_MODEL:
        return []
    if expected is None:
        from sweeper_core.study.expected import expectation  # SciPy's optimisers take their time to import

        statistics = RunningStatistics(facts.directions)
        statistics.fold(facts.records)
        table = TrialTable(facts.directions)
        table.fold(facts.records)
        expected = expectation(table.history(), statistics.joint)
    return lines_of_expectation(expected, facts.best[0].number)
