"""Replay of a journal: its operations, applied from the beginning.

Studies and trials have no keys in the journal: the first study created is 0, the first trial of all studies is 0. So
all readers must agree on which operations are valid: those on a study or trial that does not exist, or on a trial
that has ended, are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from enum import IntEnum
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, json_to_distribution
from sweeper_core.storages._table import StudyRows, TrialRow
from sweeper_core.storages.base import StudyRecord
from sweeper_core.trial.attrs import LEASE, LOST
from sweeper_core.trial.record import NO_PARAMETERS, NOTHING, Layout
from sweeper_core.trial.state import TrialState


class Op(IntEnum):
    """The operations, numbered as in the file."""

    CREATE_STUDY = 0
    DELETE_STUDY = 1
    STUDY_USER_ATTR = 2
    STUDY_SYSTEM_ATTR = 3
    CREATE_TRIAL = 4
    PARAM = 5
    STATE_VALUES = 6
    REPORT = 7
    USER_ATTR = 8
    SYSTEM_ATTR = 9


class Replay:
    """The studies of a journal as of the last operation applied."""

    def __init__(self) -> None:
        self.studies: dict[int, StudyRows] = {}
        self.next_study = 0
        self.next_trial = 0
        self.trials: dict[int, tuple[StudyRows, TrialRow]] = {}
        """Every trial by its key in the file."""
        self._distributions: dict[str, BaseDistribution] = {}
        self._layouts: dict[Layout, Layout] = {NO_PARAMETERS: NO_PARAMETERS}
        self._extensions: dict[tuple[int, str, int], Layout] = {}

    def apply(self, entry: Mapping[str, Any]) -> None:
        """Apply one operation; unknown ones are ignored.

        Raises:
            KeyError, TypeError, ValueError: It is not an operation of a journal.
        """
        play = _PLAY.get(entry["op_code"])
        if play is not None:
            play(self, entry)

    def named(self, name: str) -> StudyRows | None:
        """Return the study of a name."""
        return next((study for study in self.studies.values() if study.record.name == name), None)

    def distribution(self, text: str) -> BaseDistribution:
        """Return the distribution of a JSON text; the same object for the same text."""
        found = self._distributions.get(text)
        if found is None:
            found = self._distributions[text] = json_to_distribution(text)
        return found

    def layout(self, distributions: Mapping[str, BaseDistribution]) -> Layout:
        """Return the layout of named distributions; the same object for the same ones."""
        made = Layout.of(distributions)
        return self._layouts.setdefault(made, made)

    # --- studies ----------------------------------------------------------------------------------------------------

    def _create_study(self, entry: Mapping[str, Any]) -> None:
        name, directions = entry["study_name"], tuple(StudyDirection(code) for code in entry["directions"])
        if self.named(name) is None:
            self.studies[self.next_study] = StudyRows(StudyRecord(self.next_study, name, directions))
            self.next_study += 1

    def _delete_study(self, entry: Mapping[str, Any]) -> None:
        study = self.studies.pop(entry["study_id"], None)
        for row in study.rows if study else ():
            del self.trials[row.trial_id]

    def _study_user_attr(self, entry: Mapping[str, Any]) -> None:
        study = self.studies.get(entry["study_id"])
        if study is not None:
            study.record = replace(study.record, user_attrs={**study.record.user_attrs, **entry["user_attr"]})

    def _study_system_attr(self, entry: Mapping[str, Any]) -> None:
        study = self.studies.get(entry["study_id"])
        if study is not None:
            study.record = replace(study.record, system_attrs={**study.record.system_attrs, **entry["system_attr"]})

    # --- trials -----------------------------------------------------------------------------------------------------

    def _create_trial(self, entry: Mapping[str, Any]) -> None:
        study = self.studies.get(entry["study_id"])
        if study is None:
            return
        row = TrialRow(len(study.rows), self.next_trial, TrialState(entry.get("state", TrialState.RUNNING)))
        self.next_trial += 1
        row.started, row.completed = utc_of(entry["datetime_start"]), utc_of(entry.get("datetime_complete"))
        if len(entry) > 4:  # more than the operation, its worker, the study and the start
            self._fill(row, entry)
        self.add(study, row)

    def add(self, study: StudyRows, row: TrialRow) -> None:
        """Add a trial."""
        study.add(row)
        self.trials[row.trial_id] = study, row
        if row.state is TrialState.WAITING:
            study.waiting.append(row.number)
        if row.system_attrs:
            study.lost += LOST in row.system_attrs
            if LEASE in row.system_attrs and not row.state.is_finished():
                study.heartbeats[row.number] = 0.0

    def _fill(self, row: TrialRow, entry: Mapping[str, Any]) -> None:
        params, value = entry.get("params") or {}, entry.get("value")
        texts = entry.get("distributions") or {}
        row.layout = self.layout({name: self.distribution(text) for name, text in texts.items() if name in params})
        row.internals = tuple(float(params[name]) for name in row.layout.names)
        values = entry.get("values") or (None if value is None else [value])
        row.values = None if values is None else tuple(float(number) for number in values)
        row.user_attrs = entry.get("user_attrs") or NOTHING
        row.system_attrs = entry.get("system_attrs") or NOTHING
        reports = entry.get("intermediate_values") or {}
        row.reports = sorted((int(step), float(number)) for step, number in reports.items()) or ()

    def _open_trial(self, trial_id: int) -> tuple[StudyRows, TrialRow] | None:
        found = self.trials.get(trial_id)
        return None if found is None or found[1].state.is_finished() else found

    def _param(self, entry: Mapping[str, Any]) -> None:
        described = entry["param_name"], entry["distribution"], float(entry["param_value_internal"])
        self.describe(entry["trial_id"], [described])

    def describe(self, trial_id: int, params: Sequence[tuple[str, str, float]]) -> None:
        """Apply parameters of a trial: name, distribution as JSON, internal value."""
        found = self._open_trial(trial_id)
        if found is None:
            return
        study, row = found
        layout, internals = row.layout, list(row.internals)
        for name, text, value in params:
            extended = self._extended(layout, name, self.distribution(text))
            if len(extended.names) > len(internals):
                internals.append(value)
            else:
                internals[extended.names.index(name)] = value
            layout = extended
        row.layout, row.internals = layout, tuple(internals)
        study.changed(row)

    def _extended(self, layout: Layout, name: str, distribution: BaseDistribution) -> Layout:
        key = (id(layout), name, id(distribution))  # layouts and distributions are kept for ever, and so are their ids
        known = self._extensions.get(key)
        if known is None:
            known = self._extensions[key] = self.layout({**layout.as_dict(), name: distribution})
        return known

    def _state_values(self, entry: Mapping[str, Any]) -> None:
        found = self._open_trial(entry["trial_id"])
        state = TrialState(entry["state"])
        if found is None or (state is TrialState.RUNNING and found[1].state is state):
            return
        study, row = found
        if row.state is TrialState.WAITING:
            study.waiting.remove(row.number)
        if state is TrialState.WAITING:
            study.waiting.append(row.number)
        elif state is TrialState.RUNNING:
            row.started = utc_of(entry["datetime_start"])
        else:
            row.completed = utc_of(entry["datetime_complete"])
            study.heartbeats.pop(row.number, None)
        row.state = state
        if entry.get("values") is not None:
            row.values = tuple(float(value) for value in entry["values"])
        study.changed(row)

    def _report(self, entry: Mapping[str, Any]) -> None:
        found = self._open_trial(entry["trial_id"])
        if found is None:
            return
        study, row = found
        step, value = int(entry["step"]), float(entry["intermediate_value"])
        if not row.report(step, value):
            row.reports = [(known, value if known == step else old) for known, old in row.reports]
        study.changed(row)

    def _user_attr(self, entry: Mapping[str, Any]) -> None:
        found = self._open_trial(entry["trial_id"])
        if found is not None:
            study, row = found
            row.user_attrs = {**row.user_attrs, **entry["user_attr"]}
            study.changed(row)

    def _system_attr(self, entry: Mapping[str, Any]) -> None:
        found = self._open_trial(entry["trial_id"])
        if found is None:
            return
        study, row = found
        new = entry["system_attr"]
        study.lost += LOST in new and LOST not in row.system_attrs
        row.system_attrs = {**row.system_attrs, **new}
        if LEASE in new:
            study.heartbeats[row.number] = 0.0
        study.changed(row)


_PLAY = {
    Op.CREATE_STUDY: Replay._create_study,
    Op.DELETE_STUDY: Replay._delete_study,
    Op.STUDY_USER_ATTR: Replay._study_user_attr,
    Op.STUDY_SYSTEM_ATTR: Replay._study_system_attr,
    Op.CREATE_TRIAL: Replay._create_trial,
    Op.PARAM: Replay._param,
    Op.STATE_VALUES: Replay._state_values,
    Op.REPORT: Replay._report,
    Op.USER_ATTR: Replay._user_attr,
    Op.SYSTEM_ATTR: Replay._system_attr,
}


def utc_of(text: str | None) -> datetime | None:
    """Return a time in the file as naive UTC; older files have local times without a zone."""
    if text is None:
        return None
    if text.endswith(_UTC):
        return datetime.fromisoformat(text[: -len(_UTC)])
    return datetime.fromisoformat(text).astimezone(timezone.utc).replace(tzinfo=None)


def text_of(time: datetime | None) -> str | None:
    """Return a naive UTC time as the file has it."""
    return None if time is None else time.isoformat(timespec="microseconds") + _UTC


_UTC = "+00:00"
