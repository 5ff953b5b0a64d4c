"""Private names of Optuna that samplers written for it use."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sweeper_core.plain import plain
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


class OptunaStorage:
    """One study's storage with Optuna's method names; every other attribute is the storage's own.

    Args:
        log: The study's trials.
    """

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        if name == "_log":  # the object is being copied
            raise AttributeError(name)
        return getattr(self._log.storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute of a running trial that is not the user's."""
        data = TrialData(system_attrs={key: plain(value)})
        self._log.storage.describe(self._log.study_id, self._record(trial_id).number, data)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Store an attribute of the study that is not the user's."""
        self._log.storage.set_study_attrs(study_id, system={key: plain(value)})

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the attributes of the study that are not the user's."""
        return dict(self._log.storage.get_study(study_id).system_attrs)

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """Return the attributes of a trial that are not the user's."""
        return self.get_trial(trial_id).system_attrs

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial by the storage's key."""
        return FrozenTrial.of(self._record(trial_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the study's trials, by number."""
        self._log.sync()
        return [FrozenTrial.of(record) for record in self._log.records if states is None or record.state in states]

    def _record(self, trial_id: int) -> TrialRecord:
        self._log.sync()
        for record in reversed(self._log.records):
            if record.trial_id == trial_id:
                return record
        raise KeyError(f"Study {self._log.study.name!r} has no trial with the key {trial_id}.")
