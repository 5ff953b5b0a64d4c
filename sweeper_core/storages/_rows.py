"""Rows of Optuna's relational schema, read into trial records."""

from __future__ import annotations

import functools
import gc
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sweeper_core.distributions import BaseDistribution, json_to_distribution
from sweeper_core.storages._database import Link
from sweeper_core.trial.record import NO_PARAMETERS, NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState

_CHUNK = 1000
"""Trials whose details are read by one query."""

# What a row of details is about; for values and reports, the kind of number is added.
PARAM, VALUE, REPORT, USER_ATTR, SYSTEM_ATTR = 0, 10, 20, 30, 31

_KINDS = ("FINITE", "INF_POS", "INF_NEG", "NAN")
_SPECIAL = (None, math.inf, -math.inf, math.nan)


def stored(value: float) -> tuple[float | None, str]:
    """Return the two columns that say a number: itself if finite, and its kind."""
    if math.isfinite(value):
        return value, "FINITE"
    return None, "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"


def as_json(value: Any) -> str:
    """Return the text of an attribute.

    Raises:
        TypeError: JSON cannot say it.
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"An attribute must be something that JSON can say, but {value!r} is not: {error}") from error


@dataclass(frozen=True)
class Heading:
    """A row of the table of trials."""

    trial_id: int
    number: int
    state: TrialState
    started: datetime | None
    completed: datetime | None


HEADING = "trial_id, number, state, datetime_start, datetime_complete"


def heading(row: Sequence[Any]) -> Heading:
    """Return a row with the columns ``HEADING``."""
    return Heading(row[0], row[1], TrialState[row[2]], _moment(row[3]), _moment(row[4]))


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from going through what is being read, none of which is garbage, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Reader:
    """Reads details of trials; equal layouts become one object."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], Layout] = {}

    def records(self, link: Link, headings: Sequence[Heading]) -> list[TrialRecord]:
        """Return whole records, in the order of the headings."""
        found: list[TrialRecord] = []
        with _uncollected() if len(headings) > _CHUNK else nullcontext():
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

    def _described(self, rows: list[tuple[Any, ...]] | None) -> tuple[Layout, tuple[float, ...]]:
        if not rows:
            return NO_PARAMETERS, ()
        rows.sort()  # of one trial by their keys: in the order in which they were described
        _, _, _, names, internals, texts = zip(*rows, strict=True)
        key = (names, texts)
        layout = self._layouts.get(key)
        if layout is None:
            layout = Layout(names, tuple(map(_distribution, texts)))
            if len(self._layouts) > 10_000:  # spaces that change with every trial
                self._layouts.clear()
            self._layouts[key] = layout
        return layout, internals


@functools.lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


class _Details:
    """What other tables say of some trials, by their key."""

    def __init__(self, trial_ids: Iterable[int]) -> None:
        self._ids = sorted(trial_ids)
        self.params: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        self.values: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self.reports: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self.user_attrs: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self.system_attrs: defaultdict[int, dict[str, Any]] = defaultdict(dict)

    def read(self, link: Link) -> None:
        """Read everything in one query."""
        params = self.params
        for row in link.stream(_DETAILS[link.dialect].format(ids=self._where())):
            if row[0] == PARAM:
                params[row[1]].append(row)  # as it is: these are most of all rows
            else:
                self._sort_in(*row)

    def _sort_in(self, what: int, trial_id: int, order: int, name: str, number: float | None, text: str) -> None:
        if what < REPORT:
            self.values[trial_id].append((order, _number(what - VALUE, number)))
        elif what < USER_ATTR:
            self.reports[trial_id].append((order, _number(what - REPORT, number)))
        else:
            attrs = self.user_attrs if what == USER_ATTR else self.system_attrs
            attrs[trial_id][name] = json.loads(text)

    def _where(self) -> str:
        if self._ids[-1] - self._ids[0] + 1 == len(self._ids):
            return f"BETWEEN {self._ids[0]} AND {self._ids[-1]}"
        return f"IN ({','.join(map(str, self._ids))})"


def _number(kind: int, value: float | None) -> float:
    special = _SPECIAL[kind]
    if special is not None:
        return special
    return math.nan if value is None else float(value)


def _details_query(quote: str) -> str:
    def kind(base: int, column: str) -> str:
        cases = " ".join(f"WHEN '{name}' THEN {base + code}" for code, name in enumerate(_KINDS) if code)
        return f"CASE {column} {cases} ELSE {base} END"

    name = f"{quote}key{quote}"
    value_kind = kind(VALUE, "value_type").replace("WHEN 'NAN' THEN 13", "")  # not a label of this enumeration
    return " UNION ALL ".join(
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
    )


_DETAILS = {
    dialect: _details_query("`" if dialect == "mysql" else '"') for dialect in ("sqlite", "postgresql", "mysql")
}
