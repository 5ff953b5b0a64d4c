"""Rehearse a sweep: compose the configurations of a few points, and attribute a failure to an override."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._hydra._nodes import keys_below
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Fixed, Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.space import Clause, SearchSpace

REPEAT = "in hydra.sweeper.repeat"
CONFIRM = "in hydra.sweeper.confirm"
MERGING = "Error merging override "
MAX_CHOICES = 50
"""Choices of one parameter that are composed before the sweep."""
MAX_OPTIONS = 10
"""Options of one config group that are composed before the sweep: 50 ms each, which the first job of each saves."""
NOTHING: Mapping[str, Any] = {}

Compose = Callable[[list[str]], Any]
"""Composes a job's configuration from its overrides."""


def rehearse(
    plan: Plan, compose: Compose, repeated: Mapping[str, Any] = NOTHING, confirmed: Mapping[str, Any] = NOTHING
) -> None:
    """Compose the configuration of a few points, so that every parameter and every choice takes part once.

    Args:
        repeated: A value of each key that the repeats of a trial differ in.
        confirmed: The same of the runs that confirm a trial; the plan does not fix it.

    Raises:
        ConfigError: One of the keys does not exist in the configuration, cannot take its value, or is both
            repeated (or confirmed) and a parameter.
    """
    repeats = [
        Fixed(Address(key, place), f"{key}={as_text(value)}")
        for place, values in ((REPEAT, repeated), (CONFIRM, confirmed))
        for key, value in values.items()
    ]
    _refuse_repeated(plan.items, repeats)
    lines = [repeat.line for repeat in repeats]
    groups = {item.name for item in plan.items if isinstance(item.entry, Swept) and item.entry.group}
    addresses = [at for item in plan.items for at in _addresses(item)] + [repeat.at for repeat in repeats]
    for params in _covering(plan.space, groups):
        try:
            compose(plan.overrides(params) + lines)
        except Exception as error:
            raise ConfigError(_blame(addresses, error, lambda: compose(list(plan.fixed)))) from error


def check_options(plan: Plan, compose: Compose, config: DictConfig) -> None:
    """Refuse an option of a swept config group that cannot be composed with the other parameters.

    Each of the first options is composed; jobs that choose it need its configuration anyway, which is kept.

    Args:
        config: The sweep's configuration.

    Raises:
        ConfigError: Hydra cannot compose the option, another parameter does not exist with it, or it changes the
            launcher or the sweeper.
    """
    groups = [item for item in plan.items if isinstance(item.entry, Swept) and item.entry.group and not item.when]
    for item in groups:
        assert isinstance(item.distribution, CategoricalDistribution)
        for option in item.distribution.choices[:MAX_OPTIONS]:
            point = plan.space.active_only({**_point_with(plan.space, item.name), item.name: option})
            if plan.space.allows(point):
                _refuse_missing(plan, item, point, compose)
            _check_option(item, option, compose, plan.overrides(point), config)


def _refuse_missing(plan: Plan, group: Placed, point: Mapping[str, Any], compose: Compose) -> None:
    """Refuse a parameter that the configuration does not have with an option, but with others."""
    try:
        compose(plan.overrides(point))
    except Exception as error:
        text = _message_of(error)
        lost = [item.at for item in plan.items if item.name in point and _is_missing(text, item.at)]
        assert isinstance(group.distribution, CategoricalDistribution)
        is_first = point[group.name] == group.distribution.choices[0]
        if not lost or (is_first and lost[0].bare not in _known_keys(lambda: compose(list(plan.fixed)))):
            return  # it may be missing with all options: `rehearse` attributes that
        name, option = group.at.bare, as_text(point[group.name])
        raise ConfigError(
            f"{lost[0]} does not exist with {name}={option}, so that every trial with both would fail. Give it a "
            f"condition in hydra.sweeper.params ({{'when {name}!={option}': {{{lost[0].bare}: …}}}}), or write "
            f"++{lost[0].bare} to add it there."
        ) from error


def _is_missing(text: str, at: Address) -> bool:
    return at.key == at.bare and f"Could not override '{at.bare}'" in text


def _check_option(item: Placed, option: Any, compose: Compose, overrides: list[str], config: DictConfig) -> None:
    try:
        job = compose(overrides)
    except Exception as error:
        text = _message_of(error)
        if "before the sweep starts" not in text:  # Hydra 1.4's own message; `rehearse` attributes other errors
            return
        raise ConfigError(f"{item.at}: its option {option!r} changes how the sweep runs: {text}") from error
    for part in ("launcher", "sweeper"):
        before, after = (_unresolved(node.hydra[part]) for node in (config, job))
        if before != after:
            raise ConfigError(
                f"{item.at}: its option {option!r} changes hydra.{part}, but one {part} runs all jobs; take the "
                f"override out of that configuration, and choose it for the whole sweep (hydra/{part}=…)."
            )


def _unresolved(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False)


def _addresses(item: Placed) -> list[Address]:
    """Return the address of an entry, and those of what a zip sets."""
    keys = item.entry.member_keys if isinstance(item.entry, Swept) else ()
    return [item.at, *(Address(key, f"in {item.at}") for key in keys)]


def _refuse_repeated(items: Sequence[Placed], repeats: Sequence[Fixed]) -> None:
    for repeat in repeats:
        for item in items:
            if repeat.at.bare in [at.bare for at in _addresses(item)]:
                raise ConfigError(f"{repeat.at} is given {item.at.place}, too; keep one of them.")


# --- whose override it is -------------------------------------------------------------------------------------------


def _blame(addresses: Sequence[Address], error: Exception, compose: Callable[[], Any]) -> str:
    """Return one line on why a configuration cannot be composed: whose override it is, and what to do."""
    text = _message_of(error)
    mentioned = [at for at in addresses if _mentions(text, at.bare)]
    guilty = max(mentioned, key=lambda at: len(at.bare), default=None)
    if guilty is None:
        return f"The configuration of the first job cannot be composed: {text}"
    if text.startswith(MERGING):
        return f"{guilty} does not fit into the configuration: {text[len(MERGING) :]}"
    known = _known_keys(compose)
    if guilty.key != guilty.bare or "Could not override" not in text or guilty.bare in known:
        return f"{guilty} cannot be composed with the other overrides: {text}"
    return (
        f"{guilty} is not in the configuration; correct the name, or write +{guilty.bare} to add it."
        f"{closest(guilty.bare, known)}"
    )


def _message_of(error: Exception) -> str:
    """Return the error's message, with OmegaConf's reason where Hydra leaves it out."""
    text = " ".join(str(error).split()) or type(error).__name__
    reason = str(error.__cause__ or "").partition("\n")[0]
    return f"{text}: {reason}" if text.startswith(MERGING) and reason and reason not in text else text


def _known_keys(compose: Callable[[], Any]) -> list[str]:
    try:
        return list(keys_below(compose()))
    except Exception:  # what is fixed cannot be composed either
        return []


def _mentions(text: str, bare: str) -> bool:
    return (
        f"'{bare}'" in text
        or f"'{bare}." in text
        or f"full_key: {bare}" in text
        or f"'+{bare}" in text
        or (text.startswith((f"{MERGING}{bare}=", f"{MERGING}+{bare}=", f"{MERGING}++{bare}=")))
    )


# --- which points -----------------------------------------------------------------------------------------------------


def _covering(space: SearchSpace, groups: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield points such that every parameter is active in one of them, as far as its first values allow.

    Every choice is in one of them too, except of config groups: their options are known.
    """
    wanted = set(space.names)
    for parameter in space.parents_first[::-1]:
        if parameter.name in wanted:
            point = _point_with(space, parameter.name)
            yield point
            yield from _with_other_choices(space, point, (point.keys() & wanted) - set(groups))
            wanted -= point.keys()
    if not len(space):
        yield {}


def _with_other_choices(space: SearchSpace, point: dict[str, Any], names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the point with other choices for the named parameters, all of them at once; children may go missing."""
    choices = {
        name: distribution.choices
        for name in names
        if isinstance(distribution := space[name].distribution, CategoricalDistribution)
    }
    for index in range(min(MAX_CHOICES, max(map(len, choices.values()), default=0))):
        others = {name: given[index] for name, given in choices.items() if index < len(given)}
        other = space.active_only({**point, **others})
        if other != point:
            yield other


def _point_with(space: SearchSpace, name: str) -> dict[str, Any]:
    """Return a point in which a parameter is active, its ancestors set to fit."""
    needed: dict[str, list[Clause]] = {}
    open_names = [name]
    while open_names:
        for clause in space[open_names.pop()].when:
            needed.setdefault(clause.parent, []).append(clause)
            open_names.append(clause.parent)
    point: dict[str, Any] = {}
    for parameter in space.parents_first:
        values = list(_sample(parameter.distribution, needed.get(parameter.name, [])))
        fitting = (value for value in values if all(clause.holds(value) for clause in needed.get(parameter.name, [])))
        point[parameter.name] = next(fitting, values[0])
    return space.active_only(point)


def _sample(distribution: BaseDistribution, clauses: Iterable[Clause]) -> Iterator[Any]:
    """Yield values of a distribution among which one fits the clauses: ends, operands and their neighbours."""
    if isinstance(distribution, CategoricalDistribution):
        yield from distribution.choices
        return
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    yield from (distribution.low, distribution.high)
    for clause in clauses:
        operands = clause.operand if isinstance(clause.operand, tuple) else (clause.operand,)
        yield from (value for value in operands if distribution.contains(value))
