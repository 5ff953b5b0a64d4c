"""Hydra's override grammar <-> search space: the only file that knows both.

A search space comes from ``hydra.sweeper.params`` and from the command line, which wins. A parameter is named by
its override's key, prefix and package included (``+model.depth``, ``db@src``), as hydra-optuna-sweeper names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    RangeSweep,
)
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, Node, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._hydra._public import hydra_overrides
from hydra_plugins.hydra_hpo_sweeper._space._conditions import parse_block, parse_when, resolve
from hydra_plugins.hydra_hpo_sweeper._space._functions import Range, function_table
from hydra_plugins.hydra_hpo_sweeper._space._items import Condition, Item
from hydra_plugins.hydra_hpo_sweeper._space._values import as_text, escape, has_interpolation, unescape
from sweeper_core.distributions import (
    MAX_EXACT_INTEGER,
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    choice_key,
)
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace

COMMAND_LINE = "on the command line"
PARAMS = "in hydra.sweeper.params"
REPEAT = "in hydra.sweeper.repeat"
MERGING = "Error merging override "
MOST_CHOICES = 50
"""Of one parameter that are tried before the sweep."""
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Plan:
    """The search space of a sweep, and how a point of it becomes the overrides of a job.

    Attributes:
        space: The swept parameters.
        fixed: Override lines that go to every job unchanged.
        items: Everything in the order written.
    """

    space: SearchSpace
    fixed: tuple[str, ...] = ()
    items: tuple[Item, ...] = field(default=(), repr=False)

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the complete override list of one job: values keep their type and text exactly.

        Args:
            params: The point. Parameters that are not in the space (suggested by a custom search space) are
                appended, their names taken as keys.
        """
        lines = []
        for item in self.items:
            if item.line is not None:
                if all(clause.parent in params and clause.holds(params[clause.parent]) for clause in item.when):
                    lines.append(item.line)
            elif item.name in params:
                lines.append(_line(item, params[item.name]))
        planned = {item.name for item in self.items}
        loose = [f"{name}={as_text(value)}" for name, value in params.items() if name not in planned]
        return lines + loose + (list(self.fixed) if not self.items else [])

    def check(self, compose: Callable[[list[str]], Any], repeated: Mapping[str, Any] = NOTHING) -> None:
        """Compose the configuration of a few points, so that every parameter and every choice takes part once.

        Args:
            compose: Composes a job's configuration from its overrides.
            repeated: A value of each key that the repeats of a trial differ in.

        Raises:
            ConfigError: One of the keys does not exist in the configuration, cannot take its value, or is both
                repeated and a parameter.
        """
        repeats = [Item(key, REPEAT, line=f"{key}={as_text(value)}") for key, value in repeated.items()]
        _refuse_repeated(self.items, repeats)
        lines = [item.line for item in repeats if item.line]
        groups = {item.name for item in self.items if item.group}
        for params in _covering(self.space, groups):
            try:
                compose(self.overrides(params) + lines)
            except Exception as error:
                raise ConfigError(_blame([*self.items, *repeats], error, lambda: compose(list(self.fixed)))) from error

    def points(self, enqueued: Sequence[Mapping[str, Any]], open_ended: bool = False) -> tuple[dict[str, Any], ...]:
        """Return enqueued points with the names and types of the space; what is fixed anyway is left out.

        Args:
            enqueued: Values by key, with or without prefix.
            open_ended: Unknown names are kept: a custom search space may suggest them.

        Raises:
            ConfigError: A name is unknown, or a value is not in the space.
        """
        return tuple(
            self._point(point, f"hydra.sweeper.enqueue[{index}]", open_ended) for index, point in enumerate(enqueued)
        )

    def _point(self, point: Mapping[str, Any], place: str, open_ended: bool) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for key, value in point.items():
            found = [item for item in self.items if key in (item.name, item.key) or key.lstrip("+") == item.bare]
            if not found and not open_ended:
                known = ", ".join(self.space.names) + "." + closest(key, self.space.names)
                raise ConfigError(f"{place}: {key!r} is no parameter of this sweep; there are {known}")
            params.update(_given(found, key, value, f"{place}.{key}"))
        return {**self.space.active_only(params), **{k: v for k, v in params.items() if k not in self.space}}


def _blame(items: Sequence[Item], error: Exception, compose: Callable[[], Any]) -> str:
    """Return one line on why a configuration cannot be composed: whose override it is, and what to do."""
    text = _told(error)
    mentioned = [item for item in items if _mentions(text, item.bare)]
    guilty = max(mentioned, key=lambda item: len(item.bare), default=None)
    if guilty is None:
        return f"The configuration of the first job cannot be composed: {text}"
    if text.startswith(MERGING):
        return f"{guilty.where} does not fit into the configuration: {text[len(MERGING) :]}"
    known = _known_keys(compose)
    if guilty.key != guilty.bare or "Could not override" not in text or guilty.bare in known:
        return f"{guilty.where} cannot be composed with the other overrides: {text}"
    return (
        f"{guilty.where} is not in the configuration; correct the name, or write +{guilty.bare} to add it."
        f"{closest(guilty.bare, known)}"
    )


def _told(error: Exception) -> str:
    """Return what Hydra says, and what OmegaConf says where Hydra leaves that out."""
    text = " ".join(str(error).split()) or type(error).__name__
    reason = str(error.__cause__ or "").partition("\n")[0]
    return f"{text}: {reason}" if text.startswith(MERGING) and reason and reason not in text else text


def _known_keys(compose: Callable[[], Any]) -> list[str]:
    try:
        return list(_keys_of(compose()))
    except Exception:  # what is fixed cannot be composed either
        return []


def _keys_of(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a configuration, without Hydra's own."""
    for key in map(str, config) if isinstance(config, DictConfig) else ():
        if prefix or key != "hydra":
            yield f"{prefix}{key}"
            yield from _keys_of(config._get_node(key), f"{prefix}{key}.")


def _mentions(text: str, bare: str) -> bool:
    return (
        f"'{bare}'" in text
        or f"'{bare}." in text
        or f"full_key: {bare}" in text
        or f"'+{bare}" in text
        or (text.startswith((f"{MERGING}{bare}=", f"{MERGING}+{bare}=", f"{MERGING}++{bare}=")))
    )


def _given(found: Sequence[Item], key: str, value: Any, place: str) -> dict[str, Any]:
    """Return an enqueued value under the names of the parameters that can have it."""
    if not found:
        return {key: value}
    swept = [(item.name, item.distribution) for item in found if item.distribution is not None]
    fitting = {name: _external(kind, value) for name, kind in swept if kind.contains(value)}
    if not fitting and any(item.line is not None and item.value == value for item in found):
        return {}
    if not fitting:
        allowed = " or ".join(str(kind) for _, kind in swept) or f"fixed to {found[-1].value!r}"
        raise ConfigError(f"{place}: {value!r} is not possible; {key!r} is {allowed}.")
    return fitting


def _external(distribution: BaseDistribution, value: Any) -> Any:
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _line(item: Item, value: Any) -> str:
    def string(text: str) -> str:
        return text if choice_key(text) in item.references else escape(text)

    return f"{item.key}={as_text(value, string)}"


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
    for index in range(min(MOST_CHOICES, max(map(len, choices.values()), default=0))):
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


def read_plan(
    arguments: Sequence[str],
    params: DictConfig | Mapping[str, Any] | None,
    config_loader: Any = None,
    config: DictConfig | None = None,
) -> Plan:
    """Read a sweep's search space.

    Args:
        arguments: Overrides from the command line.
        params: ``hydra.sweeper.params``.
        config_loader: Hydra's, to look up the options of config groups; None leaves them unchecked.
        config: The sweep's own configuration, where conditions may look up what is neither swept nor fixed.

    Raises:
        ConfigError: Something cannot mean anything; the message names the key and the remedy.
    """
    reader = _Reader(config_loader, config)
    written = list(reader.params(params))
    _refuse_twice(written)
    typed = [reader.argument(argument) for argument in arguments]
    _refuse_twice(typed)
    items = resolve(_merged(written, typed), config)
    space = _space(items)
    return Plan(space, tuple(item.line for item in items if item.line is not None and not item.when), tuple(items))


def _space(items: Sequence[Item]) -> SearchSpace:
    swept = [
        Parameter(item.name, item.distribution, item.when, item.ordered)
        for item in items
        if item.distribution is not None
    ]
    try:
        return SearchSpace(swept)
    except ValueError as error:
        raise ConfigError(f"hydra.sweeper.params: {error}") from error


def _refuse_repeated(items: Sequence[Item], repeats: Sequence[Item]) -> None:
    for repeat in repeats:
        for item in items:
            if item.bare == repeat.bare:
                raise ConfigError(f"{repeat.where} is given {item.place}, too; keep one of them.")


def _refuse_twice(items: Sequence[Item]) -> None:
    """Refuse a key that is swept and given once more in the same place, without conditions to tell them apart."""
    seen: dict[str, Item] = {}
    for item in items:
        other = seen.setdefault(item.bare, item)
        swept = item.distribution is not None or other.distribution is not None
        if other is not item and swept and not (item.conditions and other.conditions):
            raise ConfigError(f"{item.where} is given twice ({other.key!r} and {item.key!r}); keep one of them.")


def _merged(written: Sequence[Item], typed: Sequence[Item]) -> list[Item]:
    """Return all items; of two with one key the one from the command line, under the condition of the other."""
    winners = {item.bare: item for item in typed}
    conditional = {item.bare for item in written if item.conditions}
    kept = []
    for item in written:
        winner = winners.get(item.bare)
        if winner is None:
            kept.append(item)
        elif item.conditions:
            kept.append(replace(winner, conditions=item.conditions))
    return kept + [item for item in typed if item.bare not in conditional]


class _Reader:
    """Turns what the user wrote into items."""

    def __init__(self, config_loader: Any, config: DictConfig | None = None) -> None:
        self.config_loader = config_loader
        self.config = config
        self.parser = OverridesParser(functions=function_table(), config_loader=config_loader)

    def argument(self, argument: str) -> Item:
        """Return the item of a command line override."""
        return self._grammar(argument, argument.split("=", 1)[0], COMMAND_LINE)

    def params(self, params: Any, prefix: str = "", conditions: tuple[Condition, ...] = ()) -> Iterator[Item]:
        """Yield the items of ``hydra.sweeper.params``, or of a dictionary inside it."""
        if params is None:
            return
        if not isinstance(params, (DictConfig, Mapping)):
            raise ConfigError(
                f"hydra.sweeper.params{prefix and '.' + prefix} must be a mapping of parameters, not {params!r}."
            )
        for key, value in _entries(params):
            if not isinstance(key, str):
                raise ConfigError(f"A key of hydra.sweeper.params must be a parameter's name, not {key!r}.")
            block = parse_block(key, self._value)
            if block is not None:
                yield from self.params(_mapping(key, value), prefix, conditions + block)
                continue
            name = f"{prefix}.{key}" if prefix else key
            yield from self._entry(name, value, conditions)

    def _entry(self, name: str, value: Any, conditions: tuple[Condition, ...]) -> Iterator[Item]:
        if isinstance(value, dict) and _is_spec(value):
            item = self._spec(name, value)
        elif isinstance(value, dict) and value:
            yield from self.params(value, name, conditions)
            return
        elif isinstance(value, str):
            item = self._grammar(f"{name}={value.strip()}", name, PARAMS)
        else:
            item = self._grammar(f"{name}={as_text(value)}", name, PARAMS)
        yield replace(item, conditions=conditions + item.conditions)

    def _grammar(self, text: str, key: str, place: str) -> Item:
        try:
            override = self.parser.parse_rule(text, "override")
        except HydraException as error:
            raise ConfigError(f"{key!r} {place}: {_reason(text, error)}") from error
        override.config_loader = self.config_loader
        item = Item(override.get_key_element(), place)
        if override.is_sweep_override():
            _refuse_to_sweep(item, override)
            return self._sweep(item, override)
        value = None if override.is_delete() else override.value()
        return replace(item, name=item.key, line=text, value=value)

    def _value(self, text: str) -> Any:
        """Return a value in the grammar; several with commas between them as a list."""
        try:
            value = self.parser.parse_rule(text, "value")
        except HydraException as error:
            raise ValueError(_reason(text, error)) from error
        if isinstance(value, ChoiceSweep):
            value = value.list
        return Override._convert_value(value)

    def _sweep(self, item: Item, override: Override) -> Item:
        sweep = override._value
        tags: set[str] = getattr(sweep, "tags", set())
        try:
            if isinstance(sweep, Glob):
                return _choices(replace(item, group=True), self._matching(override, sweep))
            if isinstance(sweep, ChoiceSweep):
                _refuse_tag("log", tags, "choices; tag(ordered, choice(...)) says that they lie on a scale")
                values = [Override._convert_value(value) for value in sweep.list]
                item = replace(item, group=self._check_options(override.key_or_group, values))
                return _choices(item, values, "ordered" in tags)
            _refuse_tag("ordered", tags, "numbers, which are in order anyway; leave it out")
            if isinstance(sweep, RangeSweep):
                assert isinstance(sweep, Range)
                return replace(item, name=item.key, distribution=_of_range(sweep, "log" in tags))
            assert isinstance(sweep, IntervalSweep)
            return replace(item, name=item.key, distribution=_of_interval(sweep, "log" in tags))
        except ValueError as error:
            raise ConfigError(f"{item.where}: {error}") from error

    def _spec(self, name: str, spec: dict[str, Any]) -> Item:
        item = Item(name, PARAMS)
        try:
            if "sweep" in spec:
                _only_keys(spec, ("sweep", "when"), "a parameter with 'sweep'")
                item = next(self._entry(name, spec["sweep"], ()))
            else:
                item = _of_spec(item, self._grammar(f"{name}=0", name, PARAMS).key, spec)
                if isinstance(item.distribution, CategoricalDistribution):
                    group = self._check_options(item.bare.partition("@")[0], item.distribution.choices)
                    item = replace(item, group=group)
            return replace(item, conditions=parse_when(spec.get("when"), self._value))
        except ValueError as error:
            raise ConfigError(f"{item.where}: {error}") from error

    def _matching(self, override: Override, glob: Glob) -> list[str]:
        options = self._options(override.key_or_group)
        found = glob.filter(options)
        if not found:
            raise ValueError(
                f"glob() finds nothing in config group {override.key_or_group!r}; its options: "
                f"{', '.join(options) or 'none, or there is no such group'}"
            )
        return list(found)

    def _options(self, group: str) -> list[str]:
        # A key with dots names a value: groups are nested with slashes.
        if self.config_loader is None or "." in group:
            return []
        if self.config is None:
            return sorted(self.config_loader.get_group_options(group))
        # Both may name further directories of configurations.
        where = {"config_name": self.config.hydra.job.config_name, "overrides": hydra_overrides(self.config)}
        return sorted(self.config_loader.get_group_options(group, **where))

    def _check_options(self, group: str, values: Sequence[Any]) -> bool:
        """Refuse a choice that is no option of the config group it is meant for; return whether there is a group."""
        options = self._options(group)
        for value in values if options else ():
            for name in value if isinstance(value, list) else [value]:
                simple = isinstance(name, str) and "/" not in name and "${" not in name and "." not in name
                if simple and name not in options:
                    raise ValueError(
                        f"config group {group!r} has no option {name!r}; its options: "
                        f"{', '.join(options)}.{closest(name, options)}"
                    )
        return bool(options)


def _refuse_to_sweep(item: Item, override: Override) -> None:
    if override.is_delete():
        raise ConfigError(f"{item.where}: a deletion has one value or none; sweep over something else.")
    if override.is_hydra_override():
        raise ConfigError(
            f"{item.where}: Hydra's own configuration cannot be swept; sweep over a key of the application."
        )


def _reason(text: str, error: Exception) -> str:
    """Return one line on why the parser refused a text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Hydra tells the function's own words after the expression: "ValueError while evaluating 'range(1)': ...".
    reason = "; ".join(lines) or type(error).__name__
    hint = "" if "evaluating" in reason else "; put a text with special characters into quotes"
    return f"cannot read {text.split('=', 1)[-1]!r}: {reason}{hint}"


def _entries(mapping: Any) -> Iterator[tuple[Any, Any]]:
    """Yield keys and plain values; interpolations resolved, escaped ones left as they are written."""
    if not isinstance(mapping, DictConfig):
        yield from mapping.items()
        return
    for key in mapping:
        try:
            yield key, _resolved(mapping, key)
        except Exception as error:
            raise ConfigError(f"{key!r} {PARAMS}: {error}") from error


def _resolved(container: DictConfig | ListConfig, key: Any) -> Any:
    if OmegaConf.is_missing(container, key):
        raise ValueError("'???' is OmegaConf's mark for a missing value; write one")
    node = container._get_node(key)
    raw = node._value() if isinstance(node, Node) else None
    if isinstance(raw, str) and not has_interpolation(raw):
        return raw
    value = container[key]
    if isinstance(value, DictConfig):
        return {name: _resolved(value, name) for name in value}
    if isinstance(value, ListConfig):
        return [_resolved(value, index) for index in range(len(value))]
    return value


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{key!r} {PARAMS} must hold a mapping of parameters, not {value!r}.")
    return value


# --- numbers -------------------------------------------------------------------------------------------------------


def _refuse_tag(tag: str, tags: Iterable[str], subject: str) -> None:
    if tag in tags:
        raise ValueError(f"the tag {tag!r} means nothing for {subject}")


def _check_bounds(low: Any, high: Any, log: bool) -> None:
    if low > high:
        raise ValueError(f"the lower bound {low} is above the upper bound {high}; swap them")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale needs bounds above 0, but the lower bound is {low}")


def _of_interval(sweep: IntervalSweep, log: bool) -> BaseDistribution:
    return _numeric(sweep.start, sweep.end, log, getattr(sweep, "step", None))


def _numeric(low: Any, high: Any, log: bool, step: Any) -> BaseDistribution:
    """Return the distribution of all ints, or of all floats, between two bounds."""
    _check_bounds(low, high, log)
    if step is not None and step <= 0:
        raise ValueError(f"step must be above 0, not {step}")
    if log and step not in (None, 1 if isinstance(low, int) else None):
        raise ValueError(f"a logarithmic scale has no step, but step is {step}; leave one of them out")
    if isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int)):
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low, high, log=log, step=step)


def _of_range(sweep: Range, log: bool) -> BaseDistribution:
    first, step, count = sweep.exact()
    if count == 0:
        raise ValueError(
            f"range from {sweep.start} to {sweep.stop} in steps of {sweep.step} is empty (the stop is not included)"
        )
    last = first + step * (count - 1)
    low, high = min(first, last), max(first, last)
    if sweep.is_integral():
        _check_exact(low, high)
        return _numeric(int(low), int(high), log, abs(int(step)) if count > 1 else 1)
    _check_bounds(float(low), float(high), log)
    if log:
        raise ValueError(f"a logarithmic scale has no step, but a range has ({sweep.step}); use interval()")
    return FloatDistribution(float(low), float(high), step=float(abs(step)))


def _check_exact(low: Any, high: Any) -> None:
    if max(abs(low), abs(high)) > MAX_EXACT_INTEGER:
        raise ValueError("ints beyond ±2**53 are not kept exactly; sweep over an exponent, or give strings as choices")


def _choices(item: Item, values: Sequence[Any], ordered: bool = False) -> Item:
    """Return the item with choices, each told apart by type and value, escaped texts as the job will see them."""
    if ordered and all(type(value) in (int, float) for value in values):
        values = sorted(values)
    references = {choice_key(text) for value in values for text in _strings(value) if has_interpolation(text)}
    seen = [_unescaped(value) for value in values]
    unique = {choice_key(value): value for value in seen}
    item = replace(item, name=item.key, ordered=ordered, references=frozenset(references))
    item = replace(item, distribution=CategoricalDistribution(list(unique.values())))
    for value in unique.values():
        _check_choice(item, value)
    return item


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _unescaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_unescaped(part) for part in value]
    if isinstance(value, dict):
        return {key: _unescaped(part) for key, part in value.items()}
    return unescape(value) if isinstance(value, str) and not has_interpolation(value) else value


def _check_choice(item: Item, value: Any) -> None:
    """Refuse what an override cannot say, so that every other value arrives as it is."""
    if any(text == "???" for text in _strings(value)):
        raise ValueError("'???' cannot be a choice: it is OmegaConf's mark for a missing value")
    if type(value) is int and abs(value) > MAX_EXACT_INTEGER and item.ordered:
        _check_exact(value, value)
    if isinstance(value, (list, dict)):
        line = _line(item, value)
        try:
            back = OverridesParser(functions=function_table()).parse_rule(f"x={line[len(item.key) + 1 :]}", "override")
            same = choice_key(_unescaped(back.value())) == choice_key(value)
        except (HydraException, ValueError, TypeError):
            same = False
        if not same:
            raise ValueError(f"the choice {value!r} cannot be written as an override; use plain words as its keys")


# --- mappings ------------------------------------------------------------------------------------------------------

KINDS: dict[str, tuple[str, ...]] = {
    "float": ("type", "low", "high", "log", "step", "when"),
    "int": ("type", "low", "high", "log", "step", "when"),
    "categorical": ("type", "choices", "ordered", "when"),
}
_SPEC_KEYS = {key for keys in KINDS.values() for key in keys}


def _is_spec(mapping: Mapping[str, Any]) -> bool:
    """Return whether a mapping describes one parameter rather than holds several."""
    kind = mapping.get("type")
    return (
        kind in KINDS
        or "sweep" in mapping
        or "choices" in mapping
        or {"low", "high"} <= mapping.keys()
        or ("type" in mapping and isinstance(kind, str) and mapping.keys() <= _SPEC_KEYS)
    )


def _only_keys(spec: Mapping[str, Any], allowed: Sequence[str], subject: str) -> None:
    for key in spec:
        if key not in allowed:
            raise ValueError(
                f"unknown key {key!r} of {subject}; allowed: {', '.join(allowed)}.{closest(str(key), allowed)}"
            )


def _of_spec(item: Item, key: str, spec: dict[str, Any]) -> Item:
    item = replace(item, key=key, name=key)
    kind = spec.get("type", "categorical" if "choices" in spec else None)
    if kind not in KINDS:
        known = ", ".join(KINDS)
        said = "has no 'type'" if kind is None else f"has the unknown type {kind!r}"
        raise ValueError(f"the parameter {said}; a type is one of {known}.{closest(str(kind), KINDS)}")
    _only_keys(spec, KINDS[kind], f"a parameter of type {kind}")
    if kind == "categorical":
        choices = spec.get("choices")
        if not isinstance(choices, list) or not choices:
            raise ValueError(f"'choices' must be a list with at least one value, not {choices!r}")
        return _choices(item, choices, _boolean(spec, "ordered"))
    return replace(item, distribution=_numeric_spec(kind, spec))


def _numeric_spec(kind: str, spec: Mapping[str, Any]) -> BaseDistribution:
    number = _int_of if kind == "int" else _float_of
    low, high = (number(spec, name) for name in ("low", "high"))
    step = None if spec.get("step") is None else number(spec, "step")
    return _numeric(low, high, _boolean(spec, "log"), step)


def _boolean(spec: Mapping[str, Any], name: str) -> bool:
    value = spec.get(name)
    if value is not None and type(value) is not bool:
        raise ValueError(f"{name!r} must be true or false, not {value!r}")
    return bool(value)


def _float_of(spec: Mapping[str, Any], name: str) -> float:
    value = spec.get(name)
    try:
        # Some YAML readers take 1e-5 for a text.
        number = float(value) if type(value) in (int, float, str) else math.nan  # type: ignore[arg-type]
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name!r} must be a finite number, not {value!r}")
    return number


def _int_of(spec: Mapping[str, Any], name: str) -> int:
    number = _float_of(spec, name)
    if number != int(number):
        raise ValueError(f"{name!r} of a parameter of type int must be an integer, not {spec.get(name)!r}")
    _check_exact(int(number), int(number))
    return int(number)
