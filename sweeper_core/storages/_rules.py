"""Rules shared by all storages: argument checks, and the handling of stale trials."""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, distribution_to_json
from sweeper_core.exceptions import DuplicatedStudyError, StorageInternalError, UpdateFinishedTrialError
from sweeper_core.storages.base import Lease, Point
from sweeper_core.trial.attrs import (
    BEGAN,
    CLUSTER_JOB,
    CONSTRAINT_PREFIX,
    CONTINUES,
    COST,
    ENQUEUED,
    FAILURE,
    FIRST_STEP,
    FIXED_PARAMS,
    JOB_DIRECTORY,
    LEASE,
    LIST_OF_CONSTRAINTS,
    LOST,
    ONCE,
    OOM,
    RAISED,
    REPEATS,
    RETRY_HISTORY,
    RETRY_OF,
    SOURCE_NUMBER,
    SPENT_PREFIX,
    STOPPED,
    TRACEBACK,
    VERDICT,
)
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

MAX_TEXTS = 4096
"""Number of distributions whose JSON is cached."""

MAX_NAMES = 4096
"""Number of checked names of parameters that are cached."""

MAX_NAME = 512
"""Characters that a name may have in Optuna's relational schema."""

_OF_ONE_ATTEMPT = frozenset(
    {
        *(CONTINUES, FIRST_STEP, ENQUEUED, LEASE, LOST, STOPPED, FAILURE, TRACEBACK, VERDICT, OOM, RAISED),
        *(COST, REPEATS, LIST_OF_CONSTRAINTS, JOB_DIRECTORY, SOURCE_NUMBER),
    }
)


def now() -> datetime:
    """Return the time as it is stored: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def new_study_name() -> str:
    """Return a name for an unnamed study."""
    return f"no-name-{uuid.uuid4()}"


def no_study(name_or_id: str | int) -> KeyError:
    """Return the error for a study that does not exist."""
    return KeyError(f"There is no study {name_or_id!r} in this storage.")


def no_trial(study_id: int, number: int) -> KeyError:
    """Return the error for a trial that does not exist."""
    return KeyError(f"Study {study_id} has no trial {number}.")


def duplicate(name: str) -> DuplicatedStudyError:
    """Return the error for a study that exists already."""
    return DuplicatedStudyError(
        f"A study named {name!r} exists already. Use load_if_exists=True to go on with it, or choose another name."
    )


def check_runs(number: int, state: TrialState) -> None:
    """Raise unless the trial is RUNNING: trials in other states may not be changed."""
    if state.is_finished():
        raise UpdateFinishedTrialError(f"Trial {number} has already ended as {state.name} and cannot be changed.")
    if state is not TrialState.RUNNING:
        raise StorageInternalError(f"Trial {number} still waits in the queue and cannot be changed before it runs.")


def check_directions(directions: Sequence[StudyDirection]) -> tuple[StudyDirection, ...]:
    """Return the directions of a new study as a tuple; at least one."""
    if not directions:
        raise ValueError("A study needs at least one direction.")
    return tuple(StudyDirection(direction) for direction in directions)


def check_name(kind: str, name: str) -> str:
    """Return the name; raise when some storage could not store it."""
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise ValueError(f"The name of a {kind} must be a string of at most {MAX_NAME} characters, not {name!r}.")
    if not name.isascii() or "\0" in name:
        try:
            name.encode()
        except UnicodeEncodeError:
            pass
        else:
            if "\0" not in name:
                return name
        raise ValueError(f"The name of a {kind} has a character that cannot be stored: {name!r}. Choose another name.")
    return name


@lru_cache(maxsize=MAX_NAMES)
def _check_parameter(name: str) -> str:
    return check_name("parameter", name)


def as_json(value: Any, name: str) -> str:
    """Return the text of an attribute.

    Raises:
        TypeError: JSON cannot represent it.
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The attribute {name!r} must be something that JSON can say, but {value!r} is not: {error}"
        ) from error


def check_end(state: TrialState, values: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the values of a trial that ends."""
    if not state.is_finished():
        raise ValueError(f"A trial ends as COMPLETE, PRUNED or FAIL, not as {state.name}.")
    return None if values is None else check_values(values)


def check_values(values: Sequence[float]) -> tuple[float, ...]:
    """Return values as floats; they may be infinite."""
    if len(values) == 1:  # nearly always
        only = float(values[0])
        if only == only:
            return (only,)
    numbers = tuple([float(value) for value in values])
    if any([number != number for number in numbers]):  # noqa: C419 (a generator costs more than it could save)
        raise ValueError(f"Objective values must not be NaN, but got {numbers}. End such a trial as FAIL.")
    return numbers


def internals(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> dict[str, tuple[BaseDistribution, float]]:
    """Return each parameter's distribution and internal value."""
    described = {}
    for name, value in params.items():
        try:
            distribution = distributions[name]
        except KeyError:
            raise ValueError(f"No distribution was given for {name!r}.") from None
        described[_check_parameter(name)] = (distribution, distribution.to_internal_repr(value))
    return described


_texts: dict[int, tuple[BaseDistribution, str]] = {}


def distribution_text(distribution: BaseDistribution) -> str:
    """Return the JSON of a distribution; the same object for the same one, unless there are very many."""
    # Keyed by id, because comparing distributions costs as much as serializing them. Cached objects keep their id.
    known = _texts.get(id(distribution))
    if known is None:
        if len(_texts) >= MAX_TEXTS:
            _texts.clear()
        known = _texts[id(distribution)] = (distribution, distribution_to_json(distribution))
    return known[1]


def attrs_of_point(point: Point) -> dict[str, Any]:
    """Return the system attributes of the WAITING trial made from a point."""
    return {FIXED_PARAMS: dict(point.params), **point.system_attrs}


def fixed_of(params: Mapping[str, Any], system_attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fixed parameters of a trial taken from the queue."""
    return {**params, **system_attrs.get(FIXED_PARAMS, NOTHING)}


def attr_of_lease(lease: Lease) -> dict[str, Any]:
    """Return a lease as an attribute."""
    fields = dict(vars(lease))
    if not lease.elsewhere:
        del fields["elsewhere"]  # unknown to earlier versions, which may share the study
    return fields


def lease_of_attr(attr: Any) -> Lease | None:
    """Return the lease that an attribute describes; None when it describes none."""
    try:
        return Lease(**attr)
    except TypeError:
        return None


def attrs_of_loss(reason: str) -> dict[str, Any]:
    """Return the attributes of a stale trial."""
    return {LOST: True, FAILURE: f"lost: {reason}"}


def retry_of(lost: TrialRecord, max_retries: int) -> Point | None:
    """Return the point that retries a stale trial; None when it has been retried often enough."""
    history = [*(lost.system_attrs.get(RETRY_HISTORY) or ()), lost.number]
    if len(history) > max_retries:
        return None
    fixed = fixed_of(lost.params, lost.system_attrs)
    attrs = {**_kept(lost), FIXED_PARAMS: fixed, RETRY_OF: history[0], RETRY_HISTORY: history}
    return Point(fixed, dict(lost.user_attrs), attrs)


def _kept(earlier: TrialRecord) -> dict[str, Any]:
    """Return the system attributes that the next attempt keeps."""
    return {
        key: value
        for key, value in earlier.system_attrs.items()
        if key not in _OF_ONE_ATTEMPT and not key.startswith((CONSTRAINT_PREFIX, CLUSTER_JOB, BEGAN, SPENT_PREFIX))
    }


def may_continue(trial: TrialRecord) -> bool:
    """Return whether a trial can have a next attempt: it was paused or lost."""
    return trial.state is TrialState.PRUNED or (trial.state is TrialState.FAIL and LOST in trial.system_attrs)


def attempt_after(earlier: TrialRecord, lease: Lease | None) -> TrialRecord:
    """Return the attempt that continues a trial, without number and id; it starts now."""
    attrs = {**_kept(earlier), **attrs_of_continuation(earlier)}
    if LOST in earlier.system_attrs:
        history = [*(earlier.system_attrs.get(RETRY_HISTORY) or ()), earlier.number]
        attrs |= {RETRY_OF: history[0], RETRY_HISTORY: history}
    if lease is not None:
        attrs[LEASE] = attr_of_lease(lease)
    running, started = TrialState.RUNNING, now()
    return replace(earlier, state=running, values=None, system_attrs=attrs, started=started, completed=None)


def attrs_of_continuation(earlier: TrialRecord) -> dict[str, Any]:
    """Return the attributes that mark an attempt as the continuation of another."""
    return {CONTINUES: earlier.number, FIRST_STEP: earlier.reports[-1][0] + 1 if earlier.reports else 0}


def may_come_late(trial: TrialRecord, recorded: TrialState) -> bool:
    """Return whether a result recorded for a trial that has ended may still count, through a retry.

    A failure does not count: the retry should run.
    """
    lost = trial.state is TrialState.FAIL and LOST in trial.system_attrs and LEASE in trial.system_attrs
    return lost and recorded is not TrialState.FAIL


def retry_for_result(lost: TrialRecord) -> Point:
    """Return the point of the retry that takes a late result, regardless of the number of retries."""
    point = retry_of(lost, sys.maxsize)
    assert point is not None
    return replace(point, system_attrs={**point.system_attrs, **attrs_of_continuation(lost)})


def repeats(system_attrs: Mapping[str, Any], number: int) -> bool:
    """Return whether a trial with these attributes is the next attempt after trial ``number``, or its retry."""
    return system_attrs.get(CONTINUES) == number or (system_attrs.get(RETRY_HISTORY) or [None])[-1] == number


def idempotency_attr(key: str) -> str:
    """Return the name of the study attribute that stores an idempotency key."""
    name = ONCE + key
    return name if len(name) <= MAX_NAME else ONCE + hashlib.sha256(key.encode()).hexdigest()
