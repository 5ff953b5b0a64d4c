"""What the user wrote as entries: overrides of the command line, and the values of ``hydra.sweeper.params``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._nodes import written
from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import parsed_value, parser_with, plain
from hydra_plugins.hydra_hpo_sweeper._space._choices import of_choices
from hydra_plugins.hydra_hpo_sweeper._space._conditions import parse_block, parse_when
from hydra_plugins.hydra_hpo_sweeper._space._entries import (
    COMMAND_LINE,
    PARAMS,
    Address,
    Condition,
    Entry,
    Fixed,
    Swept,
)
from hydra_plugins.hydra_hpo_sweeper._space._functions import FUNCTIONS, Range
from hydra_plugins.hydra_hpo_sweeper._space._mapping import is_spec, of_spec, only_keys
from hydra_plugins.hydra_hpo_sweeper._space._numbers import of_interval, of_range
from hydra_plugins.hydra_hpo_sweeper._space._options import Options
from hydra_plugins.hydra_hpo_sweeper._space._values import as_text, has_interpolation
from sweeper_core.distributions import CategoricalDistribution


class Reader:
    """Reads texts in Hydra's grammar, and mappings.

    Args:
        config_loader: Hydra's, to look up the options of config groups; None leaves them unchecked.
        config: The sweep's own configuration.
    """

    def __init__(self, config_loader: Any, config: DictConfig | None = None) -> None:
        self._config_loader = config_loader
        self._options = Options(config_loader, config)
        self._parser = parser_with(FUNCTIONS, config_loader)

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
            block = parse_block(key, self._value)
            if block is not None:
                yield from self.params(_mapping(key, value), prefix, conditions + block)
                continue
            at = Address(f"{prefix}.{key}" if prefix else key, PARAMS)
            for entry in self._entries(at, value):
                yield replace(entry, conditions=conditions + entry.conditions)

    def _entries(self, at: Address, value: Any) -> Iterator[Entry]:
        if isinstance(value, dict) and value and not is_spec(value):
            yield from self.params(value, at.key)
        else:
            yield self._entry(at, value)

    def _entry(self, at: Address, value: Any) -> Entry:
        if isinstance(value, dict) and is_spec(value):
            return self._spec(at, value)
        text = value.strip() if isinstance(value, str) else as_text(value)
        return self._parsed(f"{at.key}={text}", at)

    def _parsed(self, text: str, at: Address) -> Entry:
        try:
            override = self._parser.parse_rule(text, "override")
        except HydraException as error:
            raise ConfigError(f"{at}: {_reason(text, error)}") from error
        override.config_loader = self._config_loader
        at = Address(override.get_key_element(), at.place)
        if override.is_sweep_override():
            _refuse_to_sweep(at, override)
            try:
                return self._sweep(at, override)
            except ValueError as error:
                raise ConfigError(f"{at}: {error}") from error
        return Fixed(at, text, None if override.is_delete() else override.value())

    def _value(self, text: str) -> Any:
        """Return a value in the grammar; several with commas between them as a list."""
        try:
            value = self._parser.parse_rule(text, "value")
        except HydraException as error:
            raise ValueError(_reason(text, error)) from error
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

    def _described(self, at: Address, spec: dict[str, Any]) -> Swept:
        entry = of_spec(self._parsed(f"{at.key}=0", at).at, spec)
        if not isinstance(entry.distribution, CategoricalDistribution):
            return entry
        group = self._options.check(entry.at.bare.partition("@")[0], entry.distribution.choices)
        return replace(entry, group=group)


def _refuse_to_sweep(at: Address, override: Override) -> None:
    if override.is_delete():
        raise ConfigError(f"{at}: a deletion has one value or none; sweep over something else.")
    if override.is_hydra_override():
        raise ConfigError(f"{at}: Hydra's own configuration cannot be swept; sweep over a key of the application.")


def _refuse_tag(tag: str, tags: set[str], subject: str) -> None:
    if tag in tags:
        raise ValueError(f"the tag {tag!r} means nothing for {subject}")


def _reason(text: str, error: Exception) -> str:
    """Return one line on why the parser refused a text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Hydra tells the function's own words after the expression: "ValueError while evaluating 'range(1)': ...".
    reason = "; ".join(lines) or type(error).__name__
    hint = "" if "evaluating" in reason else "; put a text with special characters into quotes"
    return f"cannot read {text.split('=', 1)[-1]!r}: {reason}{hint}"


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
