"""A sweep's search space, and how a point of it becomes the overrides of a job.

A search space comes from ``hydra.sweeper.params`` and from the command line, which wins. A parameter is named by
its override's key, prefix and package included (``+model.depth``, ``db@src``), as hydra-optuna-sweeper names it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._space._choices import of_choices
from hydra_plugins.hydra_hpo_sweeper._space._conditions import resolve
from hydra_plugins.hydra_hpo_sweeper._space._described import described
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Entry, Fixed, Listed, Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._reader import Reader
from hydra_plugins.hydra_hpo_sweeper._space._where import read_where
from hydra_plugins.hydra_hpo_sweeper._space._zip import labels_of, of_rows, refuse_twice
from sweeper_core.search_space.lists import ListParameter, with_lists
from sweeper_core.search_space.relations import Relation
from sweeper_core.search_space.space import MIN_SHARE, SearchSpace

POINTS = "in hydra.sweeper.points"

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


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
    items: tuple[Placed, ...] = field(default=(), repr=False)

    @cached_property
    def lists(self) -> tuple[ListParameter, ...]:
        """The lists that several parameters make up."""
        return tuple(item.listed for item in self.items if item.listed is not None)

    def shown(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point with each list instead of the parameters that make it up."""
        return with_lists(params, self.lists)

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the complete override list of one job: values keep their type and text exactly.

        Args:
            params: The point. Parameters that are not in the space (suggested by a custom search space) are
                appended, their names taken as keys.
        """
        lines = [line for item in self.items for line in _lines(item, params)]
        planned = {item.name for item in self.items} | {name for one in self.lists for name in one.part_names}
        loose = [f"{name}={as_text(value)}" for name, value in params.items() if name not in planned]
        return lines + loose + (list(self.fixed) if not self.items else [])

    def without(self, key: str) -> Plan:
        """Return the plan without what fixes a key (with or without prefix)."""
        bare = _bare(key)
        gone = [item for item in self.items if isinstance(item.entry, Fixed) and item.at.bare == bare]
        lines = {item.entry.line for item in gone if isinstance(item.entry, Fixed)}
        fixed = tuple(line for line in self.fixed if line not in lines)
        return replace(self, fixed=fixed, items=tuple(item for item in self.items if item not in gone))

    def points(
        self, enqueued: Sequence[Mapping[str, Any]], open_ended: bool = False, place: str = "hydra.sweeper.enqueue"
    ) -> tuple[dict[str, Any], ...]:
        """Return enqueued points with the names and types of the space; what is fixed anyway is left out.

        Args:
            enqueued: Values by key, with or without prefix.
            open_ended: Unknown names are kept: a custom search space may suggest them.
            place: Where the points were given, for messages; those of a file know their line themselves.

        Raises:
            ConfigError: A name is unknown, or a value is not in the space.
        """
        places = [getattr(point, "place", f"{place}[{index}]") for index, point in enumerate(enqueued)]
        return tuple(self._point(point, at, open_ended) for point, at in zip(enqueued, places, strict=True))

    def _point(self, point: Mapping[str, Any], place: str, open_ended: bool) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for key, value in _zipped(self.items, point, place).items():
            found = [item for item in self.items if key in (item.name, item.at.key) or key.lstrip("+") == item.at.bare]
            if not found and not open_ended:
                names = [item.name for item in self.items if not isinstance(item.entry, Fixed)]
                raise ConfigError(
                    f"{place}: {key!r} is no parameter of this sweep.{closest(key, names)} "
                    f"There are {', '.join(names)}."
                )
            params.update(
                _enqueued(found, key, value, f"{place}.{key}" if place.endswith("]") else f"{place}, {key!r}")
            )
        if (broken := self.space.broken_by(self.space.active_only(params))) is not None:
            raise ConfigError(f"{place}: the point breaks the relation {broken!r} of hydra.sweeper.where.")
        return {**self.space.active_only(params), **{k: v for k, v in params.items() if k not in self.space}}


def read_plan(
    arguments: Sequence[str],
    params: DictConfig | Mapping[str, Any] | None,
    config_loader: Any = None,
    config: DictConfig | None = None,
    points: Sequence[Mapping[str, Any]] = (),
    where: Sequence[str] = (),
) -> Plan:
    """Read a sweep's search space.

    Args:
        arguments: Overrides from the command line.
        params: ``hydra.sweeper.params``.
        config_loader: Hydra's, to look up the options of config groups; None leaves them unchecked.
        config: The sweep's own configuration, where conditions may look up what is neither swept nor fixed.
        points: Explicit points: the values of a key are the choices of a parameter, where it is not given otherwise.
        where: Relations that points have to satisfy.

    Raises:
        ConfigError: An entry is invalid; the message names the key and the remedy.
    """
    reader = Reader(config_loader, config)
    written = list(reader.params(params))
    _refuse_twice(written)
    typed = [reader.argument(argument) for argument in arguments]
    _refuse_twice(typed)
    for hint in dict.fromkeys(reader.hints):
        log.warning("%s", hint)
    entries = [*_merged(written, typed), *_of_points(points, [*written, *typed])]
    refuse_twice(entries, config)
    items = tuple(resolve(entries, config))
    fixed = (item.entry.line for item in items if isinstance(item.entry, Fixed) and not item.when)
    return Plan(_space(items, read_where(where, items, config)), tuple(fixed), items)


def _of_points(points: Sequence[Mapping[str, Any]], given: Sequence[Entry]) -> Iterator[Entry]:
    """Yield what explicit points sweep besides: their rows as one dimension where they cannot be told apart without."""
    known = {key for entry in given for key in (entry.at.bare, *getattr(entry, "member_keys", ()))}
    rows = [{key: value for key, value in point.items() if _bare(key) not in known} for point in points]
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = {key: [row[key] for row in rows if key in row] for key in keys}
    members = [_column(Address(key, POINTS), values) for key, values in columns.items()]
    own = {_bare(key) for point in points for key in point}
    searched = any(not isinstance(entry, Fixed) and entry.at.bare not in own for entry in given)
    if (searched and len(members) > 1) or any(len(row) < len(members) for row in rows):
        yield of_rows(Address("points", POINTS), members, rows)
    else:
        yield from members


def _bare(key: str) -> str:
    return key.lstrip("+~")


def _column(at: Address, values: Sequence[Any]) -> Swept:
    try:
        return of_choices(at, values)
    except ValueError as error:
        raise ConfigError(f"{at}: {error}") from error


def _lines(item: Placed, params: Mapping[str, Any]) -> list[str]:
    """Return an entry's overrides at a point; none where the entry is inactive."""
    if isinstance(item.entry, Swept):
        return item.entry.lines(params[item.name]) if item.name in params else []
    if isinstance(item.entry, Listed):
        value = item.listed.value(params) if item.listed is not None else None
        return [] if value is None else [item.entry.element.line(value)]
    active = all(clause.parent in params and clause.holds(params[clause.parent]) for clause in item.when)
    return [item.entry.line] if active else []


def _zipped(items: Sequence[Placed], point: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a point with the choices of zips in the place of the members that it gives."""
    params = dict(point)
    for item in items:
        keys = item.entry.member_keys if isinstance(item.entry, Swept) else ()
        given = {key: params.pop(key) for key in list(params) if key.lstrip("+") in keys}
        if isinstance(item.entry, Swept) and (given or "" in item.entry.rows):
            found = labels_of(item.entry, {key.lstrip("+"): value for key, value in given.items()})
            if len(found) != 1:
                raise ConfigError(
                    f"{place}: {' '.join(f'{key}={as_text(value)}' for key, value in given.items())} is "
                    f"{'no' if not found else 'more than one'} row of {item.at.key}=zip(…); its rows are "
                    f"{', '.join(item.entry.rows)}."
                )
            params[item.at.key] = found[0]
    return params


def _enqueued(found: Sequence[Placed], key: str, value: Any, place: str) -> dict[str, Any]:
    """Return an enqueued value under the names of the parameters that can have it."""
    if not found:
        return {key: value}
    if (lists := [item.listed for item in found if item.listed is not None]) and isinstance(value, list):
        return _enqueued_list(lists, value, place)
    swept = [(item.name, item.distribution) for item in found if item.distribution is not None]
    fitting = {name: kind.canonical(value) for name, kind in swept if kind.contains(value)}
    if not fitting and any(isinstance(item.entry, Fixed) and item.entry.value == value for item in found):
        return {}
    if not fitting:
        fixed = [f"fixed to {item.entry.value!r}" for item in found if isinstance(item.entry, Fixed)]
        whole = [str(one.shape) for one in lists]
        allowed = " or ".join([*whole, *(described(kind) for _, kind in swept)]) or fixed[-1]
        raise ConfigError(f"{place}: {value!r} is not possible; {key!r} is {allowed}.")
    return fitting


def _enqueued_list(lists: Sequence[ListParameter], value: list[Any], place: str) -> dict[str, Any]:
    """Return the parts of an enqueued list under the names of the parameters that can make it up."""
    fitting: dict[str, Any] = {}
    for one in lists:
        try:
            fitting.update(one.params(value))
        except ValueError as error:
            if one is lists[-1] and not fitting:
                raise ConfigError(f"{place}: {error}.") from error
    return fitting


def _space(items: Sequence[Placed], where: Sequence[Relation]) -> SearchSpace:
    swept = [parameter for item in items for parameter in item.parameters]
    try:
        space = SearchSpace(swept, where)
    except ValueError as error:
        raise ConfigError(f"hydra.sweeper.params: {error}") from error
    try:
        share = space.check_where()
    except ValueError as error:
        raise ConfigError(f"hydra.sweeper.where: {error}") from error
    if share < MIN_SHARE:
        rest = "hydra.sweeper.where leaves less than %g of the search space; narrower ranges would say the same."
        log.warning(rest, MIN_SHARE)
    return space


def _refuse_twice(entries: Sequence[Entry]) -> None:
    """Reject a key that is swept and given again in the same place without conditions that distinguish them."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.at.bare, entry)
        swept = not (isinstance(entry, Fixed) and isinstance(other, Fixed))
        if other is not entry and swept and not (entry.conditions and other.conditions):
            raise ConfigError(f"{entry.at} is given twice ({other.at.key!r} and {entry.at.key!r}); keep one of them.")


def _merged(written: Sequence[Entry], typed: Sequence[Entry]) -> list[Entry]:
    """Return all entries; of two with one key the one from the command line, under the condition of the other."""
    winners = {entry.at.bare: entry for entry in typed}
    conditional = {entry.at.bare for entry in written if entry.conditions}
    kept: list[Entry] = []
    for entry in written:
        winner = winners.get(entry.at.bare)
        if winner is None:
            kept.append(entry)
        elif entry.conditions:
            kept.append(replace(winner, conditions=entry.conditions))
    return kept + [entry for entry in typed if entry.at.bare not in conditional]
