"""A confirmation in words and as data, for the results and the closing lines."""

from __future__ import annotations

from typing import Any

from sweeper_core.report.confirmed import lines_of_confirmation
from sweeper_core.study.confirm import Candidate, Confirmation
from sweeper_core.trial.record import TrialRecord


def chosen(confirmation: Confirmation) -> TrialRecord | None:
    """Return the trial that the files are to have: the winner of a confirmation that has ended."""
    return confirmation.winner.record if confirmation.winner is not None and confirmation.finished else None


def confirmed_as_data(confirmation: Confirmation) -> dict[str, Any]:
    """Return what the results file has of a confirmation."""
    winner = confirmation.winner
    data: dict[str, Any] = {"study_name": confirmation.study_name, "finished": confirmation.finished}
    if winner is not None:
        estimate = confirmation.estimates[winner.number]
        data["best_trial"] = winner.number
        data["best_params"] = winner.record.params
        data["mean"] = estimate.mean
        data["interval_90"] = list(estimate.interval)
        data["probability_best"] = estimate.best
        data["not_distinguishable"] = confirmation.undecided
    data["candidates"] = [_candidate(confirmation, candidate) for candidate in confirmation.candidates]
    return data


def _candidate(confirmation: Confirmation, candidate: Candidate) -> dict[str, Any]:
    estimate = confirmation.estimates.get(candidate.number)
    values = [{confirmation.key: confirmation.seeds[index], "value": v} for index, v in candidate.values.items()]
    data: dict[str, Any] = {"trial": candidate.number, "observed": (candidate.record.values or (None,))[0]}
    if estimate is not None:
        data.update(mean=estimate.mean, interval_90=list(estimate.interval), probability_best=estimate.best)
    if candidate.left_out is not None:
        data["left_out"] = candidate.left_out
    return {**data, "runs": values}


def lines_of(confirmation: Confirmation, best_observed: int) -> list[str]:
    """Return what the closing lines say of a confirmation.

    Args:
        best_observed: Number of the best trial of the search.
    """
    lines = lines_of_confirmation(confirmation)
    winner = chosen(confirmation)
    if winner is not None and winner.number == best_observed:
        lines.append("It is the best observed trial, too; best_config.yaml and best_overrides.txt have it.")
    elif winner is not None:
        lines.append(
            f"best_config.yaml and best_overrides.txt have the confirmed winner, trial {winner.number}, not the best "
            f"observed trial {best_observed}."
        )
    return lines
