"""The columnar history of a study, from which samplers work, and the table that builds it.

Notation

======  ========================================================================
n       number of trials; row k is the configuration whose first attempt is trial k
m       number of objectives
c       number of constraints
raw     internal value of a parameter; NaN where a trial does not have it
======  ========================================================================

The latest attempt represents a configuration. The rows of trials that are not first attempts stay empty, so that rows
keep their places, and the first k rows are the history before trial k.

All values are to be minimised: values of objectives to be maximised are negated once, when a record is folded.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.attempts import Attempts
from sweeper_core.trial.attrs import COST, REPEATS, SUGGESTION, VERDICT
from sweeper_core.trial.feasible import feasible_rows, violation
from sweeper_core.trial.record import Layout, TrialRecord, ran_out_of_memory
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ABSENT = -1
"""State of a row whose trial is known to exist but has not been read yet."""

FURTHER_ATTEMPT = -2
"""State of the row of a trial that continues the configuration of an earlier row."""


@dataclass(frozen=True)
class Column:
    """One parameter over all trials.

    Attributes:
        raw: ``(n,)``; for a categorical the index into ``choices``.
        choices: None for numbers; for a categorical every choice seen so far, first seen first.
        distribution: The latest one.
    """

    raw: Floats
    choices: tuple[Any, ...] | None
    distribution: BaseDistribution


@dataclass(frozen=True)
class History:
    """An immutable snapshot of the first ``n`` trials, for samplers.

    Attributes:
        states: ``(n,)`` int8, :class:`TrialState`; ``ABSENT`` for a row not read yet, ``FURTHER_ATTEMPT`` for one
            whose trial belongs to an earlier row.
        values: ``(n, m)`` signed so that smaller is better; NaN where there is none. Pruned trials have
            none (their last report is in ``last_value``).
        constraints: ``(n, c)``, satisfied where <= 0, NaN where not reported (and infinite where NaN was);
            ``constraint_names`` of length c.
        last_step: ``(n,)`` step of the last report, -1 without one; ``last_value`` its value, signed
            as the first objective (NaN without one).
        forecast: ``(n, 2)`` expected final value of a pruned trial, signed as the first objective, and its
            standard deviation; NaN without a forecast.
        repeats: ``(n,)`` number of runs that the value is the mean of (1 for most), ``spread`` their standard deviation
            (0 where there is one run only).
        oom: ``(n,)`` which trials failed because memory ran out.
        costs: ``(n,)`` what the configuration has cost, all attempts together; NaN where unknown.
        origin: ``(n,)`` names of the algorithms that made the suggestions ("" where unknown).
        generation: ``(n,)`` the small integer that the algorithm stored with it.
        columns: parameters by name, in the order of first appearance.
        layouts: the layout of each trial's parameters, ``n`` entries that share few objects.
        sources: histories of earlier studies, for transfer learning.
        ends: ``(n, m)`` expected values of PRUNED trials that reported several objectives, signed; NaN for all others.
            None where there are none.
        version: the unique key of the table that this is a snapshot of, and its number of changes.
    """

    states: npt.NDArray[np.int8]
    values: Floats
    constraints: Floats
    constraint_names: tuple[str, ...]
    last_step: Integers
    last_value: Floats
    forecast: Floats
    repeats: Integers
    spread: Floats
    oom: Flags
    costs: Floats
    origin: Sequence[str]
    generation: Integers
    columns: Mapping[str, Column]
    layouts: Sequence[Layout]
    directions: tuple[StudyDirection, ...]
    sources: tuple[History, ...] = ()
    version: tuple[int, int] = (0, 0)
    ends: Floats | None = None

    def __len__(self) -> int:
        return len(self.states)

    def head(self, rows: int) -> History:
        """Return the snapshot of the first ``rows`` trials, as they are now."""
        arrays = {
            name: getattr(self, name)[:rows]
            for name in (
                *("states", "values", "constraints", "last_step", "last_value", "forecast", "repeats", "spread"),
                *("oom", "costs", "origin", "generation", "layouts"),
            )
        }
        columns = {name: replace(column, raw=column.raw[:rows]) for name, column in self.columns.items()}
        ends = None if self.ends is None else self.ends[:rows]
        return replace(self, **arrays, columns=columns, ends=ends, version=(secrets.randbits(62), 0))

    @property
    def n_objectives(self) -> int:
        """Number of objectives, m."""
        return len(self.directions)

    def having(self, *states: TrialState) -> Integers:
        """Return the numbers of the trials in any of the states, ascending."""
        return np.flatnonzero(np.isin(self.states, states))

    @property
    def completed(self) -> Integers:
        """Numbers of the COMPLETE trials, ascending."""
        return np.flatnonzero(self.states == TrialState.COMPLETE)

    @property
    def running(self) -> Integers:
        """Numbers of the RUNNING trials, ascending."""
        return np.flatnonzero(self.states == TrialState.RUNNING)

    @property
    def feasible(self) -> Flags:
        """``(n,)``: see :mod:`sweeper_core.trial.feasible`."""
        return feasible_rows(self.constraints)

    def raw(self, space: SearchSpace, rows: Integers | None = None) -> Floats:
        """Return internal values ``(rows, d)`` in terms of ``space``.

        NaN: the trial does not have the parameter, or has a choice that is not in the space. Numbers
        outside the space's bounds are not changed (see :meth:`within`).
        """
        count = len(self) if rows is None else len(rows)
        out = np.full((count, len(space)), np.nan)
        for position, parameter in enumerate(space):
            column = self.columns.get(parameter.name)
            if column is None:
                continue
            raw = column.raw if rows is None else column.raw[rows]
            out[:, position] = _in_terms_of(parameter.distribution, column, raw)
        return out

    def unit(self, space: SearchSpace, rows: Integers | None = None) -> Floats:
        """Return unit-cube coordinates ``(rows, d)`` in terms of ``space``, clipped to the cube; NaN as in raw."""
        return space.to_unit(self.raw(space, rows))

    def within(self, space: SearchSpace, rows: Integers | None = None) -> Flags:
        """Return ``(rows,)``: whether the trial's point lies in ``space``.

        Every active parameter is present and inside its bounds; inactive ones are ignored.
        """
        raw = self.raw(space, rows)
        good = np.ones(len(raw), dtype=bool)
        active = space.active_mask(raw)
        for position, parameter in enumerate(space):
            column = raw[:, position]
            inside = ~np.isnan(column)
            if not isinstance(parameter.distribution, CategoricalDistribution):
                low, high = parameter.distribution.low, parameter.distribution.high  # type: ignore[attr-defined]
                inside &= (column >= low) & (column <= high)
            good &= inside | ~active[:, position]
        return good


def _in_terms_of(distribution: BaseDistribution, column: Column, raw: Floats) -> Floats:
    if column.choices is None:
        return np.full(len(raw), np.nan) if isinstance(distribution, CategoricalDistribution) else raw
    if not isinstance(distribution, CategoricalDistribution):
        return np.full(len(raw), np.nan)
    if len(column.choices) == len(distribution.choices) and all(map(is_, column.choices, distribution.choices)):
        return raw  # the usual case: there has been one distribution only
    places = (distribution.position(choice) for choice in column.choices)
    table = np.array([np.nan if place is None else float(place) for place in places] + [np.nan])
    codes = np.where(np.isnan(raw), len(table) - 1, raw).astype(np.int64)
    return np.asarray(table[codes])


class _Series:
    """A growing array with immutable snapshots: it grows by doubling, and is copied before a shared row changes."""

    __slots__ = ("_data", "_fill", "_shared")

    def __init__(self, fill: float, dtype: npt.DTypeLike, width: int | None = None, rows: int = 0) -> None:
        shape: tuple[int, ...] = (max(rows, 16),) if width is None else (max(rows, 16), width)
        self._data: npt.NDArray[Any] = np.full(shape, fill, dtype=dtype)
        self._fill = fill
        self._shared = 0

    def put(self, row: int, value: Any) -> None:
        """Set one row; rows between the last and this one hold the fill value."""
        if row >= len(self._data):
            self._grow(row + 1)
        elif row < self._shared:
            if self._same(row, value):
                return
            self._data = self._data.copy()
            self._shared = 0
        self._data[row] = value

    def view(self, rows: int) -> npt.NDArray[Any]:
        """Return the first rows, read-only; they will not change."""
        if rows > len(self._data):
            self._grow(rows)
        self._shared = max(self._shared, rows)
        view = self._data[:rows]
        view.flags.writeable = False
        return view

    def widen(self, width: int) -> None:
        """Add columns of the fill value to a two-dimensional series."""
        data = np.full((len(self._data), width), self._fill, dtype=self._data.dtype)
        data[:, : self._data.shape[1]] = self._data
        self._data, self._shared = data, 0

    def _same(self, row: int, value: Any) -> bool:
        return bool(np.array_equal(self._data[row], value, equal_nan=self._data.dtype.kind == "f"))

    def _grow(self, rows: int) -> None:
        data = np.full((max(rows, 2 * len(self._data)), *self._data.shape[1:]), self._fill, dtype=self._data.dtype)
        data[: len(self._data)] = self._data
        self._data, self._shared = data, 0


@dataclass
class _GrowingColumn:
    raw: _Series
    choices: dict[Any, int] | None
    listed: list[Any]
    distribution: BaseDistribution
    codes: dict[BaseDistribution, list[float]] = field(default_factory=dict)


class TrialTable:
    """The growing trial table of a study: folds changed records, returns immutable histories.

    Folding the same records again, in any order of numbers, gives the same table.
    """

    def __init__(self, directions: Sequence[StudyDirection], sources: tuple[History, ...] = ()) -> None:
        self.directions = tuple(directions)
        self.sources = sources
        self.records: list[TrialRecord | None] = []
        self.changes = 0
        self.serial = secrets.randbits(62)
        """Unique key of this table across processes, for caches."""
        self.finished = 0
        """Number of finished trials folded."""
        self._signs = np.array([direction.sign for direction in self.directions])
        self._states = _Series(ABSENT, np.int8)
        self._values = _Series(np.nan, float, width=len(self.directions))
        self._constraints = _Series(np.nan, float, width=0)
        self._constraint_names: tuple[str, ...] = ()
        self._last_step = _Series(-1, np.int64)
        self._last_value = _Series(np.nan, float)
        self._forecast = _Series(np.nan, float, width=2)
        self._repeats = _Series(1, np.int64)
        self._spread = _Series(0.0, float)
        self._oom = _Series(False, bool)
        self._costs = _Series(np.nan, float)
        self._generation = _Series(0, np.int64)
        self._origin: list[str] = []
        self._layouts: list[Layout] = []
        self._interned: dict[Layout, Layout] = {}
        self._columns: dict[str, _GrowingColumn] = {}
        self._attempts = Attempts()
        self._cost_parts: dict[int, dict[int, float]] = {}
        """The cost of each attempt, by row."""

    def __len__(self) -> int:
        return len(self.records)

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Fold new and changed trials."""
        for record in records:
            self._fold_one(record)

    def _fold_one(self, record: TrialRecord) -> None:
        row = self._attempts.of(record)
        known = self._make_room(record.number, row)
        if COST in record.system_attrs:
            self._put_cost(row, record)
        if known is not None and known.number != record.number:
            if known.number > record.number:
                return  # an earlier attempt
            self._begin_anew(row, record.number)
        elif known is not None and known.state.is_finished() and not record.state.is_finished():
            return  # an older record of a trial that has since ended
        self.finished -= known is not None and known.state.is_finished()
        self.changes += 1
        self.records[row] = record
        self.finished += record.state.is_finished()
        self._states.put(row, record.state)
        if record.state is TrialState.COMPLETE and record.values is not None:
            self._values.put(row, np.asarray(record.values) * self._signs)
        if record.internals and (known is None or known.internals != record.internals or known.layout != record.layout):
            self._put_params(row, record, known)
        if record.reports:
            step, value = record.reports[-1]
            self._last_step.put(row, step)
            self._last_value.put(row, value * self._signs[0])
        if record.system_attrs:
            self._put_attrs(row, record)

    def _put_cost(self, row: int, record: TrialRecord) -> None:
        parts = self._cost_parts.setdefault(row, {})
        parts[record.number] = float(record.system_attrs[COST])
        self._costs.put(row, sum(parts.values()))

    def _begin_anew(self, row: int, attempt: int) -> None:
        """Reset the parts of a row that belong to the previous attempt, and invalidate caches that used its end."""
        self.serial = secrets.randbits(62)
        self._states.put(attempt, FURTHER_ATTEMPT)
        self._forecast.put(row, np.nan)
        self._constraints.put(row, np.nan)
        self._oom.put(row, False)

    def _make_room(self, number: int, row: int) -> TrialRecord | None:
        missing = number + 1 - len(self.records)
        if missing > 0:
            self.records.extend([None] * missing)
            self._origin.extend([""] * missing)
            self._layouts.extend([_UNKNOWN] * missing)
        return self.records[row]

    def _put_params(self, row: int, record: TrialRecord, known: TrialRecord | None) -> None:
        layout = self._interned.setdefault(record.layout, record.layout)
        self._layouts[row] = layout
        if known is not None:
            for name in set(known.layout.names) - set(layout.names):
                self._columns[name].raw.put(row, np.nan)
        for name, distribution, value in zip(layout.names, layout.distributions, record.internals, strict=True):
            column = self._columns.get(name)
            if column is None:
                column = self._new_column(name, distribution)
            column.distribution = distribution
            column.raw.put(row, _code(column, distribution, value))

    def _new_column(self, name: str, distribution: BaseDistribution) -> _GrowingColumn:
        categorical = isinstance(distribution, CategoricalDistribution)
        series = _Series(np.nan, float, rows=len(self.records))
        column = _GrowingColumn(series, {} if categorical else None, [], distribution)
        self._columns[name] = column
        return column

    def _put_attrs(self, row: int, record: TrialRecord) -> None:
        suggestion = record.system_attrs.get(SUGGESTION)
        if suggestion:
            self._origin[row] = str(suggestion.get("origin", ""))
            self._generation.put(row, int(suggestion.get("generation", 0)))
        verdict = record.system_attrs.get(VERDICT)
        if verdict and verdict.get("forecast"):
            expected, deviation = verdict["forecast"]
            self._forecast.put(row, (expected * self._signs[0], deviation))
        if ran_out_of_memory(record):
            self._oom.put(row, True)
        repeats = record.system_attrs.get(REPEATS)
        if repeats:
            self._repeats.put(row, int(repeats["count"]))
            self._spread.put(row, float(repeats["spread"]))
        constraints = record.constraints
        if constraints:
            new = tuple(name for name in constraints if name not in self._constraint_names)
            if new:
                self._constraint_names += new
                self._constraints.widen(len(self._constraint_names))
            known_values = {name: violation(value) for name, value in constraints.items()}
            self._constraints.put(row, [known_values.get(name, np.nan) for name in self._constraint_names])

    def history(self, rows: int | None = None) -> History:
        """Return the snapshot of the first ``rows`` trials (all by default)."""
        n = len(self.records) if rows is None else min(rows, len(self.records))
        return History(
            states=self._states.view(n),
            values=self._values.view(n),
            constraints=self._constraints.view(n),
            constraint_names=self._constraint_names,
            last_step=self._last_step.view(n),
            last_value=self._last_value.view(n),
            forecast=self._forecast.view(n),
            repeats=self._repeats.view(n),
            spread=self._spread.view(n),
            oom=self._oom.view(n),
            costs=self._costs.view(n),
            origin=self._origin[:n],
            generation=self._generation.view(n),
            columns={name: self._column(growing, n) for name, growing in self._columns.items()},
            layouts=self._layouts[:n],
            directions=self.directions,
            sources=self.sources,
            version=(self.serial, self.changes),
        )

    def _column(self, growing: _GrowingColumn, rows: int) -> Column:
        choices = None if growing.choices is None else tuple(growing.listed)
        return Column(growing.raw.view(rows), choices, growing.distribution)


_UNKNOWN = Layout((), ())


def _code(column: _GrowingColumn, distribution: BaseDistribution, value: float) -> float:
    """Return the raw value for the column; NaN where numbers and choices are mixed under one name."""
    if type(distribution) is not CategoricalDistribution:
        return np.nan if column.choices is not None else value
    if column.choices is None:
        return np.nan
    codes = column.codes.get(distribution)
    if codes is None:
        codes = []
        for choice in distribution.choices:
            key = choice_key(choice)
            if key not in column.choices:
                column.choices[key] = len(column.listed)
                column.listed.append(choice)
            codes.append(float(column.choices[key]))
        column.codes[distribution] = codes
    return codes[int(value)]
