"""How sure the best trial of a sweep is, by a model of the search: in words and as data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from numpy.linalg import LinAlgError

from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from sweeper_core.report.confirmed import lines_of_expectation
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.best import MIN_FOR_A_MODEL
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from sweeper_core.study.expected import Expectation

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MAX_LISTED = 20
"""Trials that the results file names as not distinguishable from the best expected one: the best of them."""


class HowSure:
    """What a model expects of the trials of a sweep that has ended.

    Args:
        space: The sweep's search space; None where a function of the user's own suggests.
    """

    def __init__(self, opened: Opened, space: SearchSpace | None) -> None:
        log = opened.session.log
        log.sync()
        self._records = {record.number: record for record in log.configurations}
        self.found: Expectation | str | None = None
        if len(log.study.directions) == 1 and self._n_complete() >= MIN_FOR_A_MODEL:
            from sweeper_core.study.expected import expectation  # SciPy's optimisers take their time to import

            self.found = expectation(log.history(), log.statistics.joint if space is None else space)

    def _n_complete(self) -> int:
        return sum(record.state is TrialState.COMPLETE for record in self._records.values())

    def lines(self, best_observed: int) -> list[str]:
        """Return what the closing lines say of it."""
        return [] if self.found is None else lines_of_expectation(self.found, best_observed)

    def as_data(self) -> dict[str, Any] | None:
        """Return what the results file has of it; None for nothing."""
        found = self.found
        if found is None or isinstance(found, str):
            return None if found is None else {"left_out": found}
        return {
            "best_trial": found.number,
            "best_params": self._records[found.number].params,
            "mean": float(found.means[0]),
            "interval_90": found.intervals[0].tolist(),
            "probability_best": float(found.best[0]),
            "noise_std": found.noise_std,
            "not_distinguishable": found.undecided[:MAX_LISTED],
            "n_not_distinguishable": len(found.undecided),
            "n_trials": found.n_trials,
        }


def how_sure(opened: Opened, space: SearchSpace | None) -> HowSure | None:
    """Return what a model expects; None where it fails, which is logged: a sweep's results do not depend on it."""
    try:
        return HowSure(opened, space)
    except (ValueError, ArithmeticError, LinAlgError) as error:
        log.warning("How sure the best trial is cannot be said (%s: %s).", type(error).__name__, error)
        return None
