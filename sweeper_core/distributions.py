"""Distributions: the values that one parameter may take, and their JSON form.

Every distribution knows two forms of a value. The *external* one is what a user sees (``0.1``,
``"relu"``, ``[512, 256]``); the *internal* one is the float that a storage keeps: the number itself
(logarithms are not taken), or the index of the choice.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Union

from sweeper_core._bounds import as_float, as_int, grid_of, warn_lowered
from sweeper_core.choices import choice_key as choice_key
from sweeper_core.choices import choice_text, is_sayable, is_the_users_own, names_choice, plain_choice, warn_unsayable
from sweeper_core.maths.grids import MAX_EXACT, Grid
from sweeper_core.search_space.axes import Axis

CategoricalChoiceType = Union[None, bool, int, float, str, list[Any], dict[str, Any]]

MAX_EXACT_INTEGER = MAX_EXACT
"""Storages keep numbers as IEEE doubles, which are exact integers up to here."""

EXACT_CHOICES = "hpo:choices"


class BaseDistribution(ABC):
    """The set of values of one parameter. Immutable by convention; equal by content; hashable."""

    __slots__ = ("axis",)

    axis: Axis
    """The geometry of the (internal) values: their unit coordinates, cells, and digits."""

    @abstractmethod
    def _make_axis(self) -> Axis:
        """Return the axis of the internal values."""

    @abstractmethod
    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        """Return the value that a user sees for an internal one."""

    @abstractmethod
    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """Return the float that stands for a user's value.

        Raises:
            ValueError: The value is of a wrong type, NaN, or not among the choices. Bounds are not checked.
        """

    def single(self) -> bool:
        """Return whether there is only one value."""
        return self.axis.count == 1

    @abstractmethod
    def _contains(self, param_value_in_internal_repr: float) -> bool:
        """Return whether an internal value is one of this distribution."""

    @abstractmethod
    def _asdict(self) -> dict[str, Any]:
        """Return the constructor's arguments."""

    @property
    @abstractmethod
    def cardinality(self) -> int | None:
        """Number of values; None when they are not countable in practice (continuous)."""

    def contains(self, value: Any) -> bool:
        """Return whether an external value is one of this distribution (wrong types are not)."""
        try:
            internal = self.to_internal_repr(value)
        except (ValueError, TypeError):
            return False
        return self._contains(internal)

    def canonical(self, value: Any) -> Any:
        """Return a value that the distribution contains, in the type that it suggests."""
        return self.to_external_repr(self.to_internal_repr(value))

    def values(self) -> Iterator[Any]:
        """Yield every (external) value in order.

        Raises:
            ValueError: There is no finite list of them.
        """
        count = self.cardinality
        if count is None:
            raise ValueError(f"{self} has no finite list of values; give it a `step`.")
        return (self.to_external_repr(self.axis.nth(digit)) for digit in range(count))

    def draw(self, u: float) -> Any:
        """Return the (external) value at quantile ``u`` in [0, 1) of the uniform density on the scale."""
        return self.to_external_repr(self.axis.draw(u))

    def _key(self) -> tuple[Any, ...]:
        return (type(self).__name__, *self._asdict().values())

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self._asdict())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        return self is other or (type(self) is type(other) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({arguments})"


class FloatDistribution(BaseDistribution):
    """Real numbers in ``[low, high]``, uniform, logarithmic or on a grid.

    Args:
        low: Smallest value, inclusive; positive when ``log``.
        high: Largest value, inclusive. With ``step`` it is lowered to the last grid point, with a warning.
        log: Sample on the logarithmic scale.
        step: Distance of the grid points ``low, low + step, …``; excludes ``log``.

    Raises:
        ValueError: Bounds are reversed or not finite, ``step`` is not positive or finer than the doubles between
            the bounds, ``log`` with a bound that is not positive or with ``step``.
    """

    __slots__ = ("_grid", "high", "log", "low", "step")

    def __init__(self, low: float, high: float, log: bool = False, step: float | None = None) -> None:
        low, high = float(low), float(high)
        if log and step is not None:
            raise ValueError("The parameter `step` is not supported when `log` is true.")
        if not low <= high:
            raise ValueError(f"`low <= high` must hold, but got ({low=}, {high=}).")
        if math.isinf(low) or math.isinf(high):
            raise ValueError(f"Both bounds must be finite, but got ({low=}, {high=}).")
        if log and low <= 0.0:
            raise ValueError(f"`low > 0` must hold for `log=True`, but got ({low=}, {high=}).")
        self._grid: Grid | None = None
        if step is not None:
            step = float(step)
            self._grid = grid_of(low, high, step)
            last = self._grid.value(self._grid.count - 1)
            if last != high:
                warn_lowered(low, high, step, last)
            high = last
        self.low = low
        self.high = high
        self.log = bool(log)
        self.step = step
        self.axis = self._make_axis()

    def to_external_repr(self, param_value_in_internal_repr: float) -> float:
        return float(param_value_in_internal_repr)

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        value = param_value_in_external_repr
        if type(value) is not float:
            value = as_float(value)
        if value != value:
            raise ValueError(f"`{param_value_in_external_repr}` is invalid value.")
        if self.log and value <= 0.0:
            raise ValueError(f"`{param_value_in_external_repr}` is invalid value for a logarithmic scale.")
        return value

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        value = param_value_in_internal_repr
        if self._grid is not None:
            return self._grid.index(value) is not None
        return self.low <= value <= self.high

    def draw(self, u: float) -> float:
        return self.axis.draw(u)  # whose numbers are the external ones

    def grid(self, index: int) -> float:
        """Return grid point ``index`` with the digits that its decimal notation has (0.3, not 0.1 + 0.1 + 0.1)."""
        assert self._grid is not None
        return self._grid.value(index)

    @property
    def cardinality(self) -> int | None:
        if self._grid is not None:
            return self._grid.count
        return 1 if self.low == self.high else None

    def _make_axis(self) -> Axis:
        if self._grid is not None:
            return _axis_of(self.low, self.high, self._grid)
        return Axis(self.low, self.high, self.log, self.cardinality)

    def _asdict(self) -> dict[str, Any]:
        return {"step": self.step, "low": self.low, "high": self.high, "log": self.log}


@lru_cache(maxsize=1024)
def _axis_of(low: float, high: float, grid: Grid) -> Axis:
    return Axis(low, high, False, grid.count, grid)


class IntDistribution(BaseDistribution):
    """Integers in ``[low, high]``, uniform, logarithmic or every ``step``-th.

    Args:
        low: Smallest value, inclusive; at least 1 when ``log``.
        high: Largest value, inclusive. It is lowered to the last one that ``step`` reaches, with a warning.
        log: Sample on the logarithmic scale.
        step: Distance of neighbours; 1 when ``log``.

    Raises:
        ValueError: As for :class:`FloatDistribution`; also bounds beyond ±2**53, which no storage keeps exactly.
    """

    __slots__ = ("high", "log", "low", "step")

    def __init__(self, low: int, high: int, log: bool = False, step: int = 1) -> None:
        low, high, step = as_int("low", low), as_int("high", high), as_int("step", step)
        if log and step != 1:
            raise ValueError(f"The parameter `step != 1` is not supported when `log` is true, but got {step=}.")
        if low > high:
            raise ValueError(f"`low <= high` must hold, but got ({low=}, {high=}).")
        if log and low < 1:
            raise ValueError(f"`low >= 1` must hold for `log=True`, but got ({low=}, {high=}).")
        if step <= 0:
            raise ValueError(f"`step > 0` must hold, but got {step=}.")
        if max(abs(low), abs(high)) > MAX_EXACT_INTEGER:
            raise ValueError(
                f"Integer bounds must lie within ±2**53, which storages keep exactly, but got ({low=}, {high=}). "
                "Use an exponent as the parameter, or a categorical of strings."
            )
        if (high - low) % step:
            reached = low + (high - low) // step * step
            warn_lowered(low, high, step, reached)
            high = reached
        self.low = low
        self.high = high
        self.log = bool(log)
        self.step = step
        self.axis = self._make_axis()

    def to_external_repr(self, param_value_in_internal_repr: float) -> int:
        return int(param_value_in_internal_repr)

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        value = param_value_in_external_repr
        value = float(value) if type(value) is int else as_float(value)
        if value != value or (self.log and value <= 0.0):
            raise ValueError(f"`{param_value_in_external_repr}` is invalid value.")
        return value

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        value = param_value_in_internal_repr
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    @property
    def cardinality(self) -> int | None:
        return (self.high - self.low) // self.step + 1

    def _make_axis(self) -> Axis:
        grid = None if self.log else Grid(self.low, self.step, 1, self.cardinality or 1)
        return Axis(self.low, self.high, self.log, self.cardinality, grid)

    def _asdict(self) -> dict[str, Any]:
        return {"log": self.log, "step": self.step, "low": self.low, "high": self.high}


class CategoricalDistribution(BaseDistribution):
    """One of several choices, told apart by type and value: ``1``, ``True`` and ``1.0`` are three choices.

    Args:
        choices: At least one value, in any iterable. What JSON can say is stored (None, bool, int, float, str, members
            of enumerations of these, lists, tuples and dicts); other objects work in memory only, with a warning.

    Raises:
        ValueError: No choice at all, or a string in place of the choices.

    Attributes:
        choices: The choices in plain Python types, as they are stored.
        given: The very objects that were given, where any of them is not plain; otherwise None.
        shown: How the choices stand in a study that others have begun, where lists and dictionaries are texts; None:
            in the usual way. Two distributions are equal whatever they are shown as.
    """

    __slots__ = ("_hash", "_index", "_scalars", "choices", "given", "shown")

    def __init__(self, choices: Iterable[Any]) -> None:
        if isinstance(choices, (str, bytes)) or not isinstance(choices, Iterable):
            raise ValueError(f"`choices` must be a list or tuple of values, but got {choices!r}.")
        given = tuple(choices)
        if not given:
            raise ValueError("The `choices` must contain one or more elements.")
        self.choices: tuple[CategoricalChoiceType, ...] = tuple(map(plain_choice, given))
        self._index: dict[Any, int] = {}
        for index, choice in enumerate(self.choices):
            self._index.setdefault(choice_key(choice), index)
            if not is_sayable(choice):
                warn_unsayable(choice)
        self._hash = hash(tuple(self._index))
        self.shown: tuple[CategoricalChoiceType, ...] | None = None
        self.given: tuple[Any, ...] | None = None
        if any(is_the_users_own(one, plain) for one, plain in zip(given, self.choices, strict=True)):
            self.given = given
        self._scalars = not any(isinstance(choice, (list, dict)) for choice in self.choices)
        """Whether no choice is a list or dictionary, so that a text names only itself."""
        self.axis = self._make_axis()

    def __reduce__(self) -> tuple[Any, ...]:
        # Hashes of strings differ between processes.
        return _shown_as, (self.choices if self.given is None else self.given, self.shown)

    def position(self, value: Any) -> int | None:
        """Return the place of a choice: of that type and value, or the only list or dictionary that a text names."""
        index = self._index.get(choice_key(value))
        if index is None and isinstance(value, str):
            named = [place for place, choice in enumerate(self.choices) if names_choice(value, choice)]
            index = named[0] if len(named) == 1 else None
        return index

    def written_as(self, stored: BaseDistribution) -> CategoricalDistribution:
        """Return the same choices in the order and with the texts of the study's own distribution.

        Itself, where the study has other choices, or has these ones already.
        """
        if not isinstance(stored, CategoricalDistribution) or len(stored.choices) != len(self.choices):
            return self
        if self._scalars:
            return self
        places = [self.position(choice) for choice in stored.choices]
        known = [place for place in places if place is not None]
        if len(set(known)) != len(self.choices):
            return self
        given = self.choices if self.given is None else self.given
        texts = all(not isinstance(choice, (list, dict)) for choice in stored.choices)
        return _shown_as([given[place] for place in known], stored.choices if texts else stored.shown)

    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        return (self.given or self.choices)[int(param_value_in_internal_repr)]

    def as_given(self, value: Any) -> Any:
        """Return the object that was given for a choice that ``value`` equals or, as text, names; else ``value``."""
        if self.given is None and (self._scalars if type(value) is str else not isinstance(value, str)):
            return value
        index = self.position(value)
        return value if index is None else (self.given or self.choices)[index]

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        value = param_value_in_external_repr
        index = self.position(value)
        if index is None:
            # A value equal to exactly one choice is accepted whatever its type: 1 for 1.0.
            equal = [position for position, choice in enumerate(self.choices) if _loosely_equal(choice, value)]
            if len(equal) != 1:
                raise ValueError(f"'{value}' not in {self.choices}.")
            index = equal[0]
        return float(index)

    def extended_by(self, other: BaseDistribution) -> CategoricalDistribution:
        """Return this distribution with the choices that only another one has; itself where there are none."""
        others = other.choices if isinstance(other, CategoricalDistribution) else ()
        new = [choice for choice in others if self.position(choice) is None]
        return CategoricalDistribution([*self.choices, *new]) if new else self

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        return 0 <= int(param_value_in_internal_repr) < len(self.choices)

    @property
    def cardinality(self) -> int | None:
        return len(self.choices)

    def _make_axis(self) -> Axis:
        count = len(self.choices)
        return Axis(0, count - 1, False, count, Grid(0, 1, 1, count))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def _key(self) -> tuple[Any, ...]:
        return ("CategoricalDistribution", *(choice_key(choice) for choice in self.choices))

    def _asdict(self) -> dict[str, Any]:
        return {"choices": self.choices}


def _loosely_equal(choice: Any, value: Any) -> bool:
    try:
        return bool(choice == value) or (choice != choice and value != value)
    except (TypeError, ValueError):
        return False


def _shown_as(choices: Iterable[Any], shown: tuple[CategoricalChoiceType, ...] | None) -> CategoricalDistribution:
    made = CategoricalDistribution(choices)
    made.shown = shown
    return made


def _remade(kind: type[BaseDistribution], arguments: dict[str, Any]) -> BaseDistribution:
    return kind(**arguments)


def distribution_to_json(dist: BaseDistribution) -> str:
    """Return the JSON text of a distribution, in Optuna's form.

    Lists and dictionaries given as choices stand there as the text of an override, because Optuna's tools take a choice
    to be hashable, or as the text that the study has for them; the choices themselves are beside them, under a key of
    ours that Optuna passes over.

    Raises:
        ValueError: JSON cannot say one of the choices.
    """
    form: dict[str, Any] = {"name": type(dist).__name__, "attributes": dist._asdict()}
    if isinstance(dist, CategoricalDistribution):
        for choice in dist.choices:
            if not is_sayable(choice):
                raise ValueError(
                    f"The choice {choice!r} cannot be stored: it is of type {type(choice).__name__}, and a storage "
                    "keeps None, bool, int, float, str, and lists and dicts of these. Suggest a name and look the "
                    "object up, or use a study in memory."
                )
    if isinstance(dist, CategoricalDistribution) and any(isinstance(c, (list, dict)) for c in dist.choices):
        usual = [choice_text(choice) if isinstance(choice, (list, dict)) else choice for choice in dist.choices]
        shown = usual if dist.shown is None else dist.shown
        form = {"name": form["name"], "attributes": {"choices": shown}, EXACT_CHOICES: dist.choices}
    return json.dumps(form)


def json_to_distribution(json_str: str) -> BaseDistribution:
    """Return the distribution that a JSON text describes.

    Understood are the long form ``{"name": …, "attributes": …}``, also with the names of Optuna before 3.0,
    and the short one, ``{"type": "float", "low": 0, "high": 1}``.

    Raises:
        ValueError: The text names no known distribution.
    """
    data = json.loads(json_str)
    if "name" not in data:
        return _from_short_form(data)
    name, attributes = data["name"], data["attributes"]
    if EXACT_CHOICES in data:
        return _shown_as(data[EXACT_CHOICES], tuple(attributes["choices"]))
    if name not in _FROM_JSON:
        raise ValueError(f"Unknown distribution class: {name}")
    return _FROM_JSON[name](attributes)


def _from_short_form(data: dict[str, Any]) -> BaseDistribution:
    kind = data.get("type")
    if kind == "categorical":
        return CategoricalDistribution(data["choices"])
    if kind == "float":
        return FloatDistribution(data["low"], data["high"], log=data.get("log", False), step=data.get("step"))
    if kind == "int":
        return IntDistribution(data["low"], data["high"], log=data.get("log", False), step=data.get("step") or 1)
    raise ValueError(f"Unknown distribution type: {kind}")


_FROM_JSON: dict[str, Callable[[dict[str, Any]], BaseDistribution]] = {
    "FloatDistribution": lambda a: FloatDistribution(**a),
    "IntDistribution": lambda a: IntDistribution(**a),
    "CategoricalDistribution": lambda a: CategoricalDistribution(a["choices"]),
    # The names of Optuna before 3.0, still found in old databases.
    "UniformDistribution": lambda a: FloatDistribution(a["low"], a["high"]),
    "LogUniformDistribution": lambda a: FloatDistribution(a["low"], a["high"], log=True),
    "DiscreteUniformDistribution": lambda a: FloatDistribution(a["low"], a["high"], step=a["q"]),
    "IntUniformDistribution": lambda a: IntDistribution(a["low"], a["high"], step=a.get("step", 1)),
    "IntLogUniformDistribution": lambda a: IntDistribution(a["low"], a["high"], log=True),
}


def check_distribution_compatibility(dist_old: BaseDistribution, dist_new: BaseDistribution) -> None:
    """Check that a parameter of one study may change from one distribution to another.

    Raises:
        ValueError: The kind, the scale, or the list of choices differs.
    """
    if type(dist_old) is not type(dist_new):
        raise ValueError("Cannot set different distribution kind to the same parameter name.")
    if isinstance(dist_old, CategoricalDistribution):
        if dist_old != dist_new:
            raise ValueError("CategoricalDistribution does not support dynamic value space.")
    elif dist_old.log != dist_new.log:  # type: ignore[attr-defined]
        raise ValueError("Cannot set different log configuration to the same parameter name.")
