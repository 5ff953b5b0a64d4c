"""A trial with given parameters, to call an objective by hand or in a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sweeper_core.distributions import BaseDistribution, check_distribution_compatibility
from sweeper_core.trial.base import BaseTrial, fixed_value
from sweeper_core.trial.record import constraints_in


class FixedTrial(BaseTrial):
    """A trial that suggests what it was given; no study is needed.

    Args:
        params: The value of every parameter that the objective suggests.
        number: The value of ``trial.number``.
    """

    def __init__(self, params: dict[str, Any], number: int = 0) -> None:
        self._params = params
        self._suggested: dict[str, Any] = {}
        self._distributions: dict[str, BaseDistribution] = {}
        self._user_attrs: dict[str, Any] = {}
        self._system_attrs: dict[str, Any] = {}
        self._datetime_start = datetime.now()
        self._number = number

    def suggest(self, name: str, distribution: BaseDistribution) -> Any:
        value = fixed_value(self._params, name, distribution, "FixedTrial")
        if name in self._distributions:
            check_distribution_compatibility(self._distributions[name], distribution)
        self._suggested[name] = value
        self._distributions[name] = distribution
        return value

    def report(self, value: float | Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def should_prune(self) -> bool:
        """Return False."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        self._user_attrs[key] = value

    def _set_system_attr(self, key: str, value: Any) -> None:
        self._system_attrs[key] = value

    @property
    def params(self) -> dict[str, Any]:
        return self._suggested

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return self._distributions

    @property
    def user_attrs(self) -> dict[str, Any]:
        return self._user_attrs

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Attributes for internal use of the library."""
        return self._system_attrs

    @property
    def datetime_start(self) -> datetime | None:
        return self._datetime_start

    @property
    def number(self) -> int:
        return self._number

    @property
    def constraints(self) -> dict[str, float]:
        return constraints_in(self._system_attrs)
