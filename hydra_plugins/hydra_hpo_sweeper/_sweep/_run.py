"""A sweep from its settings to its results."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from hydra.core.utils import configure_log

from hydra_plugins.hydra_hpo_sweeper._config import _readers as read
from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, Settings, read_settings
from hydra_plugins.hydra_hpo_sweeper._lanes._factory import LaneFactory
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from hydra_plugins.hydra_hpo_sweeper._sweep._confirm import confirm
from hydra_plugins.hydra_hpo_sweeper._sweep._loop import Run, SweepFailed
from hydra_plugins.hydra_hpo_sweeper._sweep._output._live import open_progress
from hydra_plugins.hydra_hpo_sweeper._sweep._output._mlflow import mirrored
from hydra_plugins.hydra_hpo_sweeper._sweep._output._streams import decode_config, decoded, tolerant_streams
from hydra_plugins.hydra_hpo_sweeper._sweep._output._tally import Tally
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._checks import checked
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import (
    DirectoryLost,
    SweepDirectory,
    directory_of,
    in_last_directory,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._dry_run import preview
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._earlier import EarlierStudies, task_of
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import (
    Opened,
    greet,
    keep_where,
    open_study,
    tell_of_other_spaces,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import App, Setup
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._start import tell_start, with_start
from hydra_plugins.hydra_hpo_sweeper._sweep._results._expected import how_sure
from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import Results, SweepResult, single_run
from hydra_plugins.hydra_hpo_sweeper._sweep._results._hints import hints_of_run
from hydra_plugins.hydra_hpo_sweeper._sweep._results._page import Page
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._enough import check_target
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._time_limit import TimeLimit
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._adoption import Adoption, ClusterJobs
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._costs import Charge
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._fidelity import with_fidelity
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._smaller import Smaller
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import Judge, Recorder
from hydra_plugins.hydra_hpo_sweeper._sweep._workers._detach import check_detachable, detach, keep_command, say_detached
from hydra_plugins.hydra_hpo_sweeper._sweep._workers._worker_role import (
    as_worker,
    check_shared,
    in_own_journal,
    others_run,
)
from sweeper_core import logging as core_logging
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.report.beacon import lit

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

USER_ERRORS = (ConfigError, SweepFailed, DirectoryLost, StorageInternalError, OSError)
"""Errors that the user can fix: they are shown in one line, without a traceback."""


def sweep(app: App, arguments: Sequence[str]) -> SweepResult | None:
    """Run a sweep from its settings to its results; None for a dry run, which ends after the settings."""
    with tolerant_streams(), _logged_by_hydra():
        texts = [decoded(argument) for argument in arguments]
        if texts != list(arguments):
            decode_config(app.config)
        return _sweep(app, texts)


def _sweep(app: App, arguments: Sequence[str]) -> SweepResult | None:
    if read.resume("resume", app.config.hydra.sweeper.get("resume")):
        app = replace(app, config=in_last_directory(app.config))
    settings = read_settings(app.config)
    if settings.role == "worker":
        check_shared(settings, app.config)
    plan = read_plan(
        arguments,
        settings.params,
        app.context.config_loader,
        app.config,
        settings.points,
        settings.where,
    )
    directory = SweepDirectory(directory_of(app.config))
    factory = LaneFactory(settings, app.context, app.task, app.config, directory.path)
    settings, plan = with_fidelity(settings, plan, factory.compose, factory.config)
    settings = checked(settings, plan, factory.compose, factory.config)
    configure_log(app.config.hydra.hydra_logging, app.config.hydra.verbose)
    settings = with_start(settings, plan, factory.compose, factory.config)
    if settings.dry_run:
        for line in preview(settings, plan, directory, factory.kind):
            log.info("%s", line)
        return None
    if settings.detach:
        check_detachable(settings, app.config, directory.path)
    settings = in_own_journal(settings, directory.path)
    if settings.role == "worker":
        settings = as_worker(settings, directory.path)
    directory.begin(factory.config)
    earlier = None if app.under_optunas_name else EarlierStudies(task_of(app.config, plan), directory, app.config)
    directory.task = None if earlier is None else earlier.task
    opened = open_study(settings, directory, elsewhere=factory.jobs_outlive, earlier=earlier)
    if settings.detach:
        _detach(app, settings, directory, opened)
        return None
    try:
        name = "optuna" if app.under_optunas_name else "hpo"
        again = single_run(app.config, name)
        results = Results(opened.session, plan, directory.path, again, factory.compose, settings.top_k)
        page = Page(directory.path, opened, settings.report, str(app.config.hydra.job.name))
        time_limit = TimeLimit(settings.time_limit, os.environ, lambda: opened.session.log.records)
        tally = Tally(app.under_optunas_name)
        setup = Setup(app, settings, plan, directory, opened, results, page, tally, time_limit)
        greet(opened, settings, directory, setup.command())
        tell_start(opened, settings, plan)
        check_target(settings, opened.session)
        time_limit.check()
        if settings.role == "worker":
            keep_command(directory.path, opened.session.study.name, settings)
        keep_where(opened, plan.space)
        if settings.custom_search_space is None:
            tell_of_other_spaces(opened, plan.space)
        return _run(setup, factory)
    finally:
        # All of the study is in its file then, and not in the log that SQLite keeps beside it.
        opened.session.storage.close()


def _detach(app: App, settings: Settings, directory: SweepDirectory, opened: Opened) -> None:
    """Start workers for a study that is open, which is closed then."""
    try:
        crew = detach(settings, app.config, directory.path, opened.session.study.name)
    finally:
        opened.session.close()
        opened.session.storage.close()
    say_detached(crew, directory.path)


def _run(setup: Setup, factory: LaneFactory) -> SweepResult:
    session, settings, path = setup.opened.session, setup.settings, setup.directory.path
    inline = factory.in_process
    interrupted = False
    charge = None if settings.cost is None else Charge(settings.cost)
    where = setup.opened.url or session.storage
    recorder = Recorder(where, session.study.study_id, Judge.of(settings, setup.plan), charge)
    setup.directory.watch(setup.opened.file)
    try:
        with mirrored(settings, setup.plan, setup.opened, setup.directory.path) as mirror:
            jobs = JobPlan(settings, setup.plan, setup.opened, setup.app.config, mirror)
            cluster = ClusterJobs(session, path, setup.app.config.hydra.launcher)
            adoption = Adoption(setup.opened, path, setup.plan.space, cluster)
            progress = open_progress(settings.progress, session, settings.n_trials, settings.n_jobs, inline)
            with ExitStack() as stack:
                stack.callback(_write, setup)
                stack.enter_context(lit(setup.directory.path, _budget(setup), settings.n_jobs, setup.command() or ""))
                interrupt = stack.enter_context(Interrupt(inline, settings.role == "worker"))
                smaller = Smaller(settings.oom_retry, factory.compose, session, jobs.checkpoints.forget)
                run = Run(setup, jobs, interrupt, stack.enter_context(progress), adoption, smaller=smaller)
                stack.enter_context(run.watcher)
                run.loop(stack.enter_context(factory.open(recorder, cluster, cluster.mark)))
            if settings.confirm is not None and run.has_ended_well:
                interrupted = confirm(setup, factory)
    except StorageInternalError as error:
        command = setup.command()
        more = "" if command is None else f" To continue: {command}"
        raise type(error)(f"{str(error).rstrip('.')}.{more}") from error
    finally:
        setup.directory.close()
        with suppress(StorageInternalError):
            session.close()
    return run.conclude(interrupted)


def _budget(setup: Setup) -> int | None:
    """Return how many trials the study is going to have when this run has ended."""
    limit, more = setup.settings.max_trials, setup.settings.n_trials
    total = None if more is None else more + sum(r.state.is_finished() for r in setup.opened.session.log.records)
    known = [number for number in (limit, total) if number is not None]
    return min(known) if known else None


def _write(setup: Setup) -> None:
    """Write the results and the report as they are at the end, also of a run that failed.

    Of several workers, the one that ends last does that.
    """
    with suppress(StorageInternalError):
        if setup.settings.role == "worker" and others_run(setup.opened.session):
            setup.page.close()
            return
        setup.results.hints = hints_of_run(setup.opened.session, setup.plan)
        if setup.settings.confirm is None and not setup.app.under_optunas_name:
            space = None if setup.settings.custom_search_space else setup.plan.space
            sure = how_sure(setup.opened, space)
            setup.results.sure, setup.page.expected = sure, None if sure is None else sure.found
        setup.results.write()
    setup.page.finish()


@contextmanager
def _logged_by_hydra() -> Iterator[None]:
    """Route the core's log to Hydra's logging, and not to the console a second time."""
    core_logging.get_verbosity()  # sets the logger up, if nobody has
    core = logging.getLogger("sweeper_core")
    before = core.propagate, list(core.handlers)
    core_logging.enable_propagation()
    core_logging.disable_default_handler()
    try:
        yield
    finally:
        core.propagate, core.handlers[:] = before
