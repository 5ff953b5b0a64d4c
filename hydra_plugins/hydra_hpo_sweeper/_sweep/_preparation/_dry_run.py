"""The dry run: it shows the parsed search space, the search settings, and the first points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._space._described import described
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import SweepDirectory
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._existing import existing_study
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import open_study, other_relations
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.exceptions import SearchSpaceExhausted
from sweeper_core.masking import masked
from sweeper_core.samplers._lattice import lattice_of
from sweeper_core.search_space.priors import Prior
from sweeper_core.search_space.space import MIN_SHARE, Clause, SearchSpace
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.trial.attrs import BASELINE

FIRST_POINTS = 3


def preview(settings: Settings, plan: Plan, directory: SweepDirectory, lanes: str) -> Iterator[str]:
    """Yield the lines that describe a sweep; the first points come from a study in memory.

    Args:
        lanes: The kind of the lanes.
    """
    found = existing_study(settings, directory)
    yield "Dry run: no job starts, and nothing is written."
    yield from _space(plan, settings.priors)
    yield from _search(settings)
    where = settings.storage if isinstance(settings.storage, str) else None
    yield f"Results: {directory.path}; study: {masked(where) if where else 'in that directory'}"
    if found is not None:
        yield f"Study {found.name!r} exists with {found.finished} finished trials, and the sweep would go on with it."
        told = other_relations(found.name, found.attrs, found.records, plan.space)
        yield from () if told is None else (told,)
    yield f"Lanes: {settings.n_jobs} ({lanes}); stops after: {', '.join(_limits(settings))}"
    yield from _points(settings, plan, directory)


def _space(plan: Plan, priors: Mapping[str, Prior]) -> Iterator[str]:
    wholes = {name: one for one in plan.lists for name in one.part_names}
    names = [wholes[name].name if name in wholes else name for name in plan.space.names]
    yield f"Search space: {len(set(names))} parameters, {size(plan.space)}"
    for name, parameter in zip(names, plan.space, strict=True):
        whole = wholes.get(parameter.name)
        if whole is not None and parameter.name != whole.part_names[0]:
            continue
        ordered = ", in this order" if parameter.ordered else ""
        when = " and ".join(map(_condition, parameter.when))
        condition = f", when {when}" if when else ""
        prior = priors.get(parameter.name)
        prior_text = "" if prior is None else f", prior {as_text(prior.value)} ({prior.confidence} confidence)"
        kind = described(parameter.distribution) if whole is None else str(whole.shape)
        yield f"  {name}: {kind}{ordered}{prior_text}{condition}"
    if plan.space.where:
        share = plan.space.check_where()
        some = "less than 0.1 %" if share < MIN_SHARE else f"{share:.0%}" if share > 0.1 else f"{share:.1%}"
        yield f"Relations, which leave {some} of the space:"
        yield from (f"  {relation}" for relation in plan.space.where)
    if plan.fixed:
        yield f"Fixed: {' '.join(plan.fixed)}"


def _condition(clause: Clause) -> str:
    operand = as_text(list(clause.operand)) if isinstance(clause.operand, tuple) else clause.operand
    return f"{clause.parent} {clause.operator} {operand}"


def _search(settings: Settings) -> Iterator[str]:
    directions = ", ".join(direction.name.lower() for direction in settings.directions)
    of = f" {', '.join(settings.metric)}" if settings.metric else ""
    pruner = type(settings.pruner).__name__ if settings.pruner is not None else "none"
    yield f"Objective: {directions}{of}; sampler: {type(settings.sampler).__name__}; pruner: {pruner}"
    if settings.ladder is not None:
        yield f"Rungs of {settings.ladder}; scheduler: {type(settings.scheduler).__name__}"
    if settings.custom_search_space is not None:
        yield f"Each trial also gets what {settings.custom_search_space.__name__} suggests"
    if settings.constraints:
        yield f"Constraints: {', '.join(map(str, settings.constraints))}"
    if settings.repeat is not None:
        yield f"Repeats: {settings.repeat.key}={list(settings.repeat.values)}, {settings.repeat.aggregate}"


def _limits(settings: Settings) -> Iterator[str]:
    if settings.n_trials is not None:
        yield f"{settings.n_trials} trials"
    if settings.max_trials is not None:
        yield f"{settings.max_trials} trials of the study"
    if settings.timeout is not None:
        yield f"{settings.timeout:g} s"
    if settings.stop.active:
        yield f"hydra.sweeper.stop ({settings.stop})"
    if settings.max_failure_rate < 1:
        yield f"more than {settings.max_failure_rate:.0%} failures"


def _points(settings: Settings, plan: Plan, directory: SweepDirectory) -> Iterator[str]:
    opened = open_study(replace(settings, storage=InMemoryStorage()), directory)
    count = min(FIRST_POINTS, settings.n_trials or FIRST_POINTS)
    yield f"The first {count} jobs of a new study:"
    try:
        for number in range(count):
            started = opened.session.start(plan.space, budget=settings.n_trials, distinct=True)
            if started is not None:
                of = " (your configuration)" if BASELINE in started.system_attrs else ""
                lines = plan.overrides(started.params)
                lines = lines if settings.ladder is None else settings.ladder.at(0, lines)
                yield f"  #{number}: {' '.join(lines)}{of}"
    except SearchSpaceExhausted:
        yield "  (that is every point of the search space)"
    finally:
        opened.session.close()


def size(space: SearchSpace) -> str:
    """Return how many points a search space has, in words."""
    total = math.prod(_count(parameter.distribution) for parameter in space)
    if math.isinf(total):
        return "infinitely many points"
    if space.is_conditional or space.where:
        lattice = lattice_of(space)
        return f"at most {total:.0f} points" if lattice is None else f"{lattice.n_points} points"
    return f"{total:.0f} points"


def _count(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    if distribution.low == distribution.high:
        return 1
    if distribution.step is None:
        return math.inf
    return round((distribution.high - distribution.low) / distribution.step) + 1
