"""The functions of the sweep grammar: the table with which search spaces are read.

Hydra parses the command line before any sweeper gets it; ``_hydra/_extension.py`` extends that parser.

Functions have no annotations here: Hydra's parser checks arguments against them, and supports only plain types.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, QuotedString, RangeSweep, Sweep

from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import CASTS, plain

TAGS = ("log", "ordered")
MAX_LISTED_RANGE = 100_000
"""A cast that changes the values of a range one by one has to list them."""


class _NoPrior:
    def __repr__(self) -> str:
        return "none"


NO_PRIOR: Any = _NoPrior()
"""Marks a missing prior, as distinct from the prior null."""


@dataclass(frozen=True)
class Stated:
    """A prior as it was written.

    Attributes:
        value: ``config`` stands for the configuration's value, where it is not one of the choices.
        confidence: None for the default.
    """

    value: Any
    confidence: Any = None


def stated(sweep: Any) -> Stated | None:
    """Return the prior that a sweep was given."""
    found = getattr(sweep, "stated_prior", None)
    return found if isinstance(found, Stated) else None


def _stating(sweep: Any, prior: Any, confidence: Any) -> Any:
    """Return the sweep with a prior, where there is one."""
    if prior is not NO_PRIOR:
        sweep.stated_prior = Stated(plain(prior), plain(confidence))
    elif confidence is not None:
        raise ValueError(f"confidence={plain(confidence)} says how sure a prior is; give prior=, too")
    return sweep


def _kept(sweep: Any, other: Any, convert: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return ``other`` with the prior of ``sweep``, converted like its values."""
    prior = stated(sweep)
    if prior is not None:
        value = prior.value if prior.value == CONFIG else convert(prior.value)
        other.stated_prior = Stated(value, prior.confidence)
    return other


CONFIG = "config"
"""The configuration's own value."""


@dataclass(eq=False)
class Interval(IntervalSweep):
    """An interval that may be stepped."""

    step: Any = None


@dataclass(eq=False)
class Range(RangeSweep):
    """A range whose numbers are exact: ints, or the decimals that were written."""

    def exact(self) -> tuple[Decimal, Decimal, int]:
        """Return the first value, the distance of neighbours, and how many values there are."""
        start, stop, step = (Decimal(repr(number)) for number in (self.start, self.stop, self.step))
        return start, step, max(0, math.ceil((stop - start) / step))

    def is_integral(self) -> bool:
        """Return whether all values are ints."""
        return all(type(number) is int for number in (self.start, self.stop, self.step))

    def values(self) -> Iterator[Any]:
        """Yield every value."""
        first, step, count = self.exact()
        if count > MAX_LISTED_RANGE:
            raise ValueError(f"a range of {count} values is too long to be listed; use interval()")
        kind: Callable[[Any], Any] = int if self.is_integral() else float
        return (kind(first + index * step) for index in builtins.range(count))


def _number(function: str, name: str, value: Any) -> Any:
    _refuse_list(function, value)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name} of {function}() must be a finite number, not {value!r}")
    return value


def _flag(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value


@dataclass(eq=False)
class ListSweep(ChoiceSweep):
    """A sweep whose values are lists: ``permutation`` (its items are the choices) or ``simplex``."""

    function: str = ""
    size: Any = None


def permutation(*items):  # type: ignore[no-untyped-def]
    """Every order of some items, as a list."""
    if len(items) == 1 and isinstance(items[0], builtins.list):
        raise ValueError("permutation() takes its items one by one, permutation(a,b,c), not as a list")
    if any(isinstance(item, Sweep) for item in items):
        raise ValueError("the items of permutation() are values, not sweeps")
    return ListSweep(list=[*items], function="permutation")


def simplex(*size):  # type: ignore[no-untyped-def]
    """Every list of ``size`` numbers from 0 to 1 whose sum is 1."""
    if len(size) != 1 or type(size[0]) is not int:
        raise ValueError("simplex() takes the number of its weights, an int: simplex(3)")
    return ListSweep(function="simplex", size=size[0])


def _refuse_list(function: str, value: Any) -> None:
    if isinstance(value, ListSweep):
        raise ValueError(f"{function}() does not take {value.function}(), whose values are lists; write that alone")


def interval(start, end, log=False, step=None, *, prior=NO_PRIOR, confidence=None):  # type: ignore[no-untyped-def]
    """Every number between two bounds, both included; ``log``: on a logarithmic scale; ``step``: on a grid."""
    low, high = (float(_number("interval", name, value)) for name, value in (("start", start), ("end", end)))
    stepped = None if step is None else _number("interval", "step", step)
    sweep = Interval(start=low, end=high, tags={"log"} if _flag("log", log) else set(), step=stepped)
    return _stating(sweep, prior, confidence)


def range(start, stop=None, step=1, *, prior=NO_PRIOR, confidence=None):  # type: ignore[no-untyped-def]
    """The numbers from ``start`` on in steps of ``step``, ``stop`` excluded; ``range(n)`` starts at 0."""
    if stop is None:
        start, stop = 0, start
    if _number("range", "step", step) == 0:
        raise ValueError("step of range() must not be 0")
    sweep = Range(start=_number("range", "start", start), stop=_number("range", "stop", stop), step=step)
    return _stating(sweep, prior, confidence)


def tag(*args, sweep=None):  # type: ignore[no-untyped-def]
    """The sweep given last with tags: ``log`` for intervals and ranges, ``ordered`` for choices."""
    *names, last = [*args, sweep] if sweep is not None or not args else args
    if not isinstance(last, Sweep):
        raise ValueError(f"the last argument of tag() must be choice(), range() or interval(), not {last!r}")
    _refuse_list("tag", last)
    for name in names:
        if name not in TAGS:
            raise ValueError(f"unknown tag {name!r}; the tags are {' and '.join(TAGS)}")
    last.tags = {*last.tags, *names}
    return last


def choice(*args, prior=NO_PRIOR, confidence=None):  # type: ignore[no-untyped-def]
    """One of the values given."""
    if not args:
        raise ValueError("choice() needs at least one value")
    if len(args) == 1 and isinstance(args[0], ChoiceSweep) and args[0].simple_form:
        return _stating(ChoiceSweep(list=args[0].list, tags=args[0].tags), prior, confidence)
    if any(isinstance(argument, Sweep) for argument in args):
        raise ValueError("a sweep cannot be a choice of another sweep")
    return _stating(ChoiceSweep(list=list(args)), prior, confidence)


def shuffle(*args, sweep=None, list=None):  # type: ignore[no-untyped-def]
    """The same values: the sampler decides on their order."""
    value = _only("shuffle", args, sweep, list)
    if isinstance(value, IntervalSweep):
        raise ValueError("an interval cannot be shuffled")
    return value


def sort(*args, sweep=None, list=None, reverse=False):  # type: ignore[no-untyped-def]
    """Choices or a list in order; the values of a range are the same in any order."""
    value = _only("sort", args, sweep, list)
    if isinstance(value, IntervalSweep):
        raise ValueError("an interval cannot be sorted")
    if isinstance(value, ChoiceSweep):
        ordered = sorted(value.list, key=_plain, reverse=_flag("reverse", reverse))
        return _kept(value, ChoiceSweep(list=ordered, simple_form=value.simple_form, tags=value.tags))
    return sorted(value, key=_plain, reverse=reverse) if isinstance(value, builtins.list) else value


def _plain(value: Any) -> Any:
    return value.text if isinstance(value, QuotedString) else value


def _only(function: str, args: tuple[Any, ...], *named: Any) -> Any:
    """Return a function's single argument; several arguments are the choices of a simple sweep."""
    given = [*args, *(value for value in named if value is not None)]
    if not given:
        raise ValueError(f"{function}() needs an argument")
    for value in given:
        _refuse_list(function, value)
    return given[0] if len(given) == 1 else ChoiceSweep(list=given, simple_form=True)


def _cast(name: str, convert: Callable[[Any], Any], keeps_numbers: bool) -> Callable[..., Any]:
    def cast(*args, value=None):  # type: ignore[no-untyped-def]
        subject = _only(name, args, value)
        if isinstance(subject, ChoiceSweep):
            listed = [convert(item) for item in subject.list]
            whole = ChoiceSweep(list=listed, simple_form=subject.simple_form, tags=subject.tags)
            return _kept(subject, whole, convert)
        if isinstance(subject, RangeSweep):
            return _kept(subject, _cast_range(subject, convert, keeps_numbers), convert)
        if isinstance(subject, IntervalSweep):
            return _kept(subject, _cast_interval(name, subject, convert, keeps_numbers), convert)
        return convert(subject)

    cast.__doc__ = f"The value, or each value of a sweep, as {name}."
    return cast


def _cast_range(sweep: RangeSweep, convert: Callable[[Any], Any], keeps_numbers: bool) -> Sweep:
    assert isinstance(sweep, Range)
    numbers = [sweep.start, sweep.stop, sweep.step]
    if keeps_numbers and all(convert(number) == number for number in numbers):
        start, stop, step = (convert(number) for number in numbers)
        return Range(start=start, stop=stop, step=step, tags=sweep.tags)
    listed = dict.fromkeys(convert(value) for value in sweep.values())
    return ChoiceSweep(list=list(listed), tags={*sweep.tags, "ordered"} if keeps_numbers else sweep.tags)


def _cast_interval(name: str, sweep: IntervalSweep, convert: Callable[[Any], Any], keeps_numbers: bool) -> Sweep:
    if not keeps_numbers:
        raise ValueError(f"an interval cannot be cast to {name}")
    step = getattr(sweep, "step", None)
    return Interval(
        start=convert(sweep.start),
        end=convert(sweep.end),
        tags=sweep.tags,
        step=None if step is None else convert(step),
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "interval": interval,
    "range": range,
    "tag": tag,
    "choice": choice,
    "permutation": permutation,
    "simplex": simplex,
    "shuffle": shuffle,
    "sort": sort,
    "int": _cast("int", CASTS["int"], keeps_numbers=True),
    "float": _cast("float", CASTS["float"], keeps_numbers=True),
    "str": _cast("str", CASTS["str"], keeps_numbers=False),
    "bool": _cast("bool", CASTS["bool"], keeps_numbers=False),
}
"""By the names that they have in the grammar."""
