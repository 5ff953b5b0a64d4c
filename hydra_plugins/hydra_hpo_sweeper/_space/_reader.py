"""Read entries from overrides of the command line and the values of ``hydra.sweeper.params``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._nodes import written
from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import parsed_value, parser_with, plain
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, has_interpolation
from hydra_plugins.hydra_hpo_sweeper._space._choices import of_choices
from hydra_plugins.hydra_hpo_sweeper._space._conditions import parse_block, parse_when
from hydra_plugins.hydra_hpo_sweeper._space._entries import (
    COMMAND_LINE,
    PARAMS,
    Address,
    Condition,
    Entry,
    Fixed,
    Listed,
    Swept,
)
from hydra_plugins.hydra_hpo_sweeper._space._functions import FUNCTIONS, ListSweep, Range, stated
from hydra_plugins.hydra_hpo_sweeper._space._lists import permuted, weighted
from hydra_plugins.hydra_hpo_sweeper._space._mapping import is_spec, of_spec, only_keys
from hydra_plugins.hydra_hpo_sweeper._space._mistakes import (
    looks_like_more,
    refuse_foreign,
    refuse_sweep_inside,
    two_numbers,
    without_commas,
)
from hydra_plugins.hydra_hpo_sweeper._space._numbers import of_interval, of_range
from hydra_plugins.hydra_hpo_sweeper._space._options import Options
from hydra_plugins.hydra_hpo_sweeper._space._refused import reason_of_refusal
from hydra_plugins.hydra_hpo_sweeper._space._syntax import looks_like_a_sweep, no_assignment
from hydra_plugins.hydra_hpo_sweeper._space._zip import inside_of_zip, members_of, values_of, zipped
from sweeper_core.distributions import CategoricalDistribution
from sweeper_core.search_space.lists import Permutation


class Reader:
    """Reads texts in Hydra's grammar, and mappings.

    Args:
        config_loader: Hydra's, to look up the options of config groups; None leaves them unchecked.
        config: The sweep's own configuration.
    """

    def __init__(self, config_loader: Any, config: DictConfig | None = None) -> None:
        self._config_loader = config_loader
        self._options = Options(config_loader, config)
        self._config = config
        self._parser = parser_with(FUNCTIONS, config_loader)
        self.hints: list[str] = []
        """Hints on entries that may be meant otherwise, one line each."""

    def argument(self, argument: str) -> Entry:
        """Return the entry of a command line override."""
        return self._parsed(argument, Address(argument.split("=", 1)[0], COMMAND_LINE))

    def params(self, params: Any, prefix: str = "", conditions: tuple[Condition, ...] = ()) -> Iterator[Entry]:
        """Yield the entries of ``hydra.sweeper.params``, or of a dictionary inside it.

        Raises:
            ConfigError: A value cannot be read.
        """
        if params is None:
            return
        if not isinstance(params, (DictConfig, Mapping)):
            raise ConfigError(
                f"hydra.sweeper.params{prefix and '.' + prefix} must be a mapping of parameters, not {params!r}."
            )
        for key, value in _resolved_entries(params):
            if not isinstance(key, str):
                raise ConfigError(f"A key of hydra.sweeper.params must be a parameter's name, not {key!r}.")
            block = parse_block(key, self._value, isinstance(value, dict))
            if block is not None:
                yield from self.params(_mapping(key, value), prefix, conditions + block)
                continue
            at = Address(f"{prefix}.{key}" if prefix else key, PARAMS)
            for entry in self._entries(at, value):
                yield replace(entry, conditions=conditions + entry.conditions)

    def _entries(self, at: Address, value: Any) -> Iterator[Entry]:
        if isinstance(value, dict) and value and not is_spec(value):
            self._refuse_foreign(at, value)
            yield from self.params(value, at.key)
        else:
            yield self._entry(at, value)

    def _refuse_foreign(self, at: Address, value: dict[str, Any]) -> None:
        known = None if self._config is None else OmegaConf.select(self._config, at.bare)
        if isinstance(known, DictConfig) and value.keys() <= known.keys():
            return  # fixed values of a part of the application's configuration
        try:
            refuse_foreign(value)
        except ValueError as error:
            raise ConfigError(f"{at}: {error}.") from error

    def _entry(self, at: Address, value: Any) -> Entry:
        if isinstance(value, dict) and is_spec(value):
            return self._spec(at, value)
        text = value.strip() if isinstance(value, str) else as_text(value)
        return self._parsed(f"{at.key}={text}", at)

    def _parsed(self, text: str, at: Address) -> Entry:
        inside = inside_of_zip(text.partition("=")[2])
        if inside is not None:
            return self._zip(Address(at.key.strip(), at.place), inside)
        try:
            override = self._parser.parse_rule(text, "override")
        except HydraException as error:
            hint = no_assignment(text) if at.place == COMMAND_LINE else None
            raise ConfigError(hint or f"{at}: {reason_of_refusal(text.split('=', 1)[-1], error)}") from error
        override.config_loader = self._config_loader
        at = Address(override.get_key_element(), at.place)
        if not at.bare:
            raise ConfigError(f"{text!r} {at.place} has no key; write key=sweep.")
        try:
            if override.is_sweep_override():
                _refuse_to_sweep(at, override)
                if isinstance(sweep := parsed_value(override), ListSweep):
                    return self._listed(at, override.key_or_group, sweep)
                entry = replace(self._sweep(at, override), prior=stated(sweep))
                self._hint(at, entry, override, text)
                return entry
            return self._fixed(at, override, text)
        except ValueError as error:
            raise ConfigError(f"{at}: {error}") from error

    def _listed(self, at: Address, group: str, sweep: ListSweep) -> Listed:
        if sweep.function == "permutation":
            return self._checked(group, permuted(at, [plain(item) for item in sweep.list]))
        return self._checked(group, weighted(at, sweep.size))

    def _checked(self, group: str, entry: Listed) -> Listed:
        """Return a list whose key may be a config group's, which then has options of that group."""
        if isinstance(entry.shape, Permutation):
            is_group = self._options.check(group, entry.shape.items)
            return replace(entry, element=replace(entry.element, group=is_group))
        self._options.refuse_numbers(group)
        return entry

    def _zip(self, at: Address, inside: str) -> Swept:
        try:
            return zipped(at, [self._member(Address(key, at.place), text) for key, text in members_of(inside)])
        except ValueError as error:
            raise ConfigError(f"{at}: {error}") from error

    def _member(self, at: Address, text: str) -> tuple[Swept, list[Any]]:
        if inside_of_zip(text) is not None:
            raise ValueError(f"the member {at.key!r} is a zip() itself; give its members to the outer one")
        try:
            override = self._parser.parse_rule(f"{at.key}={text}", "override")
        except HydraException as error:
            raise ValueError(f"the member {at.key!r}: {reason_of_refusal(text, error)}") from error
        at = Address(override.get_key_element(), at.place)
        _refuse_to_sweep(at, override)
        values = values_of(at.key, parsed_value(override))
        if not values:
            raise ValueError(f"the member {at.key!r} of zip() has no values")
        return of_choices(at, values, group=self._options.check(override.key_or_group, values)), values

    def _fixed(self, at: Address, override: Override, text: str) -> Fixed:
        value = None if override.is_delete() else override.value()
        refuse_sweep_inside(value)
        if isinstance(parsed_value(override), QuotedString):
            self._add_hint(at, looks_like_more(iter([str(value)])))
        elif isinstance(value, str):
            self._add_hint(at, looks_like_a_sweep(value))
        return Fixed(at, text, value)

    def _hint(self, at: Address, entry: Swept, override: Override, text: str) -> None:
        if isinstance(entry.distribution, CategoricalDistribution):
            choices = entry.distribution.choices
            self._add_hint(at, looks_like_more(choice for choice in choices if isinstance(choice, str)))
            self._add_hint(at, without_commas(choices))
            written = text.split("=", 1)[1].strip()
            for function in ("float", "int"):
                self._add_hint(at, two_numbers(function, list(choices), written))

    def _add_hint(self, at: Address, hint: str | None) -> None:
        if hint is not None:
            self.hints.append(f"{at}: {hint}")

    def _value(self, text: str) -> Any:
        """Return a value in the grammar; several with commas between them as a list."""
        try:
            value = self._parser.parse_rule(text, "value")
        except HydraException as error:
            raise ValueError(reason_of_refusal(text, error)) from error
        if isinstance(value, ChoiceSweep):
            value = value.list
        return plain(value)

    def _sweep(self, at: Address, override: Override) -> Swept:
        group = override.key_or_group
        sweep = parsed_value(override)
        if isinstance(sweep, Glob):
            return of_choices(at, self._options.matching(group, sweep), group=True)
        if isinstance(sweep, ChoiceSweep):
            _refuse_tag("log", sweep.tags, "choices; tag(ordered, choice(...)) says that they lie on a scale")
            values = [plain(value) for value in sweep.list]
            return of_choices(at, values, "ordered" in sweep.tags, group=self._options.check(group, values))
        self._options.refuse_numbers(group)
        _refuse_tag("ordered", sweep.tags, "numbers, which are in order anyway; leave it out")
        if isinstance(sweep, Range):
            return Swept(at, of_range(sweep))
        assert isinstance(sweep, IntervalSweep)
        return Swept(at, of_interval(sweep))

    def _spec(self, at: Address, spec: dict[str, Any]) -> Entry:
        try:
            entry = self._swept_spec(at, spec) if "sweep" in spec else self._described(at, spec)
            return replace(entry, conditions=parse_when(spec.get("when"), self._value))
        except ValueError as error:
            raise ConfigError(f"{at}: {error}") from error

    def _swept_spec(self, at: Address, spec: dict[str, Any]) -> Entry:
        only_keys(spec, ("sweep", "when"), "a parameter with 'sweep'")
        return next(self._entries(at, spec["sweep"]))

    def _described(self, at: Address, spec: dict[str, Any]) -> Swept | Listed:
        entry = of_spec(self._parsed(f"{at.key}=0", at).at, spec)
        name = entry.at.bare.partition("@")[0]
        if isinstance(entry, Listed):
            return self._checked(name, entry)
        if not isinstance(entry.distribution, CategoricalDistribution):
            self._options.refuse_numbers(name)
            return entry
        self._add_hint(at, looks_like_more(c for c in entry.distribution.choices if isinstance(c, str)))
        group = self._options.check(name, entry.distribution.choices)
        return replace(entry, group=group)


def _refuse_to_sweep(at: Address, override: Override) -> None:
    if override.is_delete():
        raise ConfigError(f"{at}: a deletion has one value or none; sweep over something else.")
    package = override.package or ""
    if override.is_hydra_override() or package == "hydra" or package.startswith("hydra."):
        raise ConfigError(f"{at}: Hydra's own configuration cannot be swept; sweep over a key of the application.")


def _refuse_tag(tag: str, tags: set[str], subject: str) -> None:
    if tag in tags:
        raise ValueError(f"the tag {tag!r} means nothing for {subject}")


def _resolved_entries(mapping: Any) -> Iterator[tuple[Any, Any]]:
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
    raw = written(container, key)
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
