"""A study without storage: asks a sampler and folds what comes back, for tests and benchmarks of samplers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.samplers.asking import ask
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.search_space.priors import Priors
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, OOM, SUGGESTION
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.record import NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState


def record_of(
    number: int,
    space: SearchSpace,
    params: Mapping[str, Any],
    state: TrialState = TrialState.COMPLETE,
    values: Sequence[float] | None = None,
    *,
    reports: Sequence[tuple[int, float]] = (),
    constraints: Mapping[str, float] | None = None,
    suggestion: Suggestion | None = None,
    oom: bool = False,
) -> TrialRecord:
    """Return the stored trial that has these (external) parameters of the space."""
    distributions = {name: space[name].distribution for name in space.names if name in params}
    attrs: dict[str, Any] = {CONSTRAINT_PREFIX + name: value for name, value in (constraints or {}).items()}
    if oom:
        attrs[OOM] = True
    if suggestion is not None:
        attrs[SUGGESTION] = {"origin": suggestion.origin, "generation": suggestion.generation}
    return TrialRecord(
        number=number,
        trial_id=number,
        state=state,
        layout=Layout.of(distributions),
        internals=tuple(distribution.to_internal_repr(params[name]) for name, distribution in distributions.items()),
        values=None if values is None else tuple(values),
        reports=tuple(reports),
        system_attrs=attrs,
    )


class Simulation:
    """The smallest study: in memory, one process, trials in order.

    Args:
        sampler: Asked for every trial.
        space: Of every trial.
        directions: One per objective.
        seed: Of the trials' generators.
        budget: How many trials the study is meant to have, as the sampler is told.
        priors: Values that are good according to the user.
    """

    def __init__(
        self,
        sampler: Sampler,
        space: SearchSpace,
        directions: Sequence[StudyDirection] = (StudyDirection.MINIMIZE,),
        seed: int = 0,
        budget: int | None = None,
        priors: Priors = NOTHING,
    ) -> None:
        self.priors = priors
        self.sampler = sampler
        self.space = space
        self.seed = seed
        self.budget = budget
        self.table = TrialTable(directions)
        self.suggestions: list[Suggestion] = []

    def __len__(self) -> int:
        return len(self.table)

    @property
    def history(self) -> History:
        """The snapshot of all trials."""
        return self.table.history()

    def ask(self, given: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Start a trial; return its number and point."""
        number = len(self.table)
        request = Request(self.space, number, given or {}, self.budget, self.priors)
        rng = np.random.default_rng([self.seed, number])
        suggestion = ask(self.sampler, request, self.history, rng)
        self.suggestions.append(suggestion)
        self.table.fold([record_of(number, self.space, suggestion.params, TrialState.RUNNING, suggestion=suggestion)])
        return number, suggestion.params

    def tell(
        self,
        number: int,
        values: float | Sequence[float] | None,
        state: TrialState = TrialState.COMPLETE,
        constraints: Mapping[str, float] | None = None,
        reports: Sequence[tuple[int, float]] = (),
        oom: bool = False,
    ) -> None:
        """End a trial; ``oom`` when it failed because memory ran out."""
        suggestion = self.suggestions[number]
        several = [values] if isinstance(values, (int, float)) else values
        self.table.fold(
            [
                record_of(
                    number,
                    self.space,
                    suggestion.params,
                    state,
                    several,
                    reports=reports,
                    constraints=constraints,
                    suggestion=suggestion,
                    oom=oom,
                )
            ]
        )

    def run(self, objective: Callable[[dict[str, Any]], float | Sequence[float] | None], n_trials: int) -> None:
        """Run trials in order; an objective that returns None has failed."""
        for _ in range(n_trials):
            number, params = self.ask()
            values = objective(params)
            self.tell(number, values, TrialState.FAIL if values is None else TrialState.COMPLETE)
