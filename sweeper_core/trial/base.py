"""The interface of all trials for objectives: suggestions, reports, attributes, constraints."""

from __future__ import annotations

import functools
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sweeper_core._described import described
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.trial.amounts import cost_argument
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, SPENT_PREFIX

if TYPE_CHECKING:
    from sweeper_core.search_space.lists import Shape

Choice = TypeVar("Choice", None, bool, int, float, str)


class BaseTrial(ABC):
    """The interface that objectives use. Live, fixed and frozen trials are interchangeable."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a value for a floating point parameter.

        Args:
            name: Name of the parameter; a repeated call in the same trial returns the same value.
            low, high: Smallest and largest value, both inclusive; ``low`` positive when ``log``.
            step: Distance of the values ``low, low + step, …``; excludes ``log``.
            log: Search on the logarithmic scale.
        """
        return float(self.suggest(name, _float(low, high, log, step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a value for an integer parameter; arguments as for :meth:`suggest_float`."""
        return int(self.suggest(name, _int(low, high, log, step)))

    @overload
    def suggest_categorical(self, name: str, choices: Iterable[Choice]) -> Choice: ...

    @overload
    def suggest_categorical(self, name: str, choices: Iterable[Any]) -> Any: ...

    def suggest_categorical(self, name: str, choices: Iterable[Any]) -> Any:
        """Return one of the choices: the very object that was given.

        Args:
            name: Name of the parameter.
            choices: None, bool, int, float, str, members of enumerations of these, or lists, tuples and dicts of
                these, in any iterable; the same ones in every trial, or more. Other objects work in memory only.
        """
        distribution = _categorical(choices)
        return distribution.as_given(self.suggest(name, distribution))

    def suggest_permutation(self, name: str, items: Iterable[Any]) -> list[Any]:
        """Return an order of some items; it is stored as the parameters ``name[1]``, ``name[2]``, ….

        Args:
            name: Name of the list.
            items: Distinct values, two at least.
        """
        from sweeper_core.search_space.lists import Permutation

        return self._suggest_list(name, Permutation(tuple(items)))

    def suggest_simplex(self, name: str, size: int) -> list[float]:
        """Return ``size`` numbers from 0 to 1 whose sum is 1; stored as the parameters ``name[0]``, ``name[1]``, ….

        Random samplers draw them uniformly from the simplex.
        """
        from sweeper_core.search_space.lists import Simplex

        return self._suggest_list(name, Simplex(size))

    def _suggest_list(self, name: str, shape: Shape) -> list[Any]:
        from sweeper_core.search_space.lists import ListParameter

        kinds = ListParameter(name, shape).distributions
        return shape.value([self.suggest(part, kind) for part, kind in kinds.items()])

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Return ``suggest_float(name, low, high)``. Deprecated."""
        return self._deprecated("suggest_uniform", "(...)", name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Return ``suggest_float(name, low, high, log=True)``. Deprecated."""
        return self._deprecated("suggest_loguniform", "(..., log=True)", name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Return ``suggest_float(name, low, high, step=q)``. Deprecated."""
        return self._deprecated("suggest_discrete_uniform", "(..., step=...)", name, low, high, step=q)

    def _deprecated(self, old: str, new: str, name: str, low: float, high: float, **options: Any) -> float:
        warnings.warn(f"{old} is deprecated. Use suggest_float{new} instead.", FutureWarning, stacklevel=3)
        return self.suggest_float(name, low, high, **options)

    def set_constraint(self, key: str, value: float) -> None:
        """Store a constraint's value; the trial is feasible when all of them are zero or less.

        The first value of each key counts; later ones are ignored with a warning.

        Raises:
            TypeError: The value cannot be made a float.
            ValueError: It is NaN.
        """
        number = constraint_argument(key, value)
        if key in self.constraints:
            warnings.warn(f"The constraint {key!r} is set already; the new value {number} is ignored.", stacklevel=2)
            return
        self._set_system_attr(CONSTRAINT_PREFIX + key, number)

    def set_cost(self, cost: float) -> None:
        """Store what this attempt has cost so far, in any unit; the last value counts, also of a trial that fails.

        Raises:
            TypeError: It is not a number.
            ValueError: It is negative, NaN or infinite.
        """
        self._set_system_attr(f"{SPENT_PREFIX}0", cost_argument(cost))

    @abstractmethod
    def suggest(self, name: str, distribution: BaseDistribution) -> Any:
        """Return the trial's value for a parameter."""

    @abstractmethod
    def _set_system_attr(self, key: str, value: Any) -> None:
        """Store one attribute that is not the user's."""

    @abstractmethod
    def report(self, value: float | Mapping[str, float], step: int) -> None:
        """Report the objective's value after ``step`` (0, 1, 2, …), for pruners."""

    @abstractmethod
    def should_prune(self) -> bool:
        """Return whether the objective should raise :class:`TrialPruned` now."""

    @abstractmethod
    def set_user_attr(self, key: str, value: Any) -> None:
        """Store a JSON value with the trial under ``key``."""

    @property
    @abstractmethod
    def params(self) -> dict[str, Any]:
        """Parameters by name, in the order of suggestion."""

    @property
    @abstractmethod
    def distributions(self) -> dict[str, BaseDistribution]:
        """Distributions of the parameters by name."""

    @property
    @abstractmethod
    def user_attrs(self) -> dict[str, Any]:
        """What :meth:`set_user_attr` has stored."""

    @property
    @abstractmethod
    def datetime_start(self) -> datetime | None:
        """When the trial started, as naive local time."""

    @property
    @abstractmethod
    def number(self) -> int:
        """0, 1, 2, … within the study."""

    @property
    @abstractmethod
    def constraints(self) -> dict[str, float]:
        """Constraint values by name."""


def float_argument(name: str, value: Any) -> float:
    """Return a number given by a user as float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number, not {value!r} ({type(value).__name__}).") from None


MAX_STEP = 2**63 - 1
"""Maximum step of a report."""


def step_argument(step: Any) -> int:
    """Return the step of a report given by a user as int."""
    try:
        number = int(step)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"`step` must be a whole number from 0 on, not {step!r} ({type(step).__name__}).") from None
    if number < 0:
        raise ValueError(f"`step` must be non-negative, but got {number}.")
    if number > MAX_STEP:
        raise ValueError(f"`step` must be an integer of at most 64 bits, but got {number}.")
    return number


def constraint_argument(key: str, value: Any) -> float:
    """Return a constraint's value given by a user as float."""
    number = float_argument("value", value)
    if math.isnan(number):
        raise ValueError(f"Constraint {key!r} was given NaN, but a constraint needs a number: <= 0 when satisfied.")
    return number


def warn_if_outside(name: str, value: Any, distribution: BaseDistribution, what: str) -> None:
    """Warn when a value that was fixed beforehand is not one of the distribution.

    Raises:
        ValueError: The distribution cannot even express it.
    """
    distribution.to_internal_repr(value)
    if not distribution.contains(value):
        text = f"{what} '{name}' with value {value} is out of the range of {described(distribution)}."
        warnings.warn(text, stacklevel=4)


def fixed_value(params: Mapping[str, Any], name: str, distribution: BaseDistribution, owner: str) -> Any:
    """Return the given value of a trial's parameter.

    Raises:
        ValueError: There is none, or the distribution cannot express it.
    """
    if name not in params:
        raise ValueError(
            f"The value of the parameter '{name}' is not found. Please set it at the construction of the {owner} "
            f"object. It has {', '.join(map(repr, params)) or 'no parameters'}."
        )
    warn_if_outside(name, params[name], distribution, "The parameter")
    return params[name]


# Building a distribution costs more than looking it up, and objectives use the same ones in every trial.
# Arguments that warn (a step that does not fit) or raise are not cached.


@functools.lru_cache(maxsize=1024, typed=True)
def _plain_float(low: float, high: float, log: bool) -> FloatDistribution:
    return FloatDistribution(low, high, log=log)


@functools.lru_cache(maxsize=1024, typed=True)
def _plain_int(low: int, high: int, log: bool) -> IntDistribution:
    return IntDistribution(low, high, log=log)


@functools.lru_cache(maxsize=1024)
def _plain_categorical(choices: tuple[Any, ...], types: tuple[type, ...]) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


_KEYS = frozenset({str, int, bool, type(None)})
"""Types of choices of which two are interchangeable when type and value are equal."""


def _float(low: float, high: float, log: bool, step: float | None) -> FloatDistribution:
    if step is None and type(low) in (int, float) and type(high) in (int, float):
        return _plain_float(low, high, log)
    return FloatDistribution(low, high, log=log, step=step)


def _int(low: int, high: int, log: bool, step: int) -> IntDistribution:
    if step == 1 and type(low) is int and type(high) is int:
        return _plain_int(low, high, log)
    return IntDistribution(low, high, log=log, step=step)


def _categorical(choices: Iterable[Any]) -> CategoricalDistribution:
    if isinstance(choices, (list, tuple)):
        types = tuple(map(type, choices))
        if _KEYS.issuperset(types):
            return _plain_categorical(tuple(choices), types)
    return CategoricalDistribution(choices)


def store_system_attr(trial: BaseTrial, key: str, value: Any) -> None:
    """Store an attribute of a trial that is not the user's, for other parts of the library."""
    trial._set_system_attr(key, value)
