"""The frozen trial: a copy of a stored trial for users."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sweeper_core.distributions import BaseDistribution, check_distribution_compatibility
from sweeper_core.plain import plain
from sweeper_core.trial.base import BaseTrial, fixed_value
from sweeper_core.trial.record import Layout, TrialRecord, constraints_in
from sweeper_core.trial.state import TrialState


class FrozenTrial(BaseTrial):
    """A trial's status and results. Changes affect only this copy.

    Attributes:
        number: 0, 1, 2, … within the study; -1 for a trial that is in no study yet.
        state: :class:`TrialState`.
        value, values: What the objective returned; None before the end and for failed trials; a pruned trial
            has its last report.
        datetime_start, datetime_complete: Naive local time.
        params, distributions, user_attrs, system_attrs: By name.
        intermediate_values: Reports by step.
    """

    def __init__(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        datetime_start: datetime | None,
        datetime_complete: datetime | None,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
        intermediate_values: dict[int, float],
        trial_id: int,
        *,
        values: Sequence[float] | None = None,
    ) -> None:
        if value is not None and values is not None:
            raise ValueError("Specify only one of `value` and `values`.")
        self._number = number
        self.state = state
        self._values = [value] if value is not None else None if values is None else list(values)
        self._datetime_start = datetime_start
        self.datetime_complete = datetime_complete
        self._params = params
        self._distributions = distributions
        self._user_attrs = user_attrs
        self._system_attrs = system_attrs
        self.intermediate_values = intermediate_values
        self._trial_id = trial_id

    @classmethod
    def of(cls, record: TrialRecord) -> FrozenTrial:
        """Return a new frozen trial for a stored record."""
        return cls(
            record.number,
            record.state,
            None,
            to_local(record.started),
            to_local(record.completed),
            record.params,
            record.layout.as_dict(),
            _copied(record.user_attrs),
            _copied(record.system_attrs),
            dict(record.reports),
            record.trial_id,
            values=record.values,
        )

    def to_record(self) -> TrialRecord:
        """Return this trial as storages keep it."""
        layout = Layout.of({name: self._distributions[name] for name in self._params})
        return TrialRecord(
            number=self._number,
            trial_id=self._trial_id,
            state=self.state,
            layout=layout,
            internals=tuple(
                distribution.to_internal_repr(value)
                for distribution, value in zip(layout.distributions, self._params.values(), strict=True)
            ),
            values=None if self._values is None else tuple(map(float, self._values)),
            reports=tuple(sorted((int(step), float(value)) for step, value in self.intermediate_values.items())),
            user_attrs=_copied(self._user_attrs),
            system_attrs=_copied(self._system_attrs),
            started=_to_utc(self._datetime_start),
            completed=_to_utc(self.datetime_complete),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return other.__dict__ == self.__dict__

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.number < other.number

    def __le__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.number <= other.number

    def __hash__(self) -> int:
        return hash((self._trial_id, self._number, self.state))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name.lstrip('_')}={value!r}" for name, value in self.__dict__.items())
        return f"FrozenTrial({fields}, value=None)"

    def suggest(self, name: str, distribution: BaseDistribution) -> Any:
        value = fixed_value(self._params, name, distribution, "FrozenTrial")
        if name in self._distributions:
            check_distribution_compatibility(self._distributions[name], distribution)
        self._distributions[name] = distribution
        return value

    def report(self, value: float | Mapping[str, float], step: int) -> None:
        """Do nothing: a frozen trial already has its reports."""

    def should_prune(self) -> bool:
        """Return False: a frozen trial is never pruned."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of this copy."""
        self._user_attrs[key] = value

    def _set_system_attr(self, key: str, value: Any) -> None:
        self._system_attrs[key] = value

    def validate(self) -> None:
        """Check that the attributes are consistent.

        Raises:
            ValueError: They are not; the message names them.
        """
        _check_times(self)
        _check_values(self)
        if set(self._params) != set(self._distributions):
            raise ValueError(
                f"Inconsistent parameters {set(self._params)} and distributions {set(self._distributions)}: "
                "every parameter needs its distribution."
            )
        for name, value in self._params.items():
            distribution = self._distributions[name]
            distribution.to_internal_repr(value)
            if not distribution.contains(value):
                raise ValueError(f"The value {value} of parameter '{name}' isn't contained in {distribution}.")

    @property
    def number(self) -> int:
        return self._number

    @number.setter
    def number(self, value: int) -> None:
        self._number = value

    @property
    def value(self) -> float | None:
        """The objective's value.

        Raises:
            RuntimeError: There are several; see :attr:`values`.
        """
        if self._values is None:
            return None
        if len(self._values) > 1:
            raise RuntimeError("This attribute is not available during multi-objective optimization; use `values`.")
        return self._values[0]

    @value.setter
    def value(self, value: float | None) -> None:
        self.value  # noqa: B018 (raises when there are several)
        self._values = None if value is None else [value]

    @property
    def values(self) -> list[float] | None:
        """The objectives' values."""
        return self._values

    @values.setter
    def values(self, values: Sequence[float] | None) -> None:
        self._values = None if values is None else list(values)

    @property
    def datetime_start(self) -> datetime | None:
        return self._datetime_start

    @datetime_start.setter
    def datetime_start(self, value: datetime | None) -> None:
        self._datetime_start = value

    @property
    def params(self) -> dict[str, Any]:
        return self._params

    @params.setter
    def params(self, params: dict[str, Any]) -> None:
        self._params = params

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return self._distributions

    @distributions.setter
    def distributions(self, distributions: dict[str, BaseDistribution]) -> None:
        self._distributions = distributions

    @property
    def user_attrs(self) -> dict[str, Any]:
        return self._user_attrs

    @user_attrs.setter
    def user_attrs(self, attrs: dict[str, Any]) -> None:
        self._user_attrs = attrs

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Attributes for internal use of the library."""
        return self._system_attrs

    @system_attrs.setter
    def system_attrs(self, attrs: dict[str, Any]) -> None:
        self._system_attrs = attrs

    @property
    def last_step(self) -> int | None:
        """The largest step reported; None without reports."""
        return max(self.intermediate_values, default=None)

    @property
    def duration(self) -> timedelta | None:
        """Time from start to end, independent of changes to local time; None for a trial without both."""
        if self._datetime_start is None or self.datetime_complete is None:
            return None
        return self.datetime_complete.astimezone(timezone.utc) - self._datetime_start.astimezone(timezone.utc)

    @property
    def constraints(self) -> dict[str, float]:
        return constraints_in(self._system_attrs)


def create_trial(
    *,
    state: TrialState = TrialState.COMPLETE,
    value: float | None = None,
    values: Sequence[float] | None = None,
    params: dict[str, Any] | None = None,
    distributions: dict[str, BaseDistribution] | None = None,
    user_attrs: dict[str, Any] | None = None,
    system_attrs: dict[str, Any] | None = None,
    intermediate_values: dict[int, float] | None = None,
    constraints: dict[str, float] | None = None,
) -> FrozenTrial:
    """Return a trial for :meth:`Study.add_trial`.

    Args:
        state: COMPLETE needs ``value`` or ``values``.
        value, values: One objective's value, or those of all objectives; not both.
        params, distributions: By the same names.
        user_attrs, system_attrs: By name.
        intermediate_values: Reports by step.
        constraints: Values by name, satisfied where zero or less.

    Raises:
        ValueError: The arguments are inconsistent.
    """
    started = None if state is TrialState.WAITING else datetime.now()
    trial = FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        values=values,
        datetime_start=started,
        datetime_complete=started if state.is_finished() else None,
        params=params or {},
        distributions=distributions or {},
        user_attrs=user_attrs or {},
        system_attrs=system_attrs or {},
        intermediate_values=intermediate_values or {},
    )
    for key, constraint in (constraints or {}).items():
        trial.set_constraint(key, constraint)
    trial.validate()
    return trial


def _check_times(trial: FrozenTrial) -> None:
    if trial.state is not TrialState.WAITING and trial.datetime_start is None:
        raise ValueError("`datetime_start` is supposed to be set when the trial state is not waiting.")
    if trial.state.is_finished() and trial.datetime_complete is None:
        raise ValueError("`datetime_complete` is supposed to be set for a finished trial.")
    if not trial.state.is_finished() and trial.datetime_complete is not None:
        raise ValueError("`datetime_complete` is supposed to be None for an unfinished trial.")


def _check_values(trial: FrozenTrial) -> None:
    if trial.state is TrialState.FAIL and trial.values is not None:
        raise ValueError(f"values should be None for a failed trial, but got {trial.values}.")
    if trial.state is TrialState.COMPLETE:
        if trial.values is None:
            raise ValueError("values should be set for a complete trial.")
        if any(math.isnan(value) for value in trial.values):
            raise ValueError("values should not contain NaN.")


MAX_OFFSETS = 4096
"""Number of quarter hours whose offset from UTC is cached."""

_offsets: dict[tuple[Any, ...], tuple[timedelta, int]] = {}


def to_local(utc: datetime | None) -> datetime | None:
    """Return a stored time (naive UTC) as users see it (naive local time)."""
    if utc is None:
        return None
    # A system call costs many times as much, and no time zone changes its offset within a quarter of an hour.
    key = (utc.toordinal(), utc.hour, utc.minute // 15, time.tzname, time.timezone)
    found = _offsets.get(key)
    if found is None:
        if len(_offsets) >= MAX_OFFSETS:
            _offsets.clear()
        found = _offsets[key] = _offset_at(utc)
    offset, fold = found
    local = utc + offset
    return local.replace(fold=1) if fold else local


def _offset_at(utc: datetime) -> tuple[timedelta, int]:
    """Return the offset of local time from UTC, and its ``fold`` (1 for the second occurrence of a local time)."""
    local = utc.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)
    return local - utc, int(_to_utc(local) != utc)


def _to_utc(local: datetime | None) -> datetime | None:
    return None if local is None else local.astimezone(timezone.utc).replace(tzinfo=None)


def _copied(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy in plain types."""
    return {key: plain(value) for key, value in attrs.items()}
