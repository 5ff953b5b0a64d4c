"""Histories in which running trials without parameters have the points that they are expected to get."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import Column, History
from sweeper_core.trial.record import Layout


@dataclass(frozen=True)
class Fantasy:
    """The expected point of a trial: parameters (external values), and what is stored with a suggestion."""

    params: Mapping[str, Any]
    origin: str = ""
    generation: int = 0


def with_fantasies(history: History, space: SearchSpace, fantasies: Mapping[int, Fantasy]) -> History:
    """Return the history with the points of some of its running trials, which may have some of the parameters already.

    Args:
        fantasies: By row; rows that the history does not have are left out.
    """
    fantasies = {row: fantasy for row, fantasy in fantasies.items() if row < len(history)}
    if not fantasies:
        return history
    columns, layouts = dict(history.columns), list(history.layouts)
    origin, generation = list(history.origin), history.generation.copy()
    for row, fantasy in fantasies.items():
        params = {name: value for name, value in fantasy.params.items() if name in space}
        layouts[row] = Layout.of({**layouts[row].as_dict(), **{name: space[name].distribution for name in params}})
        origin[row], generation[row] = fantasy.origin, fantasy.generation
    for name in space.names:
        values = {row: fantasy.params[name] for row, fantasy in fantasies.items() if name in fantasy.params}
        if values:
            columns[name] = _filled(columns.get(name), space[name].distribution, values, len(history))
    known = {name: column.choices for name, column in history.columns.items()}
    # Samplers cache how they read a column's choices, by their number.
    same = all(known.get(name, ()) == column.choices for name, column in columns.items())
    version = history.version if same else (secrets.randbits(62), 0)
    return replace(history, columns=columns, layouts=layouts, origin=origin, generation=generation, version=version)


def _filled(column: Column | None, distribution: BaseDistribution, values: Mapping[int, Any], rows: int) -> Column:
    if column is None:
        categorical = isinstance(distribution, CategoricalDistribution)
        column = Column(np.full(rows, np.nan), () if categorical else None, distribution)
    raw, choices = column.raw.copy(), column.choices
    if isinstance(distribution, CategoricalDistribution) and choices is not None:
        choices = _extended(choices, distribution)
        codes = {choice_key(choice): code for code, choice in enumerate(choices)}
        raw[list(values)] = [codes.get(choice_key(value), np.nan) for value in values.values()]
    elif not isinstance(distribution, CategoricalDistribution) and choices is None:
        raw[list(values)] = [distribution.to_internal_repr(value) for value in values.values()]
    return Column(raw, choices, column.distribution)


def _extended(choices: tuple[Any, ...], distribution: CategoricalDistribution) -> tuple[Any, ...]:
    known = {choice_key(choice) for choice in choices}
    new = tuple(choice for choice in distribution.choices if choice_key(choice) not in known)
    return choices + new if new else choices
