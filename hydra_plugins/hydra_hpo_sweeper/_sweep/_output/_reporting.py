"""What a sweep says of jobs whose reports or checkpoints do not fit to its scheduler."""

from __future__ import annotations

import logging

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attempts import own_checkpoints
from sweeper_core.trial.attrs import VERDICT
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MIN_TRIALS = 9
"""Number of trials below which promotion could hardly save anything."""


class JobWarnings:
    """Warns once of a job that ends without a report under a scheduler, and of one that returns when it was to stop."""

    def __init__(self, settings: Settings, session: Session) -> None:
        # Without a storage that jobs can reach there is another warning.
        heard = settings.ladder is None and session.storage.outlives_process
        self._reports = heard and settings.scheduler is not None
        self._obeys = heard and (settings.scheduler is not None or settings.pruner is not None)
        self._session = session

    def check(self, number: int, state: TrialState) -> None:
        """Look at a trial that has ended in a state; read nothing where no warning is due."""
        if state is not TrialState.COMPLETE or not (self._reports or self._obeys):
            return
        record = self._session.log.record(number)
        if self._reports:
            self._reports = False
            if not record.reports:
                log.warning(
                    "Trial %d ended without a report, so that hydra/sweeper/scheduler never pauses it: each trial is "
                    "trained in full. Call current_trial().report_or_prune(value, step) in the job, or give "
                    "hydra.sweeper.fidelity.",
                    record.number,
                )
        step = record.system_attrs.get(VERDICT, {}).get("step")
        if self._obeys and step is not None and record.reports and record.reports[-1][0] <= step:
            self._obeys = False
            log.warning(
                "Trial %d was to stop after step %d and returned a value there: it counts as complete, as if it had "
                "been trained in full. A job that should_prune() tells to stop has to raise sweeper_core.TrialPruned; "
                "current_trial().report_or_prune(value, step) does that.",
                record.number,
                step,
            )


def hint_of_promotion(session: Session) -> list[str]:
    """Return a line on what a scheduler would do for jobs that report and save checkpoints, where there is none."""
    if session.rules.scheduler is not None:
        return []
    records = session.log.configurations
    saved = [record for record in records if len(record.reports) > 1 and own_checkpoints(record)]
    if len(saved) < MIN_TRIALS:
        return []
    longest = max(record.reports[-1][0] for record in saved) + 1
    return [
        "These jobs report and save: with hydra/sweeper/scheduler=auto trials would first pause within a tenth "
        f"of their {longest} steps, only the better half would go on, and the same time would be enough for more."
    ]
