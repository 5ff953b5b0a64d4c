"""The operations of one write: serialized as lines of the file, and applied to the replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from sweeper_core.distributions import BaseDistribution
from sweeper_core.storages._journal.replay import Op, Replay, text_of
from sweeper_core.storages._rules import as_json, attrs_of_point, check_name, distribution_text, now
from sweeper_core.storages._table import TrialRow
from sweeper_core.storages.base import Point
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

_as_json = json.JSONEncoder(separators=(",", ":")).encode
of_json = json.JSONDecoder().decode
_quoted = json.encoder.encode_basestring_ascii


class Entries:
    """The operations of one write."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self.lines: list[str] = []
        self._plays: list[Callable[[Replay], None]] = []

    @property
    def content(self) -> bytes:
        """The lines to append to the file."""
        return ("\n".join(self.lines) + "\n").encode()

    def play(self, replay: Replay) -> None:
        """Play the operations as they would be if they were read from the file."""
        for play in self._plays:
            play(replay)

    def add(self, op: Op, **fields: Any) -> None:
        """Add an operation."""
        line = _as_json({"op_code": int(op), "worker_id": self._worker, **fields})
        self.lines.append(line)
        self._plays.append(lambda replay: replay.apply(of_json(line)))

    def add_attrs(
        self, trial_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        """Add attributes of a trial, each an operation of its own."""
        for key, value in user.items():
            self._add_attr(Op.USER_ATTR, "user_attr", trial_id, key, value)
        for key, value in system.items():
            self._add_attr(Op.SYSTEM_ATTR, "system_attr", trial_id, key, value)

    def _add_attr(self, op: Op, field: str, trial_id: int, key: str, value: Any) -> None:
        try:
            self.add(op, trial_id=trial_id, **{field: {check_name("attribute", key): value}})
        except TypeError:
            as_json(value, key)  # its error names the attribute
            raise

    def add_params(self, trial_id: int, described: Mapping[str, tuple[BaseDistribution, float]]) -> None:
        """Add parameters of a trial."""
        if not described:
            return
        head = f'{{"op_code":{int(Op.PARAM)},"worker_id":"{self._worker}","trial_id":{trial_id},"param_name":'
        params = []
        for name, (distribution, value) in described.items():
            text, number = distribution_text(distribution), float(value)
            # Serialized by hand and played without parsing: most operations of a journal are parameters.
            shown = repr(number) if isfinite(number) else _as_json(number)
            self.lines.append(f'{head}{_quoted(name)},"param_value_internal":{shown},"distribution":{_quoted(text)}}}')
            params.append((name, text, number))
        self._plays.append(lambda replay: replay.describe(trial_id, params))

    def add_reports(self, row: TrialRow, reports: Sequence[tuple[int, float]]) -> None:
        """Add reports of a trial, except for steps that already have one."""
        known = {step for step, _ in row.reports}
        for step, value in reports:
            if int(step) not in known:
                known.add(int(step))
                self.add(Op.REPORT, trial_id=row.trial_id, step=int(step), intermediate_value=float(value))

    def begin(self, trial_id: int, started: datetime | None) -> None:
        """Add the start of a WAITING trial."""
        start = {"state": int(TrialState.RUNNING), "values": None, "datetime_start": text_of(started)}
        self.add(Op.STATE_VALUES, trial_id=trial_id, **start)

    def end(self, trial_id: int, state: TrialState, values: tuple[float, ...] | None) -> None:
        """Add the end of a RUNNING trial."""
        listed = None if values is None else list(values)
        end = text_of(now())
        self.add(Op.STATE_VALUES, trial_id=trial_id, state=int(state), values=listed, datetime_complete=end)

    def enqueue(self, study_id: int, point: Point) -> None:
        """Add a WAITING trial."""
        self.add(
            Op.CREATE_TRIAL,
            study_id=study_id,
            datetime_start=None,
            state=int(TrialState.WAITING),
            value=None,
            values=None,
            distributions={},
            params={},
            user_attrs=dict(point.user_attrs),
            system_attrs=attrs_of_point(point),
            intermediate_values={},
        )


def described(row: TrialRow) -> dict[str, tuple[BaseDistribution, float]]:
    """Return the distribution and the internal value of each parameter."""
    layout = row.layout
    return {
        name: (distribution, value)
        for name, distribution, value in zip(layout.names, layout.distributions, row.internals, strict=True)
    }


def whole(trial: TrialRecord) -> dict[str, Any]:
    """Return the fields of an operation that creates a complete trial."""
    several = trial.values is not None and len(trial.values) > 1
    names, distributions = trial.layout.names, trial.layout.distributions
    completed = {} if trial.completed is None else {"datetime_complete": text_of(trial.completed)}
    return {
        "datetime_start": text_of(trial.started),
        "state": int(trial.state),
        "value": None if several or not trial.values else trial.values[0],
        "values": list(trial.values) if several and trial.values else None,
        **completed,
        "distributions": {n: distribution_text(d) for n, d in zip(names, distributions, strict=True)},
        "params": dict(zip(names, trial.internals, strict=True)),
        "user_attrs": dict(trial.user_attrs),
        "system_attrs": dict(trial.system_attrs),
        "intermediate_values": {str(step): value for step, value in trial.reports},
    }
