"""The parameters that all trials of a study share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sweeper_core.distributions import BaseDistribution


def intersection(layouts: Sequence[Mapping[str, BaseDistribution]]) -> dict[str, BaseDistribution]:
    """Return the parameters that all trials have with the same distribution, sorted by name."""
    if not layouts:
        return {}
    first, *others = layouts
    common = {
        name: distribution
        for name, distribution in first.items()
        if all(other.get(name) == distribution for other in others)
    }
    return dict(sorted(common.items()))


def intersection_search_space(trials: Sequence[Any], include_pruned: bool = False) -> dict[str, BaseDistribution]:
    """Return the parameters that all COMPLETE trials have with the same distribution, sorted by name.

    Args:
        trials: As :meth:`Study.get_trials` returns them.
        include_pruned: Whether PRUNED trials count too.
    """
    counted = {"COMPLETE", "PRUNED"} if include_pruned else {"COMPLETE"}
    return intersection([trial.distributions for trial in trials if trial.state.name in counted])


class IntersectionSearchSpace:
    """The intersection of the search spaces of one study's trials.

    Args:
        include_pruned: Whether PRUNED trials count too.
    """

    def __init__(self, include_pruned: bool = False) -> None:
        self._include_pruned = include_pruned
        self._study: tuple[Any, str] | None = None

    def calculate(self, study: Any) -> dict[str, BaseDistribution]:
        """Return the parameters that all finished trials of ``study`` share, sorted by name.

        Raises:
            ValueError: Another study was given before.
        """
        key = (study._study_id, study.study_name)
        if self._study not in (None, key):
            raise ValueError("`IntersectionSearchSpace` cannot handle multiple studies.")
        self._study = key
        return intersection_search_space(study.get_trials(deepcopy=False), self._include_pruned)
