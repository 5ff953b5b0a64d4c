"""The confirmation after a search: its best trials run again with fresh values of a key, in the same loop.

The runs are trials of the study ``NAME:confirm``; job directories, trial handles and checkpoints are below ``confirm/``
in the sweep directory, so that no run finds a checkpoint of the search.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from hydra_plugins.hydra_hpo_sweeper._lanes._factory import LaneFactory
from hydra_plugins.hydra_hpo_sweeper._sweep._loop import Run
from hydra_plugins.hydra_hpo_sweeper._sweep._output._mlflow import mirrored
from hydra_plugins.hydra_hpo_sweeper._sweep._output._progress import Progress
from hydra_plugins.hydra_hpo_sweeper._sweep._output._tally import Tally
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import Setup
from hydra_plugins.hydra_hpo_sweeper._sweep._results._command import command_to_continue
from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import trials_csv
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._adoption import Adoption, ClusterJobs
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan, RunningTrial
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._repeats import jobs_in
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import Judge, Recorder, TrialResult
from hydra_plugins.hydra_hpo_sweeper._sweep._workers._worker_role import others_run
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.report.beacon import lit
from sweeper_core.stopping.rule import StopRule
from sweeper_core.study._session.session import Session, Started
from sweeper_core.study.confirm import Confirming, best_candidates, confirming_session
from sweeper_core.trial.attrs import CONFIRMS
from sweeper_core.trial.record import TrialRecord

if TYPE_CHECKING:
    from sweeper_core.maths.belief import Belief

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

FOLDER = "confirm"
"""Below the sweep directory."""

_PLAIN = re.compile(r"[\w.+=-]+")


@dataclass(frozen=True)
class ConfirmSetup(Setup):
    """The set-up of a confirmation; ``search`` is that of the search."""

    search: Setup

    @property
    def studies(self) -> tuple[Opened, ...]:
        """The studies that a new storage has to have when the sweep directory is lost."""
        return self.search.opened, self.opened

    def command(self) -> str | None:
        """Return the command that goes on with the confirmation, without further trials of the search."""
        search = self.search
        return command_to_continue(search.settings, search.opened, search.directory.path, 0, nothing_left=True)


class ConfirmJobs(JobPlan):
    """Makes the jobs of confirming runs: a candidate's overrides with a value of the key."""

    def __init__(self, setup: ConfirmSetup, config: DictConfig, mirror: Any) -> None:
        assert setup.settings.confirm is not None
        self._options = setup.settings.confirm
        plan = setup.plan.without(self._options.key)
        super().__init__(setup.settings, plan, setup.opened, config, mirror, FOLDER)

    def _jobs_with(self, started: Started, overrides: Sequence[str]) -> list[Job]:
        of = started.system_attrs[CONFIRMS]
        value = as_text(of["value"])
        own = f"{self._options.key.lstrip('+')}={value}"
        folder = own if _PLAIN.fullmatch(own) else f"run={started.configuration}"
        lines = [*overrides, f"{self._options.key}={value}"]
        return jobs_in(started.configuration, lines, self._settings.repeat, f"{FOLDER}/{of['trial']}/{folder}")


class ConfirmProgress(Progress):
    """Logs each run by the trial that it confirms.

    Args:
        most: Number of runs if no candidate is dropped.
    """

    def __init__(self, session: Session, most: int, lanes: int, key: str, silent: bool) -> None:
        super().__init__(session, most, lanes)
        self._log = session.log
        self._key = key
        self._silent = silent

    def _which(self, number: int) -> str:
        of = self._log.record(number).system_attrs.get(CONFIRMS) or {}
        return f"trial {of.get('trial')} with {self._key}={of.get('value')}"

    def started(self, number: int, params: Mapping[str, Any]) -> None:
        """Log that a run has started."""
        if not self._silent:
            log.info("Confirming %s", self._which(number))

    def _show(self, number: int, result: TrialResult, params: Mapping[str, Any], note: str) -> None:
        if result.failure is not None:
            log.warning("Run %d confirms %s; it has failed.", number, self._which(number))
        elif result.values and not self._silent:
            done = sum(self.counts.values())
            log.info("[%d of at most %s] %s: %.6g", done, self.total, self._which(number), result.values[0])


def confirm(search: Setup, factory: LaneFactory) -> bool:
    """Confirm the best trials of a search that has ended; return whether the user interrupted it."""
    options = search.settings.confirm
    assert options is not None
    if search.settings.role == "worker" and others_run(search.opened.session):
        log.info("Other workers run trials still; the one that ends last confirms the best.")
        return False
    space = search.plan.space if search.settings.custom_search_space is None else None
    candidates, belief = best_candidates(search.opened.session, options.top, space, len(options.seeds))
    if not candidates:
        log.warning("hydra.sweeper.confirm: no trial is complete and within its constraints; nothing is confirmed.")
        return False
    if len(candidates) < options.top:
        log.info(
            "hydra.sweeper.confirm.top=%d: %d different trials are complete, and are all confirmed.",
            options.top,
            len(candidates),
        )
    setup = _setup(search)
    session = setup.opened.session
    try:
        return _run(setup, factory, candidates, belief)
    finally:
        with suppress(StorageInternalError):
            session.close()


def _setup(search: Setup) -> ConfirmSetup:
    session = confirming_session(search.opened.session.storage, search.opened.session.study)
    session.storage.fail_stale(session.study.study_id)
    session.log.sync()
    settings = replace(
        search.settings,
        n_trials=None,
        max_trials=None,
        max_steps=None,
        timeout=None,
        max_failure_rate=1.0,
        stop=StopRule(),
        cost=None,
        ladder=None,
        pruner=None,
        scheduler=None,
        custom_search_space=None,
        repeat=None if search.settings.repeat is None else replace(search.settings.repeat, early_stop=False),
    )
    opened = replace(search.opened, session=session, begun={})
    return ConfirmSetup(
        search.app,
        settings,
        search.plan,
        search.directory,
        opened,
        search.results,
        search.page,
        Tally(search.app.under_optunas_name),
        search.time_limit,
        search,
    )


def _run(setup: ConfirmSetup, factory: LaneFactory, candidates: list[TrialRecord], belief: Belief | None) -> bool:
    settings, session = setup.settings, setup.opened.session
    options = settings.confirm
    assert options is not None
    of = setup.search.opened.session.study.name
    confirming = Confirming(session, of, candidates, options.key, options.seeds, settings.max_retries, belief)
    folder = setup.directory.path / FOLDER
    folder.mkdir(exist_ok=True)
    most = len(candidates) * len(options.seeds)
    log.info(
        "Confirming the best %d trials with %d values of %s (at most %d runs); to go on later: %s",
        len(candidates),
        len(options.seeds),
        options.key,
        most,
        setup.command() or "(the study is in memory)",
    )
    setup.results.confirmation = confirming.state
    recorder = Recorder(setup.opened.url or session.storage, session.study.study_id, Judge.of(settings, setup.plan))
    with mirrored(settings, setup.plan, setup.opened, folder) as mirror, ExitStack() as stack:
        jobs = ConfirmJobs(setup, setup.app.config, mirror)
        stack.callback(_write, setup, session)
        for place, budget in ((setup.directory.path, setup.search.opened.session.log.n_configurations), (folder, most)):
            stack.enter_context(lit(place, budget, settings.n_jobs, setup.command() or ""))
        interrupt = stack.enter_context(Interrupt(factory.in_process))
        progress = ConfirmProgress(session, most, settings.n_jobs, options.key, settings.progress == "off")

        cluster = ClusterJobs(session, folder, setup.app.config.hydra.launcher)
        adoption = Adoption(setup.opened, folder, setup.plan.space, cluster)

        def source() -> RunningTrial | None:
            started = confirming.next(setup.opened.lease) if run.rules.may_continue() else None
            return None if started is None else jobs.prepare(started)

        run = Run(setup, jobs, interrupt, stack.enter_context(progress), adoption, source)
        stack.enter_context(run.watcher)
        run.loop(stack.enter_context(factory.open(recorder, cluster, cluster.mark)))
    return interrupt.requested


def _write(setup: Setup, session: Session) -> None:
    """Write the results as they are at the end, and the table of the runs."""
    with suppress(StorageInternalError):
        setup.results.write()
        session.log.sync()
        folder = setup.directory.path / FOLDER
        with suppress(OSError):
            (folder / "trials.csv").write_text(trials_csv(session.log.configurations, 1), encoding="utf-8")
    setup.page.finish()
