"""What every sampler has to do: subclass :class:`SamplerConformance` in a test module and give it a maker.

::

    class TestMySampler(SamplerConformance):
        def make(self) -> Sampler:
            return MySampler(seed=0)
"""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

FINITE = SearchSpace(
    [
        Parameter("n", IntDistribution(1, 4)),
        Parameter("c", CategoricalDistribution(["a", None, True])),
        Parameter("s", FloatDistribution(0.0, 0.5, step=0.25)),
    ]
)
MIXED = SearchSpace(
    [
        Parameter("x", FloatDistribution(-5.0, 5.0)),
        Parameter("rate", FloatDistribution(1e-6, 1.0, log=True)),
        Parameter("s", FloatDistribution(0.0, 1.0, step=0.1)),
        Parameter("n", IntDistribution(1, 1000, log=True)),
        Parameter("k", IntDistribution(-9, 9, step=3)),
        Parameter("c", CategoricalDistribution(["a", None, 1, True, 1.0, [1, "2"], {"d": 1}])),
        Parameter("size", CategoricalDistribution(["s", "m", "l"]), ordered=True),
        Parameter("only", IntDistribution(3, 3)),
        Parameter("fixed", CategoricalDistribution(["one"])),
    ]
)
FLOATS = SearchSpace.of({name: FloatDistribution(-1.0, 1.0) for name in ("x", "y", "z")})
CONDITIONAL = SearchSpace(
    [
        Parameter("depth", IntDistribution(1, 9), when=(Clause("model", "in", ("tree",)),)),
        Parameter("model", CategoricalDistribution(["tree", "net"])),
        Parameter("layers", IntDistribution(1, 3), when=(Clause("model", "not in", ("tree",)),)),
        Parameter("width", IntDistribution(1, 8), when=(Clause("layers", ">=", 2),)),
        Parameter("flag", CategoricalDistribution([False, True])),
    ]
)
GRIDS = {"finite": FINITE, "conditional": CONDITIONAL}
SPACES = {**GRIDS, "mixed": MIXED, "floats": FLOATS}


def loss(params: Mapping[str, Any]) -> float:
    """A deterministic objective for any space."""
    return float(
        sum(abs(len(repr(value)) - 3) + (value if isinstance(value, float) else 0.0) for value in params.values())
    )


def check_point(space: SearchSpace, params: Mapping[str, Any]) -> None:
    """Assert that a point has exactly the active parameters, in the space's order, with values of theirs."""
    assert list(params) == [name for name in space.names if name in params]
    assert space.active_only(params) == dict(params)
    missing = [name for name in space.names if name not in params and space.is_active(name, params)]
    assert not missing, f"active but not suggested: {missing}"
    for name, value in params.items():
        distribution = space[name].distribution
        assert distribution.contains(value), f"{name}={value!r} is not one of {distribution}"
        exact = distribution.to_external_repr(distribution.to_internal_repr(value))
        assert type(exact) is type(value)


def frozen(history: History) -> bytes:
    """Return the bytes of everything that a sampler might change."""
    arrays = (history.states, history.values, history.constraints, history.last_value, history.generation)
    columns = [(name, column.raw.tobytes(), column.choices) for name, column in history.columns.items()]
    return pickle.dumps(([array.tobytes() for array in arrays], columns))


class SamplerConformance:
    """The contract of a sampler, as tests.

    Attributes:
        spaces: Names of the spaces that the sampler can do; it may be narrowed.
        objectives: How many objectives the studies have.
        warm_up: Trials after which the sampler's own algorithm is at work.
        finite_distinct: Whether no point of a finite space comes twice until all have come.
    """

    spaces: tuple[str, ...] = tuple(SPACES)
    objectives = 1
    warm_up = 16
    finite_distinct = True

    def make(self) -> Sampler:
        """Return a new sampler, the same at each call."""
        raise NotImplementedError

    def simulation(self, space: SearchSpace, seed: int = 0) -> Simulation:
        """Return an empty study of that space."""
        return Simulation(self.make(), space, [StudyDirection.MINIMIZE] * self.objectives, seed=seed)

    def several(self, params: Mapping[str, Any]) -> list[float]:
        """Return the values of a trial."""
        return [loss(params) * (-1.0) ** place + place for place in range(self.objectives)]

    def after(self, space: SearchSpace, n_trials: int | None = None) -> Simulation:
        """Return a study whose sampler has warmed up."""
        simulation = self.simulation(space)
        simulation.run(self.several, self.warm_up if n_trials is None else n_trials)
        return simulation

    def pick(self, name: str) -> SearchSpace:
        """Return a space by name; skip the test where the sampler cannot do it."""
        if name not in self.spaces:
            pytest.skip("not a space for this sampler")
        return SPACES[name]

    def usable(self) -> SearchSpace:
        """Return the most general space that the sampler can do."""
        return next(SPACES[name] for name in ("mixed", "floats", "finite") if name in self.spaces)

    @pytest.mark.parametrize("name", SPACES)
    def test_points_are_valid_and_have_the_active_parameters_only(self, name: str) -> None:
        space = self.pick(name)
        for suggestion in self.after(space, self.warm_up + 10).suggestions:
            check_point(space, suggestion.params)
            assert suggestion.origin
            assert isinstance(suggestion.generation, int)

    @pytest.mark.parametrize("name", SPACES)
    def test_seed_and_number_determine_the_suggestion(self, name: str) -> None:
        """A fresh sampler, one that has lived through the study, and its copy all say the same."""
        simulation = self.after(self.pick(name), self.warm_up + 4)
        number, history = len(simulation), simulation.history
        request = Request(simulation.space, number)

        def ask(sampler: Sampler) -> Suggestion:
            return sampler.suggest(request, history, np.random.default_rng([0, number]))

        fresh = ask(self.make())
        assert ask(simulation.sampler) == fresh
        assert ask(copy.deepcopy(simulation.sampler)) == fresh
        assert ask(pickle.loads(pickle.dumps(simulation.sampler))) == fresh

    def test_a_resumed_study_goes_on_as_it_would_have(self) -> None:
        space = self.usable()
        whole, resumed = self.after(space, self.warm_up + 6), self.after(space)
        resumed.sampler = self.make()
        resumed.run(self.several, 6)
        assert [s.params for s in resumed.suggestions] == [s.params for s in whole.suggestions]

    @pytest.mark.parametrize("name", SPACES)
    def test_given_values_are_kept(self, name: str) -> None:
        space = self.pick(name)
        simulation = self.after(space)
        point = simulation.suggestions[3].params
        first, *_, last = point
        for given in ({first: point[first]}, {last: point[last]}, dict(point)):
            request = Request(space, len(simulation), given)
            params = simulation.sampler.suggest(request, simulation.history, np.random.default_rng(1)).params
            if set(given) <= set(params):
                assert {key: params[key] for key in given} == given
            else:  # a given value of a parameter that turned out to be inactive
                assert not all(space.is_active(key, params) for key in given)
            check_point(space, params)

    @pytest.mark.parametrize("name", GRIDS)
    def test_a_finite_space_is_covered_without_repetition_and_then_exhausted(self, name: str) -> None:
        if not self.finite_distinct:
            pytest.skip("this sampler repeats points by design")
        space = self.pick(name)
        total = sum(1 for _ in space.points())
        simulation = self.simulation(space)
        for _ in range(total):
            assert not simulation.sampler.exhausted(space, simulation.history)
            simulation.run(self.several, 1)
        assert len({repr(suggestion.params) for suggestion in simulation.suggestions}) == total
        assert simulation.sampler.exhausted(space, simulation.history)
        simulation.run(self.several, 1)
        check_point(space, simulation.suggestions[-1].params)

    def test_several_running_trials_have_different_points(self) -> None:
        simulation = self.after(self.usable())
        points = [repr(simulation.ask()[1]) for _ in range(6)]
        assert len(set(points)) == 6

    @pytest.mark.parametrize("name", SPACES)
    def test_the_history_is_left_as_it_is(self, name: str) -> None:
        simulation = self.after(self.pick(name))
        history = simulation.history
        before = frozen(history)
        simulation.sampler.suggest(Request(simulation.space, len(simulation)), history, np.random.default_rng(0))
        simulation.sampler.exhausted(simulation.space, history)
        assert frozen(history) == before

    def test_trials_of_every_state_are_taken(self) -> None:
        """Failed, pruned, running, waiting ones, infinite values, and rows that have not been read."""
        space = self.usable()
        simulation = self.simulation(space)
        for number in range(self.warm_up + 12):
            asked, params = simulation.ask()
            kind = number % 6
            if kind == 0:
                simulation.tell(asked, None, TrialState.FAIL)
            elif kind == 1 and self.objectives == 1:
                simulation.tell(asked, [1.0], TrialState.PRUNED, reports=[(0, 2.0), (1, float("nan"))])
            elif kind == 2:
                simulation.tell(asked, [float("inf")] * self.objectives)
            elif kind != 3:
                simulation.tell(asked, self.several(params))
            check_point(space, params)
        number = len(simulation)
        simulation.table.fold([record_of(number + 1, space, {}, TrialState.WAITING)])
        request = Request(space, number + 2)
        rng = np.random.default_rng(0)
        check_point(space, simulation.sampler.suggest(request, simulation.history, rng).params)

    @pytest.mark.parametrize("name", ["conditional", "mixed"])
    def test_rough_studies_are_taken(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Failures, infinite values and constraints together, also on conditional spaces, while the caller's error
        state and warning filters are strict; the scores that candidates are ranked by are numbers."""
        ranked = self.watch_scores(monkeypatch)
        simulation = self.simulation(self.pick(name))
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in range(self.warm_up + 8):
                asked, params = simulation.ask()
                check_point(simulation.space, params)
                self.end_roughly(simulation, asked, params, number)
            simulation.sampler.exhausted(simulation.space, simulation.history)
            filters = list(warnings.filters)
        assert filters[0][0] == "error"
        assert all(np.all(np.isfinite(scores)) for scores in ranked)

    def watch_scores(self, monkeypatch: pytest.MonkeyPatch) -> Sequence[np.ndarray[Any, Any]]:
        """Return a list that will hold the scores of each ranking; for samplers that rank candidates."""
        return []

    def end_roughly(self, simulation: Simulation, asked: int, params: Mapping[str, Any], number: int) -> None:
        """End a trial in one of the ways that trials end; every eighth runs on."""
        values, limit = self.several(params), {"c": (number % 5 - 2.0) * 10.0 ** (number % 3)}
        if number % 8 == 1:
            simulation.tell(asked, None, TrialState.FAIL)
        elif number % 8 == 3 and self.objectives == 1:
            simulation.tell(asked, values, TrialState.PRUNED, limit, reports=[(0, math.inf), (1, math.nan), (2, 1e300)])
        elif number % 8 in (4, 5):
            simulation.tell(asked, [[math.inf, -math.inf][number % 8 - 4], *values[1:]], constraints=limit)
        elif number % 8 != 7:
            simulation.tell(asked, [value * 10.0 ** (number % 3 * 100) for value in values], constraints=limit)

    @pytest.mark.parametrize("name", GRIDS)
    def test_each_point_of_a_finite_space_comes_once_whatever_becomes_of_it(self, name: str) -> None:
        if not self.finite_distinct:
            pytest.skip("this sampler repeats points by design")
        space = self.pick(name)
        total = sum(1 for _ in space.points())
        simulation = self.simulation(space)
        for number in range(total):
            asked, params = simulation.ask()
            self.end_roughly(simulation, asked, params, number)
        assert len({repr(suggestion.params) for suggestion in simulation.suggestions}) == total
        assert simulation.sampler.exhausted(space, simulation.history)

    def test_a_stepped_number_of_two_values_has_both(self) -> None:
        parameters = [
            Parameter("s", FloatDistribution(0.2, 0.3, step=0.1)),
            Parameter("c", CategoricalDistribution([1, 2])),
        ]
        extra = [] if "floats" not in self.spaces else [Parameter("x", FloatDistribution(0.0, 1.0))]
        simulation = self.simulation(SearchSpace([*parameters, *extra]))
        simulation.run(self.several, 4 if not extra else self.warm_up)
        assert {suggestion.params["s"] for suggestion in simulation.suggestions} == {0.2, 0.3}

    def test_the_ends_of_continuous_ranges_are_open(self) -> None:
        """No suggestion is the very end of a range, and no heap of them is there while better points are elsewhere."""
        if "floats" not in self.spaces:
            pytest.skip("not a space for this sampler")
        space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(1e-6, 1.0, log=True)})
        simulation = self.simulation(space)
        simulation.run(lambda p: [(p["x"] - 0.4) ** 2 + (math.log10(p["y"]) / 6 + 0.4) ** 2] * self.objectives, 40)
        unit = space.to_unit(np.array([space.encode(suggestion.params) for suggestion in simulation.suggestions]))
        edge = np.minimum(unit, 1.0 - unit).min(axis=1)
        assert np.all(edge >= 0.99e-6)
        assert np.count_nonzero(edge < 1e-4) <= 1

    def test_constraints_are_taken(self) -> None:
        simulation = self.simulation(self.usable())
        for number in range(self.warm_up + 6):
            asked, params = simulation.ask()
            simulation.tell(asked, self.several(params), constraints={"c": 1.0 if number % 2 else -1.0})
            check_point(simulation.space, params)

    def test_a_changed_space_is_taken(self) -> None:
        """Wider and narrower ranges, added and removed choices and parameters."""
        simulation = self.after(self.usable())
        changed = []
        for parameter in simulation.space:
            distribution = parameter.distribution
            if isinstance(distribution, FloatDistribution) and distribution.step is None:
                distribution = FloatDistribution(distribution.low, distribution.high / 2, log=distribution.log)
            elif isinstance(distribution, IntDistribution):
                distribution = IntDistribution(distribution.low, distribution.high + 6, log=distribution.log)
            elif isinstance(distribution, CategoricalDistribution) and len(distribution.choices) > 2:
                distribution = CategoricalDistribution(["new", *distribution.choices[:0:-1]])
            changed.append(Parameter(parameter.name, distribution, parameter.when, parameter.ordered))
        for space in (SearchSpace([*changed, Parameter("added", FloatDistribution(0, 1))]), SearchSpace(changed[1:])):
            request = Request(space, len(simulation))
            for seed in range(3):
                rng = np.random.default_rng(seed)
                check_point(space, simulation.sampler.suggest(request, simulation.history, rng).params)

    def test_one_parameter_after_another(self) -> None:
        """As define-by-run asks: the space grows, and what was suggested is given."""
        space = self.usable()
        simulation = self.after(space)
        number = len(simulation)
        for seed in range(3):
            params: dict[str, Any] = {}
            rng = np.random.default_rng(seed)
            for count in range(1, len(space) + 1):
                prefix = space.select(space.names[:count])
                asked = simulation.sampler.suggest(Request(prefix, number, params), simulation.history, rng).params
                assert {name: asked[name] for name in params} == params
                params = asked
            check_point(space, params)

    def test_what_a_sampler_keeps_does_not_grow_with_the_questions(self) -> None:
        simulation = self.after(self.usable())
        request = Request(simulation.space, len(simulation))
        sizes = []
        for count in (3, 30):
            for seed in range(count):
                simulation.sampler.suggest(request, simulation.history, np.random.default_rng(seed))
            sizes.append(len(pickle.dumps(simulation.sampler)))
        assert sizes[1] <= 1.2 * sizes[0] + 1000
