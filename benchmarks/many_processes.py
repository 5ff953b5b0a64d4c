"""Many processes on one study: copies among trials asked for at the same moment, regret, and 1,000 simulated workers.

    python benchmarks/many_processes.py together      copies among 8 and 16 that ask at once, ours and Optuna's
    python benchmarks/many_processes.py regret        96 trials by 8 processes in lockstep, and by 8 lanes
    python benchmarks/many_processes.py workers --workers 1000 --trials 4000 --sampler tpe [--postgresql]

``together`` starts real processes on a SQLite file. ``regret`` is one process in which each of the eight asks knows of
the others' trials only that they run; what all of them expect of one another is the same, and computed once.
``workers`` is a discrete-event simulation in one process: each worker has a virtual clock, on which its jobs take
log-normal times around 60 s. Reservations, parameters and results are real calls of the storage over ``--connections``
sessions, in the order of the virtual times, and the other workers' trials are without parameters until their
suggestions are done. What is charged is CPU time, so that nothing else on the machine counts: of a suggestion, and of
the worker's part of a call, to the worker's clock; what one call has to itself (on a journal while it holds the lock,
on a server all of the server's CPU time, as if it had one core) to the storage, which serves one call after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import heapq
import importlib
import importlib.util
import math
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from analytic import Function, functions

from sweeper_core import samplers
from sweeper_core.distributions import FloatDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import InMemoryStorage, get_storage, this_process
from sweeper_core.study._session.rivals import facts_of
from sweeper_core.study._session.seeding import generator
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import SUGGESTION
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState

OURS, PEER = "sweeper_core", "optuna"
DIMENSIONS = 4
NAMES = [f"x{index}" for index in range(DIMENSIONS)]
CLOSE = 0.01
FLOOR = 1e-3
"""Regrets below this count as equal: they are digits that no training would show."""
SAMPLERS = {"auto": samplers.AutoSampler, "tpe": samplers.TPESampler, "random": samplers.RandomSampler}
JOB_SECONDS, SPREAD = 60.0, 0.5


LOWEST = -0.4997764362056464


def value_of(params: Any) -> float:
    """Return a function with several valleys; its minimum is ``LOWEST``."""
    bowl = sum((1 + index) * (params[name] - 0.3) ** 2 for index, name in enumerate(NAMES))
    return float(bowl + 0.5 * math.cos(8 * sum(params[name] for name in NAMES)))


def library(name: str) -> Any:
    """Return one of the two libraries, quiet."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(name)
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def study_of(lib: Any, url: str, kind: str) -> Any:
    """Return the study ``s``, with a sampler without a seed, as processes of one command have it."""
    known = {"auto": "AutoSampler", "gp": "GPSampler", "tpe": "TPESampler"}
    return lib.create_study(
        study_name="s", storage=url, sampler=getattr(lib.samplers, known[kind])(), load_if_exists=True
    )


def ask(lib: Any, study: Any) -> Any:
    return study.ask({name: lib.distributions.FloatDistribution(0.0, 1.0) for name in NAMES})


# --- at the same moment -----------------------------------------------------------------------------------------------


def one_process(name: str, url: str, kind: str, gate: Any, told: Any) -> None:
    """Ask when all processes do."""
    lib = library(name)
    study = study_of(lib, url, kind)
    len(study.trials)  # what is known to everybody is read before, and not at the moment itself
    gate.wait()
    trial = ask(lib, study)
    told.put([trial.params[name] for name in NAMES])
    gate.wait()


def at_once(name: str, url: str, kind: str, count: int) -> np.ndarray[Any, Any]:
    """Return the points ``(count, d)`` of processes that ask at the same moment."""
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(count), context.Queue()
    started = [context.Process(target=one_process, args=(name, url, kind, gate, told)) for _ in range(count)]
    for process in started:
        process.start()
    points = [told.get(timeout=600) for _ in started]
    for process in started:
        process.join()
    return np.array(points)


def close_share(points: np.ndarray[Any, Any]) -> float:
    """Return the share of points that lie within ``CLOSE`` of another one in every parameter."""
    distance = np.abs(points[:, None] - points[None]).max(axis=-1) + np.eye(len(points))
    return float(np.mean(distance.min(axis=1) < CLOSE))


def together(arguments: argparse.Namespace) -> None:
    for name, kind in ((OURS, "auto"), (PEER, "gp"), (PEER, "tpe")):
        if (name, kind) == (PEER, "gp") and importlib.util.find_spec("torch") is None:
            say("optuna gp is left out: it needs PyTorch")
            continue
        for known in (10, 30):
            for count in arguments.processes:
                shares = []
                for _ in range(arguments.seeds):
                    with tempfile.TemporaryDirectory() as folder:
                        url = f"sqlite:///{folder}/s.db"
                        lib = library(name)
                        study = study_of(lib, url, kind)
                        for _ in range(known):
                            trial = ask(lib, study)
                            study.tell(trial, value_of(trial.params))
                        shares.append(close_share(at_once(name, url, kind, count)))
                say(f"{name} {kind}, {count} processes after {known} trials: {np.mean(shares):.1%} have a copy")


# --- regret -----------------------------------------------------------------------------------------------------------


VALLEYS = Function("valleys", DIMENSIONS, lambda u: value_of(dict(zip(NAMES, u, strict=True))) - LOWEST)


class ExpectedOnce:
    """Points that processes expect of one another, each computed for one of them only: they are functions of the study.

    Args:
        session: One process's, whose expectations are kept until :attr:`known` is cleared.
    """

    def __init__(self, session: Session) -> None:
        fantasies = session._points._fantasies
        self.known: dict[int, Any] = {}
        self._make, fantasies._fantasy = fantasies._fantasy, self  # type: ignore[method-assign, assignment]

    def __call__(self, number: int, *arguments: Any) -> Any:
        if number not in self.known:
            self.known[number] = self._make(number, *arguments)
        return self.known[number]


def new_session(dimensions: int, seed: int) -> tuple[SearchSpace, Session]:
    """Return the unit cube, and a session of a new study in memory."""
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [direction()], exist_ok=True)
    space = SearchSpace.of({f"x{index}": FloatDistribution(0.0, 1.0) for index in range(dimensions)})
    return space, Session.open(storage, study, samplers.AutoSampler(seed=seed))


def facts(space: SearchSpace, suggestion: Any) -> TrialData:
    """Return what is stored of a trial when its parameters are known."""
    return TrialData(suggestion.params, space.distributions, system_attrs={SUGGESTION: facts_of(suggestion)})


def processes(task: Function, seed: int, count: int, trials: int) -> list[float]:
    """Return the values found by processes that always ask at the same moment."""
    space, session = new_session(task.dimensions, seed)
    study, expected, values = session.study.study_id, ExpectedOnce(session), []
    for _ in range(trials // count):
        claims = [session.storage.reserve(study) for _ in range(count)]
        session.log.sync()
        expected.known.clear()
        chosen = {}
        for number in [claim.number for claim in claims if claim is not None]:
            session._rivals.chosen.clear()  # another process chose them, and has not said so yet
            chosen[number] = session.propose(number, space, {}, generator(session.seed, number), math.inf)
        session._rivals.chosen.clear()
        for number, suggestion in chosen.items():
            session.storage.describe(study, number, facts(space, suggestion))
        for number, suggestion in chosen.items():
            values.append(task.regret(suggestion.params))
            session.finish(number, TrialState.COMPLETE, [values[-1]])
    return values


def lanes(task: Function, seed: int, count: int, trials: int, together: bool = False) -> list[float]:
    """Return the values found by one process that keeps ``count`` trials running.

    Args:
        together: All of them end at the same moment, as those of processes in lockstep do; else one after the other.
    """
    space, session = new_session(task.dimensions, seed)
    values: list[float] = []
    running: deque[Any] = deque()
    for begun in range(1, trials + count + 1):
        if begun <= trials:
            running.append(session.start(space))
        ending = 1 if begun >= count else 0
        for _ in range(min(len(running), count * (begun % count == 0) if together else ending)):
            trial = running.popleft()
            values.append(task.regret(trial.params))
            session.finish(trial.number, TrialState.COMPLETE, [values[-1]])
    return values


def regret(arguments: argparse.Namespace) -> None:
    """Compare the lowest regrets after quarters of the trials, as ratios."""
    count, trials = arguments.processes[0], 96
    moments = [trials // 4, trials // 2, trials * 3 // 4, trials]
    ways = {"lanes": lanes, "lanes that ask at the same moment": functools.partial(lanes, together=True)}
    ratios: dict[str, list[Any]] = {name: [] for name in ways}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for task in (*functions(), VALLEYS):
            ours = _best(processes(task, seed, count, trials), moments)
            for name, way in ways.items():
                ratios[name].append(ours - _best(way(task, seed, count, trials), moments))
                shown = " ".join(f"{ratio:.2f}" for ratio in np.exp(ratios[name][-1]))
                say(
                    f"seed {seed}, {task.name}: regret of {count} processes in units of that of {count} {name}: {shown}"
                )
    for name, found in ratios.items():
        mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
        for moment, middle, width in zip(moments, mean, 1.645 * error, strict=True):
            low, high = math.exp(middle - width), math.exp(middle + width)
            say(f"{name}, {moment} trials, {len(found)} pairs: {math.exp(middle):.2f} (90 %: {low:.2f} to {high:.2f})")


def _best(values: list[float], moments: list[int]) -> Any:
    """Return the logarithms of the lowest values after so many trials each."""
    best = np.log(np.maximum(np.minimum.accumulate(values), FLOOR))
    return best[np.array(moments) - 1]


# --- a thousand workers -----------------------------------------------------------------------------------------------


class Workers:
    """A discrete-event simulation of workers.

    Args:
        url: The study's storage.
        connections: Number of sessions that the workers share, each of which reads the study by itself.
        alone: Returns the CPU seconds so far that calls of the storage had to themselves.
        has_server: Whether they are another process's.
    """

    def __init__(
        self,
        url: str,
        alone: Any,
        has_server: bool,
        sampler: str,
        connections: int,
        trials: int,
        seed: int,
    ) -> None:
        self.alone, self.has_server = alone, has_server
        self.space = SearchSpace.of({name: FloatDistribution(0.0, 1.0) for name in NAMES})
        self.trials = trials
        study = get_storage(url).create_or_open_study("s", [direction()], exist_ok=True)
        self.sessions = [
            Session.open(get_storage(url), study, SAMPLERS[sampler](seed=seed)) for _ in range(connections)
        ]
        self.rng = np.random.default_rng(seed)
        self.storage_free = 0.0
        self.served = self.thought = self.busy = self.idle = self.end = 0.0
        self.since: dict[int, float] = {}
        self.gaps: list[float] = []
        self.done: list[int] = []

    def run(self, count: int) -> None:
        """Let ``count`` workers begin together, and work until the budget ends."""
        self.events: list[tuple[float, int, str, Any]] = [(0.0, worker, "ask", None) for worker in range(count)]
        heapq.heapify(self.events)
        while self.events:
            now, worker, kind, data = heapq.heappop(self.events)
            getattr(self, kind)(now, worker, self.sessions[worker % len(self.sessions)], data)

    def ask(self, now: float, worker: int, session: Session, _: Any) -> None:
        claim, then = self.call(
            now, session.storage.reserve, session.study.study_id, limit=self.trials, lease=this_process()
        )
        if claim is not None:
            self.since.setdefault(worker, now)
            heapq.heappush(self.events, (then, worker, "suggest", claim))

    def suggest(self, now: float, worker: int, session: Session, claim: Any) -> None:
        _, then = self.call(now, session.log.sync)
        begun = time.process_time()
        rng = generator(session.seed, claim.number)
        suggestion = session.propose(claim.number, self.space, {}, rng, math.inf)
        took = time.process_time() - begun
        self.thought += took
        heapq.heappush(self.events, (then + took, worker, "begin", (claim.number, suggestion)))

    def begin(self, now: float, worker: int, session: Session, data: Any) -> None:
        number, suggestion = data
        facts = TrialData(suggestion.params, self.space.distributions, system_attrs={SUGGESTION: facts_of(suggestion)})
        _, then = self.call(now, session.storage.describe, session.study.study_id, number, facts)
        seconds = float(JOB_SECONDS * self.rng.lognormal(-(SPREAD**2) / 2, SPREAD))
        self.busy += seconds
        self.gaps.append(then - self.since.pop(worker))
        heapq.heappush(self.events, (then + seconds, worker, "tell", data))

    def tell(self, now: float, worker: int, session: Session, data: Any) -> None:
        number, suggestion = data
        value = [value_of(suggestion.params)]
        stored, then = self.call(now, session.finish, number, TrialState.COMPLETE, value)
        assert stored
        self.done.append(number)
        self.end, self.since[worker] = then, now
        heapq.heappush(self.events, (then, worker, "ask", None))

    def call(self, now: float, work: Any, *arguments: Any, **options: Any) -> tuple[Any, float]:
        """Call the storage; return its answer, and when the worker has it: it waits until the storage is free."""
        begun, held = time.process_time(), self.alone()
        answer = work(*arguments, **options)
        own, served = time.process_time() - begun, self.alone() - held
        if not self.has_server:
            own -= served  # the lock is held by this process
        self.served += served
        self.storage_free = max(self.storage_free, now + own) + served
        return answer, self.storage_free


class LockHeld:
    """CPU seconds for which this process has held the lock of journals; call it to get them."""

    def __init__(self) -> None:
        from sweeper_core.storages._journal.file import JournalFileBackend

        self.seconds, locked = 0.0, JournalFileBackend.locked

        @contextlib.contextmanager
        def measured(file: Any, at_least: int = 0) -> Iterator[Any]:
            begun = time.process_time()
            try:
                with locked(file, at_least) as opened:
                    yield opened
            finally:
                self.seconds += time.process_time() - begun

        JournalFileBackend.locked = measured  # type: ignore[method-assign, assignment]

    def __call__(self) -> float:
        return self.seconds


class ServerTime:
    """CPU seconds of a server's processes (Linux); call it to get them."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __call__(self) -> float:
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(self._nanoseconds, [str(self.pid), *found])) / 1e9

    def _nanoseconds(self, pid: str) -> int:
        try:
            return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except OSError:  # it has ended
            return 0


def direction() -> Any:
    from sweeper_core.directions import StudyDirection

    return StudyDirection.MINIMIZE


@contextlib.contextmanager
def place(postgresql: bool) -> Iterator[tuple[str, Any]]:
    """Yield the URL of a new storage, and what tells the time that calls have to themselves."""
    if postgresql:
        from sweeper_core.testing.servers import PostgreSQL

        with PostgreSQL(durable=True) as server:
            yield server.new_database(), ServerTime(server._process.pid)  # type: ignore[union-attr]
        return
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "s.log"), LockHeld()


def workers(arguments: argparse.Namespace) -> None:
    with place(arguments.postgresql) as (url, alone):
        it = Workers(
            *(url, alone, arguments.postgresql, arguments.sampler, arguments.connections, arguments.trials), seed=0
        )
        it.run(arguments.workers)
        records = it.sessions[0].storage.changes(it.sessions[0].study.study_id)[0]
    states = [record.state for record in records]
    lost = arguments.trials - states.count(TrialState.COMPLETE)
    doubled = len(it.done) - len(set(it.done))
    where = "PostgreSQL" if arguments.postgresql else "journal"
    busy = it.busy / (it.busy + sum(it.gaps))
    say(f"{arguments.workers} workers, {arguments.trials} trials, {arguments.sampler}, {where}:")
    say(f"  busy {busy:.1%} of the time in which there is work; {lost} lost, {doubled} doubled")
    say(f"  storing and asking before a job: {np.mean(it.gaps):.3f} s on average, {np.max(it.gaps):.2f} s at most")
    say(f"  in {it.end:.0f} s: storage {it.served:.1f} s, suggestions {it.thought:.0f} s of one core")


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["together", "regret", "workers"])
    parser.add_argument("--processes", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sampler", choices=sorted(SAMPLERS), default="auto")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    getattr(sys.modules[__name__], arguments.part)(arguments)


if __name__ == "__main__":
    main()
