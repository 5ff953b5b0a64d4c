"""A study mirrored to MLflow: one parent run for the study, one child run for each trial.

The mirror follows the storage from a thread of its own and writes what MLflow does not have yet. Nothing waits for
it, and nothing is lost when the server is away: the storage keeps everything, and the next round catches up.

A job that logs to MLflow by itself is joined, not doubled: with :func:`job_environment` set, MLflow tags every run
that the job starts (also Lightning's ``MLFlowLogger``), and the mirror writes the trial into that run.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeper_core._extras import missing_extra
from sweeper_core.masking import masked
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.identity import study_uid
from sweeper_core.trial.attempts import Attempts
from sweeper_core.trial.attrs import FAILURE, METRICS_PREFIX
from sweeper_core.trial.best import BestSoFar
from sweeper_core.trial.cluster import seconds_of
from sweeper_core.trial.metrics import metric_curves
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

STUDY_TAG = "hpo.study"
TRIAL_TAG = "hpo.trial"
MIRRORED_TAG = "hpo.mirrored"
BEST_TAG = "hpo.best"
ATTEMPT_TAG = "hpo.attempt"
PARENT_TAG = "mlflow.parentRunId"
REPORT_METRIC = "hpo/report"

STATUS_OF = {
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
}
MAX_PARAMETER_LENGTH = 6000
"""MLflow refuses longer parameter values."""
MAX_METRICS = 1000
"""Metrics that MLflow takes in one call."""
MAX_PARAMETERS = 100
"""Parameters that MLflow takes in one call."""
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""A mirror tries again by itself, so one call need not wait for minutes."""


def job_environment(uid: str, number: int, parent_run_id: str | None, tracking_uri: str | None) -> dict[str, str]:
    """Return the environment variables under which a job's own MLflow runs belong to trial ``number``."""
    tags = {STUDY_TAG: uid, TRIAL_TAG: str(number)}
    if parent_run_id is not None:
        tags[PARENT_TAG] = parent_run_id
    variables = {"MLFLOW_RUN_CONTEXT": json.dumps(tags)}
    if tracking_uri is not None:
        variables["MLFLOW_TRACKING_URI"] = tracking_uri
    return variables


@dataclass
class _Child:
    run_id: str
    own: bool
    """Whether the mirror made the run, rather than the job."""
    reports: int = 0
    finished: bool = False
    attempt: int = -1
    """The attempt that was written last."""


@dataclass(frozen=True)
class MirrorOptions:
    """How a study looks in MLflow.

    Attributes:
        tracking_uri: Where MLflow keeps its runs; None: where MLflow itself would.
        experiment: Name of the experiment, made when there is none.
        nested: Whether trials are children of one parent run; otherwise they stand for themselves.
        metric_names: Names of the objectives' metrics.
        job_dir: Tells the directory of a trial's job, shown as a tag.
        tags: More tags for the parent run.
        not_metrics: User attributes that are the same for all trials.
    """

    tracking_uri: str | None = None
    experiment: str = "hpo"
    nested: bool = True
    metric_names: tuple[str, ...] = ("value",)
    job_dir: Callable[[TrialRecord], str | None] = lambda record: None
    tags: Mapping[str, str] = field(default_factory=dict)
    not_metrics: frozenset[str] = frozenset()


class MlflowMirror:
    """Keeps an MLflow experiment equal to a study.

    Use :meth:`start` and :meth:`close` for a mirror in the background, or :meth:`update` for one round now.

    Args:
        storage: Where the study lives.
        study: The study.
        options: How it looks in MLflow.
        interval: Seconds between two rounds.
    """

    def __init__(self, storage: Storage, study: StudyRecord, options: MirrorOptions, interval: float = 2.0) -> None:
        self.storage = storage
        self.study = study
        self.options = options
        self.interval = interval
        self.uid = study_uid(storage, study)
        self._place = f"MLflow at {masked(options.tracking_uri)}" if options.tracking_uri else "MLflow"
        self.parent_run_id: str | None = None
        self._client: MlflowClient | None = None
        self._experiment_id: str | None = None
        self._cursor: Any = None
        self._pending: dict[int, TrialRecord] = {}
        self._children: dict[int, _Child] = {}
        self._attempts = Attempts()
        self._best = BestSoFar.of(study.directions)
        self._best_marked: int | None = None
        self._out_of_reach = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._round = threading.Lock()

    def start(self) -> None:
        """Open the parent run, if the server answers, and follow the study from now on."""
        self.try_update()
        self._thread = threading.Thread(target=self._follow, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def close(self, artifacts: Sequence[Path] = (), finished: bool = True) -> bool:
        """Stop following, write what is left, and attach files to the parent run.

        Returns:
            Whether everything has been written; otherwise a warning says what is missing.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        done = self.try_update() and self._try(lambda: self._close_parent(artifacts, finished))
        if not done:
            log.warning(
                "%s has not received everything: %d trials are still to be written. Run the same command again once "
                "it answers; the study itself has lost nothing.",
                self._place,
                len(self._pending),
            )
        return done

    def environment(self, number: int) -> dict[str, str]:
        """Return what a configuration's job needs in its environment to log into the configuration's run."""
        parent = self.parent_run_id if self.options.nested else None
        variables = job_environment(self.uid, number, parent, self.options.tracking_uri)
        child = self._children.get(number)  # of an earlier attempt: `start_run` goes on with it
        return variables if child is None else {**variables, "MLFLOW_RUN_ID": child.run_id}

    def try_update(self) -> bool:
        """Write what is new; return False, after one warning, when MLflow cannot be reached."""
        return self._try(self.update)

    def update(self) -> None:
        """Write what is new.

        Raises:
            MlflowException: The server refuses or cannot be reached; the next call goes on from there.
        """
        with self._round, _environment(PATIENCE):
            self._open()
            records, self._cursor = self.storage.changes(self.study.study_id, self._cursor)
            self._pending.update((r.number, r) for r in records if r.state is not TrialState.WAITING)
            self._attempts.fold(records)
            for number in sorted(self._pending):
                self._write_or_leave_out(self._pending[number])
                del self._pending[number]
            self._mark_best()

    def _follow(self) -> None:
        while not self._stop.wait(self.interval):
            self.try_update()

    def _try(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            # Whatever MLflow's client raises (its own errors, requests', the database's) must not end the sweep.
            if not self._out_of_reach:
                first_line = (str(error).splitlines() or [""])[0]
                reason = masked(f"{type(error).__name__}: {first_line}")
                log.warning("%s cannot be written to (%s). Trials go on; this is tried again.", self._place, reason)
            self._out_of_reach = True
            return False
        if self._out_of_reach:
            log.info("%s answers again.", self._place)
        self._out_of_reach = False
        return True

    def _open(self) -> None:
        if self._client is not None and self._experiment_id is not None:
            return
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError as error:
            raise missing_extra("The mirror of a study needs MLflow", "mlflow") from error

        client = MlflowClient(tracking_uri=self.options.tracking_uri)
        experiment = client.get_experiment_by_name(self.options.experiment)
        if experiment is None:
            self._experiment_id = client.create_experiment(self.options.experiment)
        else:
            self._experiment_id = experiment.experiment_id
        self._client = client
        self._find_runs()

    def _find_runs(self) -> None:
        """Take up the runs of an earlier session of this study, and open the parent."""
        for run in _search(self.client, self.experiment_id, f"tags.`{STUDY_TAG}` = '{self.uid}'"):
            number = run.data.tags.get(TRIAL_TAG)
            if number is None:
                self.parent_run_id = run.info.run_id
            else:
                self._take_up(int(number), run)
        if self.options.nested and self.parent_run_id is None:
            tags = {STUDY_TAG: self.uid, "hpo.study_name": self.study.name, **self.options.tags}
            run = self.client.create_run(self.experiment_id, tags=tags, run_name=self.study.name)
            self.parent_run_id = run.info.run_id
        elif self.parent_run_id is not None:
            self.client.update_run(self.parent_run_id, status="RUNNING")

    def _take_up(self, number: int, run: Run) -> None:
        child = _child_of(run)
        if not child.finished:
            child.reports = len(self.client.get_metric_history(run.info.run_id, REPORT_METRIC))
        if BEST_TAG in run.data.tags:
            self._best_marked = number
        self._children[number] = child

    @property
    def client(self) -> MlflowClient:
        """MLflow's client, once it has been opened."""
        assert self._client is not None
        return self._client

    @property
    def experiment_id(self) -> str:
        """Key of the experiment, once it has been opened."""
        return _known(self._experiment_id)

    def _write_or_leave_out(self, record: TrialRecord) -> None:
        """Write a trial; what MLflow will never take must not hold up the others."""
        from mlflow.exceptions import MlflowException

        try:
            self._write(record)
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                raise
            log.warning("%s refuses trial %d: %s", self._place, record.number, masked(error.message))

    def _write(self, record: TrialRecord) -> None:
        attempt = record.number
        record = replace(record, number=self._attempts.id_of(attempt))
        self._go_on(record.number, attempt)
        # A run of the mirror's own waits for something to say, so that a job has the time to start one.
        if record.number not in self._children and not record.reports and not record.state.is_finished():
            return
        child = self._child(record)
        if not child.finished:
            self._write_reports(child, record)
            if record.state.is_finished():
                self._finish(child, record)
        if record.state is TrialState.COMPLETE:
            self._best.take(record.number, record.values, record.system_attrs)

    def _go_on(self, number: int, attempt: int) -> None:
        """Open the run of a configuration again when a later attempt of it is to be written."""
        child = self._children.get(number)
        if child is None or attempt <= max(child.attempt, number):
            return
        child.attempt = attempt
        if child.finished:
            _open_again(self.client, child)

    def _child(self, record: TrialRecord) -> _Child:
        """Return the trial's run: the job's own where there is one, else one of the mirror's."""
        child = self._children.get(record.number)
        if child is None or (child.own and record.state.is_finished() and not child.finished):
            theirs = self._run_of_the_job(record.number)
            if theirs is not None:
                if child is not None:
                    self.client.delete_run(child.run_id)
                child = _child_of(theirs)
                self.client.update_run(child.run_id, name=f"trial {record.number}")
                self._describe(child, record)
        if child is None:
            child = self._create_child(record)
        self._children[record.number] = child
        return child

    def _run_of_the_job(self, number: int) -> Run | None:
        condition = f"tags.`{STUDY_TAG}` = '{self.uid}' and tags.`{TRIAL_TAG}` = '{number}'"
        theirs = [
            run for run in _search(self.client, self.experiment_id, condition) if MIRRORED_TAG not in run.data.tags
        ]
        return min(theirs, key=lambda run: run.info.start_time) if theirs else None

    def _create_child(self, record: TrialRecord) -> _Child:
        tags = {STUDY_TAG: self.uid, TRIAL_TAG: str(record.number), MIRRORED_TAG: "true"}
        if self.parent_run_id is not None and self.options.nested:
            tags[PARENT_TAG] = self.parent_run_id
        run = self.client.create_run(
            self.experiment_id,
            start_time=_milliseconds(record.started),
            tags=tags,
            run_name=f"trial {record.number}",
        )
        child = _Child(run.info.run_id, own=True)
        self._describe(child, record)
        return child

    def _describe(self, child: _Child, record: TrialRecord) -> None:
        from mlflow.entities import Param, RunTag

        existing = self.client.get_run(child.run_id).data
        named = {allowed_name(name): value for name, value in record.params.items()}
        params = [
            Param(name, str(value)[:MAX_PARAMETER_LENGTH])
            for name, value in named.items()
            if name not in existing.params
        ]
        tags = [RunTag("hpo.number", str(record.number))]
        if self.options.nested and self.parent_run_id is not None and PARENT_TAG not in existing.tags:
            tags.append(RunTag(PARENT_TAG, self.parent_run_id))
        for start in range(0, max(len(params), 1), MAX_PARAMETERS):
            some = params[start : start + MAX_PARAMETERS]
            self.client.log_batch(child.run_id, params=some, tags=tags if start == 0 else ())

    def _write_reports(self, child: _Child, record: TrialRecord) -> None:
        new = record.reports[child.reports :]
        _log_metrics(self.client, child, [*((REPORT_METRIC, value, step) for step, value in new), *_named(record, new)])
        child.reports = len(record.reports)

    def _finish(self, child: _Child, record: TrialRecord) -> None:
        from mlflow.entities import RunTag

        if child.own and record.layout.names:
            self._describe(child, record)
        metrics = [
            (name, value, 0) for name, value in zip(self.options.metric_names, record.values or (), strict=False)
        ]
        metrics += _returned(self.options, record)
        metrics += [(f"hpo/constraint/{name}", value, 0) for name, value in record.constraints.items()]
        span = seconds_of(record)
        if span is not None:
            metrics.append(("hpo/duration_seconds", span, 0))
        _log_metrics(self.client, child, metrics)
        tags = [RunTag("hpo.state", record.state.name)]
        job_dir = self.options.job_dir(record)
        if job_dir is not None:
            tags.append(RunTag("hpo.job_dir", job_dir))
        failure = record.system_attrs.get(FAILURE)
        if failure:
            tags.append(RunTag("hpo.failure", str(failure)[:MAX_PARAMETER_LENGTH]))
        self.client.log_batch(child.run_id, tags=tags)
        self.client.set_terminated(child.run_id, STATUS_OF[record.state], end_time=_milliseconds(record.completed))
        child.finished = True

    def _mark_best(self) -> None:
        number, value = self._best.best
        if number is None or number == self._best_marked:
            return
        child = self._children[number]
        if self._best_marked is not None:
            self.client.delete_tag(self._children[self._best_marked].run_id, BEST_TAG)
        self.client.set_tag(child.run_id, BEST_TAG, "true")
        if self.parent_run_id is not None:
            self.client.set_tag(self.parent_run_id, "hpo.best_trial", str(number))
            self.client.set_tag(self.parent_run_id, "hpo.best_run_id", child.run_id)
            finished = sum(other.finished for other in self._children.values())
            self.client.log_metric(
                self.parent_run_id, f"best/{allowed_name(self.options.metric_names[0])}", value, step=finished
            )
        self._best_marked = number

    def _close_parent(self, artifacts: Sequence[Path], finished: bool) -> None:
        with self._round, _environment(PATIENCE):
            if self.parent_run_id is None:
                return
            for path in artifacts:
                if path.exists():
                    self.client.log_artifact(self.parent_run_id, str(path))
            self.client.set_terminated(self.parent_run_id, "FINISHED" if finished else "KILLED")


def allowed_name(name: str) -> str:
    """Return a name that MLflow takes for a parameter or metric: ``+model@net`` becomes ``model_net``."""
    return re.sub(r"[^\w\-. :/]", "_", name.lstrip("+"))


def _named(record: TrialRecord, reports: Iterable[tuple[int, float]]) -> Iterator[tuple[str, float, int]]:
    """Yield the metrics of reports of several, each under its own name."""
    for step, _ in reports:
        for name, value in record.system_attrs.get(f"{METRICS_PREFIX}{step}", {}).items():
            yield allowed_name(name), float(value), step


def _returned(options: MirrorOptions, record: TrialRecord) -> list[tuple[str, float, int]]:
    """Return the numbers that a job gave beside its objectives, without those that it reported step by step."""
    others = {*options.metric_names, *options.not_metrics, *metric_curves(record)}
    return [
        (allowed_name(name), float(value), 0)
        for name, value in record.user_attrs.items()
        if type(value) in (int, float) and name not in others
    ]


def _known(experiment_id: str | None) -> str:
    assert experiment_id is not None
    return experiment_id


def _search(client: MlflowClient, experiment_id: str, condition: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment_id], condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _open_again(client: MlflowClient, child: _Child) -> None:
    """Let the run of a lost attempt go on with the next one."""
    child.finished = False
    child.reports = len(client.get_metric_history(child.run_id, REPORT_METRIC))
    client.update_run(child.run_id, status="RUNNING")
    client.set_tag(child.run_id, ATTEMPT_TAG, str(child.attempt))
    if "hpo.failure" in client.get_run(child.run_id).data.tags:
        client.delete_tag(child.run_id, "hpo.failure")


def _log_metrics(client: MlflowClient, child: _Child, metrics: Sequence[tuple[str, float, int]]) -> None:
    from mlflow.entities import Metric

    now = _milliseconds(datetime.now(timezone.utc).replace(tzinfo=None)) or 0
    entries = [Metric(name, value, now, step) for name, value, step in metrics]
    for start in range(0, len(entries), MAX_METRICS):
        client.log_batch(child.run_id, metrics=entries[start : start + MAX_METRICS])


def _child_of(run: Run) -> _Child:
    own = MIRRORED_TAG in run.data.tags
    finished = "hpo.state" in run.data.tags and run.info.status in ("FINISHED", "FAILED", "KILLED")
    return _Child(run.info.run_id, own=own, finished=finished, attempt=int(run.data.tags.get(ATTEMPT_TAG, -1)))


def _milliseconds(moment: datetime | None) -> int | None:
    """Return a naive UTC moment in MLflow's unit."""
    return None if moment is None else int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that the user has not set, for a while."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
