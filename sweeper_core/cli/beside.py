"""Commands that are used beside a running sweep. They read; only ``stop`` does something, to the process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click

from sweeper_core.cli import term
from sweeper_core.cli.options import json_option, study_options, where_of
from sweeper_core.cli.source import Source, find_place, find_study
from sweeper_core.cli.stopping import distinct, interrupt, stop_workers
from sweeper_core.report.beacon import Beacon, beacons, lease_of
from sweeper_core.report.crew import Crew
from sweeper_core.report.facts import StudyFacts, best_so_far
from sweeper_core.report.pictures import sparkline
from sweeper_core.report.texts import duration_text, number, one_line, params_text
from sweeper_core.study.abandoned import is_abandoned
from sweeper_core.trial.attrs import LEASE
from sweeper_core.trial.cluster import is_queued
from sweeper_core.trial.record import TrialRecord

SPARK = 24
"""Characters of a learning curve."""

MAX_RUNNING = 20
"""Running trials that are shown one by one."""

MAX_HEADLINE = 400
"""Characters of a line that is not fitted to a terminal."""

MAX_FAILURES = 5
"""Reasons of failures that are shown."""


@click.command("status")
@study_options
@json_option
def status_command(where: str | None, storage: str | None, study: str | None, as_json: bool) -> None:
    """Tell what runs, since when, the best, failures and the expected end.

    \b
    Examples:
      hpo status outputs/sweep
      hpo status --json outputs/sweep | jq .best
    """
    source = find_study(where_of(where, storage), study)
    watched = Watched(source)
    facts = watched.facts()
    if as_json:
        term.write_json(status_json(watched, facts))
        return
    for line in status_lines(watched, facts, term.width()):
        click.echo(line)


class Watched:
    """A study that is read again and again; only what has changed is read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sweeps: list[Beacon] = []
        self._records: dict[int, TrialRecord] = {}
        self._cursor: Any = None
        self._file = source.place.file
        self._opened = _identity(self._file)

    def facts(self) -> StudyFacts:
        """Return the study as it is now.

        Raises:
            KeyError: It has been deleted.
            ValueError: Its file has been removed, or is another one.
        """
        if self._file is not None and _identity(self._file) != self._opened:
            now = "was removed" if _identity(self._file) is None else "is another file by now; call this again"
            raise ValueError(f"{self._file} {now}.")
        study_id = self.source.study.study_id
        study = self.source.storage.get_study(study_id)
        changed, self._cursor = self.source.storage.changes(study_id, self._cursor)
        self._records.update((record.number, record) for record in changed)
        directory = self.source.directory
        self.sweeps = [] if directory is None else beacons(directory)
        return StudyFacts.of(study, self._records.values(), self._budget)

    @property
    def _budget(self) -> int | None:
        known = [sweep.budget for sweep in self.sweeps if sweep.budget is not None]
        return max(known) if known else self.source.place.budget

    def is_running(self, facts: StudyFacts) -> bool:
        """Return whether a process works on the study, as far as can be seen from here."""
        crew = None if self.source.directory is None else Crew.of(self.source.directory)
        if crew is not None and crew.is_active():
            return True
        return bool(self.sweeps) or any(lease_of(record.system_attrs.get(LEASE)) for record in facts.running)


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None when there is none."""
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def status_json(watched: Watched, facts: StudyFacts) -> dict[str, Any]:
    """Return what ``status --json`` prints."""
    source = watched.source
    return {
        "schema": "hpo.status/1",
        "storage": source.shown_url,
        "directory": None if source.directory is None else str(source.directory.absolute()),
        "active": watched.is_running(facts),
        "sweeps": [
            {"host": sweep.owner.host, "pid": sweep.owner.pid, "lanes": sweep.lanes, "command": sweep.command}
            for sweep in watched.sweeps
        ],
        **facts.status_json(),
    }


def status_lines(watched: Watched, facts: StudyFacts, width: int) -> list[str]:
    """Return how a study stands, as lines of at most ``width`` characters."""
    lines = [_headline(watched, facts), *_best_lines(facts, width)]
    lines += [_running_line(facts, record, width) for record in facts.running[:MAX_RUNNING]]
    if len(facts.running) > MAX_RUNNING:
        lines.append(f"  and {len(facts.running) - MAX_RUNNING} more")
    for group in facts.failures[:MAX_FAILURES]:
        trials = ", ".join(map(str, group.numbers[:5])) + (", …" if len(group.numbers) > 5 else "")
        lines.append(f"{len(group.numbers)} failed (trials {trials}): {group.reason}")
    return [one_line(line, width) for line in lines]


def _headline(watched: Watched, facts: StudyFacts) -> str:
    budget = "" if facts.budget is None else f"/{facts.budget}"
    queued = sum(map(is_queued, facts.running))
    known = {"RUNNING": facts.counts.get("RUNNING", 0) - queued, "queued": queued} if queued else {}
    shown = {state: count for state, count in {**facts.counts, **known}.items() if count or state not in known}
    counts = ", ".join(f"{count} {state.lower()}" for state, count in shown.items())
    parts = [f"{len(facts.finished)}{budget} trials" + (f" ({counts})" if counts else "")]
    parts.append(f"{duration_text(facts.spent)} of jobs")
    if facts.saved > 0:
        parts.append(f"{duration_text(facts.saved)} saved by pruning")
    if facts.account is not None:
        parts.append(facts.account.in_words())
    expected = facts.expected_end
    if expected is not None:
        left = (expected - facts.at).total_seconds()
        parts.append(f"about {duration_text(left)} left")
    state = "running" if watched.is_running(facts) else "not running"
    return f"Study {facts.study.name} ({state}): " + ", ".join(parts)


def _best_lines(facts: StudyFacts, width: int) -> list[str]:
    if not facts.best:
        return ["No trial is complete and within its constraints yet."]
    if not facts.single:
        return [f"Pareto front: {len(facts.best)} trials"]
    record = facts.best[0]
    spark = sparkline([value for _, value in best_so_far(facts)], SPARK, unicode=term.speaks_unicode())
    head = f"Best {facts.metrics[0]} {number((record.values or (None,))[0])} (trial {record.number}) {spark}"
    return [head, "  " + params_text(facts.shown(record), width - 2)]


def _running_line(facts: StudyFacts, record: TrialRecord, width: int) -> str:
    if is_queued(record) and record.started is not None:
        waits = duration_text((facts.at - record.started).total_seconds())
        return f"  trial {record.number} waits in the queue for {waits}  {params_text(facts.shown(record))}"
    age = duration_text(facts.seconds_of(record))
    step = ""
    if record.reports:
        last_step, last = record.reports[-1]
        curve = sparkline([value for _, value in record.reports], SPARK // 2, unicode=term.speaks_unicode())
        step = f", step {last_step}: {number(last, 4)} {curve}"
    return f"  trial {record.number} runs for {age}{step}  {params_text(facts.shown(record))}"


@click.command("watch")
@study_options
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds between looks."
)
def watch_command(where: str | None, storage: str | None, study: str | None, interval: float) -> None:
    """Follow a sweep until it ends; works over ssh, and does not touch the sweep.

    On a terminal the picture changes in place, elsewhere a line is written for each trial that ends.
    """
    watched = Watched(find_study(where_of(where, storage), study))
    try:
        if term.is_terminal() and os.environ.get("TERM", "dumb") != "dumb":
            _watch_in_place(watched, interval)
        else:
            _watch_in_lines(watched, interval)
    except KeyboardInterrupt:
        pass


def _watch_in_place(watched: Watched, interval: float) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(console=term.console(), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            facts = watched.facts()
            live.update(Text("\n".join(status_lines(watched, facts, term.width()))), refresh=True)
            if not watched.is_running(facts):
                break
            time.sleep(interval)
    _refuse_dead(facts)


def _watch_in_lines(watched: Watched, interval: float) -> None:
    told: set[int] = set()
    while True:
        facts = watched.facts()
        for record in facts.finished:
            if record.number not in told:
                told.add(record.number)
                values = ", ".join(number(value) for value in record.values or ())
                term.say(f"trial {record.number} {record.state.name} {values} {params_text(facts.shown(record))}")
        if not watched.is_running(facts):
            break
        time.sleep(interval)
    term.say(one_line(_headline(watched, facts), MAX_HEADLINE))
    _refuse_dead(facts)


def _refuse_dead(facts: StudyFacts) -> None:
    """Raise where a sweep has not ended but died."""
    left = [record.number for record in facts.running if is_abandoned(record.system_attrs)]
    if left:
        trials = f"trial{'s' if len(left) > 1 else ''} {', '.join(map(str, left[:MAX_FAILURES]))}"
        more = ", …" if len(left) > MAX_FAILURES else ""
        raise ValueError(f"The sweep died while {trials}{more} ran; the same command goes on, and runs them again.")


@click.command("stop")
@study_options
def stop_command(where: str | None, storage: str | None, study: str | None) -> None:
    """End a running sweep as Ctrl-C does: running jobs end first; a second time stops them at once.

    The sweep is found in its directory; it has to run on this machine. Workers (hydra.sweeper.role=worker) end wherever
    they run, after their current trials.
    """
    place = find_place(where_of(where, storage))
    if place.directory is not None and stop_workers(place.directory):
        return
    owners = [sweep.owner for sweep in beacons(place.directory)] if place.directory is not None else []
    if not owners:
        running = find_study(where_of(where, storage), study).facts().running
        leases = [lease_of(record.system_attrs.get(LEASE)) for record in running]
        owners = list(dict.fromkeys(lease for lease in leases if lease is not None))
    if not owners:
        raise ValueError("No sweep that runs was found.")
    for owner in distinct(owners):
        interrupt(owner)
