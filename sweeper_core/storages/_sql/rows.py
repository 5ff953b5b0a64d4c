"""Rows of Optuna's relational schema, read into trial records."""

from __future__ import annotations

import functools
import json
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sweeper_core._garbage import uncollected
from sweeper_core.distributions import BaseDistribution, json_to_distribution
from sweeper_core.storages._sql.database import Link
from sweeper_core.trial.record import NO_PARAMETERS, NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState

_logger = logging.getLogger(__name__)

_CHUNK = 1000
"""Number of trials whose details are read together."""

_FEW = 50
"""Maximum number of trials whose details one query reads; beyond it, a separate query reads the parameters."""

# Kinds of rows of details; for values and reports, the kind of number is added.
PARAM, VALUE, REPORT, USER_ATTR, SYSTEM_ATTR = 0, 10, 20, 30, 31

_KINDS = ("FINITE", "INF_POS", "INF_NEG", "NAN")
_SPECIAL = (None, math.inf, -math.inf, math.nan)


class Heading(NamedTuple):
    """A row of the table of trials."""

    trial_id: int
    number: int
    state: TrialState
    started: datetime | None
    completed: datetime | None


HEADING = "trial_id, number, state, datetime_start, datetime_complete"


def heading(row: Sequence[Any]) -> Heading:
    """Return a row with the columns ``HEADING``."""
    return Heading(row[0], row[1], _STATES[row[2]], _moment(row[3]), _moment(row[4]))


_STATES = dict(TrialState.__members__)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class Reader:
    """Reads details of trials; equal layouts become one object."""

    def __init__(self) -> None:
        self._layouts: dict[_Texts, Layout] = {}
        self._last: tuple[_Texts, Layout] = (((), ()), NO_PARAMETERS)

    def records(self, link: Link, headings: Sequence[Heading]) -> list[TrialRecord]:
        """Return whole records, in the order of the headings."""
        found: list[TrialRecord] = []
        with uncollected() if len(headings) > _CHUNK else nullcontext():
            for start in range(0, len(headings), _CHUNK):
                chunk = headings[start : start + _CHUNK]
                details = _Details(item.trial_id for item in chunk)
                details.read(link)
                found.extend(self._record(item, details) for item in chunk)
        return found

    def _record(self, item: Heading, details: _Details) -> TrialRecord:
        trial_id = item.trial_id
        layout, internals = self._described(details.params.get(trial_id))
        values = details.values.get(trial_id)
        reports = details.reports.get(trial_id)
        return TrialRecord(
            item.number,
            trial_id,
            item.state,
            layout,
            internals,
            tuple(value for _, value in sorted(values)) if values else None,
            tuple(sorted(reports, key=lambda report: report[0])) if reports else (),
            details.user_attrs.get(trial_id, NOTHING),
            details.system_attrs.get(trial_id, NOTHING),
            item.started,
            item.completed,
        )

    def _described(self, found: tuple[_Texts, tuple[float, ...]] | None) -> tuple[Layout, tuple[float, ...]]:
        if found is None:
            return NO_PARAMETERS, ()
        texts, internals = found
        last, layout = self._last
        if texts != last:  # they are mostly equal, and comparing them costs less than a look-up
            try:
                layout = self._layout(texts)
            except (ValueError, KeyError, TypeError):
                return self._readable(texts, internals)
            self._last = texts, layout
        return layout, internals

    def _readable(self, texts: _Texts, internals: tuple[float, ...]) -> tuple[Layout, tuple[float, ...]]:
        """Return the parameters whose distributions can be read."""
        kept = []
        for name, text, value in zip(*texts, internals, strict=True):
            try:
                _distribution(text)
            except (ValueError, KeyError, TypeError):
                _logger.warning("The distribution of the parameter %r is damaged; it is left out: %.60r", name, text)
            else:
                kept.append((name, text, value))
        names, readable, values = zip(*kept, strict=True) if kept else ((), (), ())
        return self._layout((names, readable)), values

    def _layout(self, texts: _Texts) -> Layout:
        layout = self._layouts.get(texts)
        if layout is None:
            names, distributions = texts
            layout = Layout(names, tuple(map(_distribution, distributions)))
            if len(self._layouts) > 10_000:  # the search space changes with every trial
                self._layouts.clear()
            self._layouts[texts] = layout
        return layout


_Texts = tuple[tuple[str, ...], tuple[str, ...]]
"""Names of parameters, and their distributions as JSON."""


@functools.lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


class _Details:
    """Rows of the other tables for some trials, by key."""

    def __init__(self, trial_ids: Iterable[int]) -> None:
        self._ids = sorted(trial_ids)
        self.params: dict[int, tuple[_Texts, tuple[float, ...]]] = {}
        self.values: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self.reports: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self.user_attrs: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self.system_attrs: defaultdict[int, dict[str, Any]] = defaultdict(dict)

    def read(self, link: Link) -> None:
        """Read everything, with one query or two."""
        where = self._where()
        if len(self._ids) > _FEW:
            self._take_params(link.all(_PARAMS.format(ids=where)))
            for row in link.all(_OTHERS[link.dialect].format(ids=where)):
                self._sort_in(*row)
            return
        params = []
        for row in link.all(_EVERYTHING[link.dialect].format(ids=where)):
            if row[0] == PARAM:
                params.append(row)
            else:
                self._sort_in(*row)
        params.sort(key=itemgetter(1, 2))  # by trial, then by key: the order in which they were described
        self._take_params([(row[1], row[3], row[4], row[5]) for row in params])

    def _take_params(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store rows of trial, name, value and distribution, sorted by trial; in bulk, because there may be many."""
        if not rows:
            return
        ids, names, internals, texts = zip(*rows, strict=True)
        stop = 0
        for trial_id, count in Counter(ids).items():
            start, stop = stop, stop + count
            self.params[trial_id] = (names[start:stop], texts[start:stop]), internals[start:stop]

    def _sort_in(self, what: int, trial_id: int, order: int, name: str, number: float | None, text: str) -> None:
        if what < REPORT:
            self.values[trial_id].append((order, _number(what - VALUE, number)))
        elif what < USER_ATTR:
            self.reports[trial_id].append((order, _number(what - REPORT, number)))
        else:
            attrs = self.user_attrs if what == USER_ATTR else self.system_attrs
            try:
                attrs[trial_id][name] = json.loads(text)
            except (ValueError, TypeError):
                _logger.warning("The attribute %r of a trial is damaged, and left out: %.60r", name, text)

    def _where(self) -> str:
        if self._ids[-1] - self._ids[0] + 1 == len(self._ids):
            return f"BETWEEN {self._ids[0]} AND {self._ids[-1]}"
        return f"IN ({','.join(map(str, self._ids))})"


def _number(kind: int, value: float | None) -> float:
    special = _SPECIAL[kind]
    if special is not None:
        return special
    return math.nan if value is None else float(value)


def _queries(quote: str) -> list[str]:
    """Return the query of each table, all with the same columns; the parameters come first."""

    def kind(base: int, column: str) -> str:
        cases = " ".join(f"WHEN '{name}' THEN {base + code}" for code, name in enumerate(_KINDS) if code)
        return f"CASE {column} {cases} ELSE {base} END"

    name = f"{quote}key{quote}"
    value_kind = kind(VALUE, "value_type").replace("WHEN 'NAN' THEN 13", "")  # not a label of this enumeration
    return [
        f"SELECT {columns} FROM {table} WHERE trial_id {{ids}}"
        for table, columns in (
            ("trial_params", f"{PARAM}, trial_id, param_id, param_name, param_value, distribution_json"),
            ("trial_values", f"{value_kind}, trial_id, objective, NULL, value, NULL"),
            (
                "trial_intermediate_values",
                f"{kind(REPORT, 'intermediate_value_type')}, trial_id, step, NULL, intermediate_value, NULL",
            ),
            ("trial_user_attributes", f"{USER_ATTR}, trial_id, 0, {name}, NULL, value_json"),
            ("trial_system_attributes", f"{SYSTEM_ATTR}, trial_id, 0, {name}, NULL, value_json"),
        )
    ]


_PARAMS = (
    "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params WHERE trial_id {ids} "
    "ORDER BY trial_id, param_id"
)
_OF_TABLES = {dialect: _queries("`" if dialect == "mysql" else '"') for dialect in ("sqlite", "postgresql", "mysql")}
_EVERYTHING = {dialect: " UNION ALL ".join(queries) for dialect, queries in _OF_TABLES.items()}
_OTHERS = {dialect: " UNION ALL ".join(queries[1:]) for dialect, queries in _OF_TABLES.items()}
