"""A storm: many processes work on one study while they are killed at random moments."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.exceptions import UpdateFinishedTrialError
from sweeper_core.storages import this_process
from sweeper_core.storages.base import Claim, Point, Storage
from sweeper_core.trial.attrs import LOST
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

NAME = "storm"
GRACE = 5.0
_RETRIES = 10**6
_UNIT = FloatDistribution(0.0, 1.0)
_CONTEXT = multiprocessing.get_context("fork")


@dataclass
class Storm:
    """Runs the storm and checks what is left.

    Args:
        opener: Opens the store; called once in every process.
        directory: For the workers' diaries.
        processes: Workers at any time.
        trials: Trials that the study shall have in the end.
        queued: How many of them are enqueued beforehand.
        kills: Workers that are killed; each is replaced.
        seed: Of the moments and victims.
        disturb: Called once, half-way (a database server dies and comes back).
        patience: Seconds after which the storm counts as stuck.
    """

    opener: Callable[[], Storage]
    directory: Path
    processes: int = 16
    trials: int = 2000
    queued: int = 100
    kills: int = 60
    seed: int = 0
    disturb: Callable[[], None] | None = None
    patience: float = 540.0
    _workers: list[BaseProcess] = field(default_factory=list)
    _begun: int = 0

    def run(self) -> None:
        """Let it rage, then check every promise."""
        storage = self.opener()
        study = storage.create_or_open_study(NAME, [StudyDirection.MINIMIZE], exist_ok=False).study_id
        points = [Point({"x": 0.5}, {"point": index}) for index in range(self.queued)]
        assert len(storage.enqueue(study, points, idempotency_key="points")) == self.queued
        try:
            self._rage(storage, study)
        finally:
            for worker in self._workers:
                worker.kill()
                worker.join()
        self._check(storage, study)

    def _rage(self, storage: Storage, study: int) -> None:
        rng = random.Random(self.seed)
        deadline = time.monotonic() + self.patience
        self._workers = [self._worker(study) for _ in range(self.processes)]
        cursor, finished, killed = None, 0, 0
        seen: dict[int, TrialRecord] = {}
        while any(worker.is_alive() for worker in self._workers):
            assert time.monotonic() < deadline, f"{finished} of {self.trials} trials have ended; nothing moves"
            time.sleep(rng.uniform(0.0, 0.05))
            records, cursor = storage.changes(study, cursor)
            seen.update((record.number, record) for record in records)
            finished = sum(record.state.is_finished() for record in seen.values())
            if self.disturb is not None and finished > self.trials / 2:
                disturb, self.disturb = self.disturb, None
                disturb()
            # The kills are spread over the run.
            if killed < self.kills and finished >= self.trials * killed / (self.kills + 1):
                killed += self._strike(rng, study)
        # Where a dead holder of a lock stops all for a while, this reader too, the end may come before the last kills.
        assert killed >= self.kills / 4, f"only {killed} workers were killed"
        self._wait_for_leases(storage, study, deadline)
        records, cursor = storage.changes(study, cursor)
        seen.update((record.number, record) for record in records)
        whole = storage.changes(study)[0]
        assert [seen[number] for number in sorted(seen)] == whole, "what was read bit by bit is not what is stored"

    def _worker(self, study: int) -> BaseProcess:
        self._begun += 1
        diary = self.directory / f"diary-{self._begun}"
        worker = _CONTEXT.Process(target=_work, args=(self.opener, study, self.trials, diary))
        worker.start()
        return worker

    def _strike(self, rng: random.Random, study: int) -> bool:
        position = rng.randrange(len(self._workers))
        victim = self._workers[position]
        if not victim.is_alive():
            return False
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        self._workers[position] = self._worker(study)
        return True

    def _wait_for_leases(self, storage: Storage, study: int, deadline: float) -> None:
        """Give up what nobody runs; where an answer was lost with a connection, the lease has to run out first."""
        while any(trial.state is TrialState.RUNNING for trial in storage.changes(study)[0]):
            assert time.monotonic() < deadline, "a trial is RUNNING although its lease is over"
            if not storage.fail_stale(study, max_retries=_RETRIES):
                time.sleep(0.2)
        if any(trial.state is TrialState.WAITING for trial in storage.changes(study)[0]):
            _work(self.opener, study, self.trials, self.directory / "diary-last")

    def _check(self, storage: Storage, study: int) -> None:
        trials = storage.changes(study)[0]
        assert [trial.number for trial in trials] == list(range(len(trials))), "numbers are doubled or missing"
        told = [line.split() for diary in self.directory.glob("diary-*") for line in diary.read_text().splitlines()]
        for number, value in told:
            trial = trials[int(number)]
            assert trial.state is TrialState.COMPLETE, f"trial {number} was told, and is {trial.state.name}"
            assert trial.values == (float(value),)
            assert trial.params == {"x": trial.params["x"]}
            assert trial.reports == ((0, float(value)),)
        states = Counter(trial.state for trial in trials if LOST not in trial.system_attrs)
        assert states == {TrialState.COMPLETE: self.trials}
        points = Counter(
            trial.user_attrs["point"]
            for trial in trials
            if "point" in trial.user_attrs and trial.state is TrialState.COMPLETE
        )
        assert points == dict.fromkeys(range(self.queued), 1), "an enqueued point was lost or counted twice"


def _work(opener: Callable[[], Storage], study: int, total: int, diary: Path) -> None:
    """Be a worker: take trials until there are enough, and write down what was told."""
    storage = opener()
    lease = this_process(interval=1.0, grace=GRACE)
    with diary.open("ab", buffering=0) as file:
        while True:
            claim = storage.reserve(study, limit=total, lease=lease)
            if claim is not None:
                with contextlib.suppress(UpdateFinishedTrialError):  # it took longer than its lease
                    _run(storage, study, claim, file.write)
            elif not storage.fail_stale(study, max_retries=_RETRIES):
                if _is_over(storage, study, total):
                    return
                time.sleep(0.05)


def _run(storage: Storage, study: int, claim: Claim, note: Callable[[bytes], object]) -> None:
    value = float(claim.number) / 3
    storage.describe(study, claim.number, TrialData({"x": claim.fixed.get("x", random.random())}, {"x": _UNIT}))
    storage.report(study, claim.number, 0, value)
    if storage.finish(study, claim.number, TrialState.COMPLETE, [value]):
        note(f"{claim.number} {value!r}\n".encode())


def _is_over(storage: Storage, study: int, total: int) -> bool:
    trials = storage.changes(study)[0]
    complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
    return complete >= total
