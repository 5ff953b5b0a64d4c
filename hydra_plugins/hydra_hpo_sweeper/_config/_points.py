"""Explicit points: a list in the configuration, or a CSV or JSON-lines file."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest, reason_of
from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import parser_with, plain
from sweeper_core.search_space.lists import with_lists
from sweeper_core.trial.lists import lists_of

Point = dict[str, Any]


class PlacedPoint(Point):
    """A point and where it was given, such as ``runs.csv, line 3``, for messages."""

    def __init__(self, point: Mapping[str, Any], place: str) -> None:
        super().__init__(point)
        self.place = place


class _Trial(Point):
    """The parameters that a trial had."""


STUDY = "hpo-study"
"""The format that the first line of an exported study names."""
PARAMS = ("params_", "params.")
"""Beginnings of the names of parameters' columns in what `hpo export` writes, and in a sweep's trials.csv."""

_FOREIGN_SEPARATOR = re.compile(r"[;\t|]")


def points(key: str, value: Any) -> tuple[PlacedPoint, ...]:
    """Return the points of ``hydra.sweeper.points``.

    All of them have the same keys, but those of a study's trials: one lacks a parameter where its condition did not
    hold.

    Raises:
        ConfigError: A file cannot be read or is empty, or a point lacks a key, has another one, or holds NaN; the
            message names the place.
    """
    place = f"hydra.sweeper.{key}"
    if value is None:
        return ()
    found = _of_file(place, Path(value)) if isinstance(value, str) and value else _of_list(place, value)
    if not found:
        raise ConfigError(f"{place}: there is no point.")
    _check_names(*found[0])
    first = found[0][1]
    for where, point in found:
        if not isinstance(point, _Trial):
            _refuse_other_keys(where, point, first)
        _refuse_infinite(where, point)
    return tuple(PlacedPoint(point, where) for where, point in found)


def _of_list(place: str, value: Any) -> list[tuple[str, Point]]:
    given = [value] if isinstance(value, dict) else value
    if not isinstance(given, list) or not all(isinstance(point, dict) and point for point in given):
        raise ConfigError(f"{place} must be a list of mappings, or a .csv, .jsonl or .json file, not {value!r}.")
    return [(f"{place}[{index}]", {str(name): item for name, item in one.items()}) for index, one in enumerate(given)]


def _of_file(place: str, path: Path) -> list[tuple[str, Point]]:
    readers = {".csv": _of_csv, ".jsonl": _of_json_lines, ".json": _of_json}
    if path.suffix.lower() not in readers:
        raise ConfigError(f"{place}: {path} must end in .csv, .jsonl or .json.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: {path} cannot be read: {reason_of(error)}") from error
    return readers[path.suffix.lower()](str(path), text)


def _of_csv(path: str, text: str) -> list[tuple[str, Point]]:
    rows = list(csv.reader(text.splitlines()))
    if not rows or not any(rows[0]):
        raise ConfigError(f"{path}: the file is empty; its first line names the parameters.")
    header = [name.strip() for name in rows[0]]
    of_study = {"number", "state"} <= set(header)
    if of_study:
        rows = _of_parameters(header, rows)
        header = [name[len(PARAMS[0]) :] for name in rows[0]]
        if not header:
            raise ConfigError(f"{path}: the table of trials has no parameters.")
    if len(set(header)) < len(header) or "" in header:
        raise ConfigError(f"{path}, line 1: each column needs a name of its own, not {', '.join(header)}.")
    found = []
    for number, row in enumerate(rows[1:], start=2):
        if row:
            where = f"{path}, line {number}"
            if len(row) != len(header):
                raise ConfigError(f"{where}: {len(row)} values, but there are {len(header)} columns.")
            cells = dict(zip(header, map(str.strip, row), strict=True))
            given = {name: cell for name, cell in cells.items() if cell} if of_study else cells
            point = {name: _cell(where, name, cell) for name, cell in given.items()}
            found.append((where, _Trial(point) if of_study else point))
    return [(where, point) for where, point in found if point]


def _of_parameters(header: Sequence[str], rows: Sequence[list[str]]) -> list[list[str]]:
    """Return the columns of parameters in a table of trials: of `hpo export`, or a sweep's trials.csv."""
    wanted = [index for index, name in enumerate(header) if name.startswith(PARAMS)]
    return [[row[index] for index in wanted] if len(row) == len(header) else row for row in rows]


def _cell(where: str, name: str, text: str) -> Any:
    """Return a cell as the value that it would be on the command line."""
    if not text:
        raise ConfigError(f"{where}: {name!r} has no value; write null for none.")
    try:
        return plain(parser_with({}).parse_rule(text, "element"))
    except HydraException:
        return text  # a text with special characters, which has no quotes in a table


def _of_json_lines(path: str, text: str) -> list[tuple[str, Point]]:
    found = _json_lines(path, text)
    return _of_export(found) if found and found[0][1].get("format") == STUDY else found


def _of_json(path: str, text: str) -> list[tuple[str, Point]]:
    """Return the points of one list of mappings, or of mappings one a line."""
    try:
        listed = json.loads(text)
    except ValueError:
        return _of_json_lines(path, text)
    return _of_list(path, listed) if isinstance(listed, list) else _of_json_lines(path, text)


def _of_export(lines: Sequence[tuple[str, Point]]) -> list[tuple[str, Point]]:
    """Return the points of the trials in a study that `hpo export` wrote."""
    (_, study), *trials = lines
    lists = lists_of(study.get("system_attrs", {}))
    points = [(where, {one["name"]: one["value"] for one in trial.get("params", ())}) for where, trial in trials]
    return [(where, _Trial(with_lists(point, lists))) for where, point in points if point]


def _json_lines(path: str, text: str) -> list[tuple[str, Point]]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                point = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"{where}: this is no JSON: {error}") from error
            if not isinstance(point, dict) or not point:
                raise ConfigError(f"{where}: a point must be a mapping from parameters to values, not {point!r}.")
            found.append((where, point))
    return found


def _check_names(where: str, point: Point) -> None:
    wrong = next((name for name in point if _FOREIGN_SEPARATOR.search(name)), None)
    if wrong is not None:
        raise ConfigError(f"{where}: {wrong!r} is no name of a parameter; columns are separated by commas.")


def _refuse_other_keys(where: str, point: Point, first: Mapping[str, Any]) -> None:
    missing = [name for name in first if name not in point]
    foreign = [name for name in point if name not in first]
    if foreign:
        raise ConfigError(f"{where}: the first point has no {foreign[0]!r}.{closest(foreign[0], list(first))}")
    if missing:
        raise ConfigError(f"{where}: {missing[0]!r} is missing, which the first point has.")


def _refuse_infinite(where: str, point: Point) -> None:
    for name, value in point.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{where}: {name!r} is {value}; a point holds finite numbers.")
