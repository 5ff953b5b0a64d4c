"""Confirmation of a search's best trials: they run again with fresh values of one key, as a race.

The runs are trials of a study of their own, ``NAME:confirm``, in the storage of the search: its number of trials, its
best trial and its samplers' evidence stay those of the search. A run knows by the attribute ``hpo:confirms`` which
trial it confirms with which value; each pair is enqueued once, whoever asks, so that a phase that was killed goes on.

What is known of the candidates' true means, and which run is next: :mod:`sweeper_core.maths.race`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.session import Session, Started
from sweeper_core.trial.attrs import CONFIRM, CONFIRM_SUFFIX, CONFIRMS, LOST, SMALLER
from sweeper_core.trial.best import MIN_FOR_A_MODEL, best_first
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.feasible import satisfied
from sweeper_core.trial.live import Trial
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sweeper_core.maths.belief import Belief
    from sweeper_core.maths.race import Standing


@dataclass(frozen=True)
class Candidate:
    """A trial of the search, and its runs.

    Attributes:
        record: The trial, as the search has it.
        values: The objective's values of the runs that are complete, by the index of the key's value.
        pending: Indices of the values whose runs wait or run.
        left_out: Why it cannot be the winner; None where it can.
    """

    record: TrialRecord
    values: Mapping[int, float]
    pending: frozenset[int] = frozenset()
    left_out: str | None = None

    @property
    def number(self) -> int:
        """The trial's number in the search."""
        return self.record.number


@dataclass(frozen=True)
class Estimate:
    """What is known of one candidate.

    Attributes:
        mean: Expected true value, in the objective's own sense.
        interval: Central interval of probability 0.9 of the true value.
        best: The probability that it is the best of the candidates.
        open: Whether it cannot be told from the winner.
    """

    mean: float
    interval: tuple[float, float]
    best: float
    open: bool


@dataclass(frozen=True)
class Confirmation:
    """The state of a race.

    Attributes:
        study_name: Name of the study with its runs.
        key, seeds: The key that the runs differ in, and its values.
        sign: Turns values of the objective into ones to be minimised.
        belief: What the search's model says of the candidates; None without one.
    """

    study_name: str
    key: str
    seeds: tuple[Any, ...]
    sign: float
    candidates: tuple[Candidate, ...]
    belief: Belief | None = None

    @property
    def estimates(self) -> Mapping[int, Estimate]:
        """Of each candidate that is in the race, by number; empty before two runs are complete."""
        return self._judged[0]

    @property
    def winner(self) -> Candidate | None:
        """The candidate with the best expected value; None before two runs are complete."""
        return self._judged[1]

    @cached_property
    def _judged(self) -> tuple[dict[int, Estimate], Candidate | None]:
        return _judged(self.candidates, len(self.seeds), self.sign, self.belief)

    @property
    def undecided(self) -> list[int]:
        """The numbers of the candidates that cannot be told from the winner."""
        own = None if self.winner is None else self.winner.number
        return [number for number, estimate in self.estimates.items() if estimate.open and number != own]

    @property
    def n_runs(self) -> int:
        """Number of complete runs."""
        return sum(len(candidate.values) for candidate in self.candidates)

    @property
    def finished(self) -> bool:
        """Whether nothing runs, and no further run is worth it."""
        return not any(candidate.pending for candidate in self.candidates) and self.next_run() is None

    def next_run(self) -> tuple[Candidate, int] | None:
        """Return the candidate and the index of the key's value to run next; None for none."""
        import numpy as np  # imported late: the command line reads results without NumPy

        from sweeper_core.maths.race import next_cell

        pending = np.array([[j in one.pending for j in range(len(self.seeds))] for one in self.candidates], dtype=bool)
        out = np.array([one.left_out is not None for one in self.candidates], dtype=bool)
        values = _values(self.candidates, len(self.seeds), self.sign)
        found = next_cell(values, pending.reshape(len(out), -1), out, self.belief)
        return None if found is None else (self.candidates[found[0]], found[1])


def confirmation(
    study_name: str,
    key: str,
    seeds: Sequence[Any],
    sign: float,
    candidates: Sequence[TrialRecord],
    runs: Sequence[TrialRecord],
    may_retry: Callable[[int], bool] = lambda number: False,
    belief: Belief | None = None,
) -> Confirmation:
    """Return the state of a race.

    Args:
        candidates: The trials that are confirmed.
        runs: The trials of the confirming study (the latest attempt of each).
        may_retry: Whether a lost run will be continued.
        belief: What the search's model says of the candidates, in their order.
    """
    found = tuple(_candidate(record, seeds, runs, may_retry) for record in candidates)
    return Confirmation(study_name, key, tuple(seeds), sign, found, belief)


def _judged(
    candidates: Sequence[Candidate], n_seeds: int, sign: float, belief: Belief | None
) -> tuple[dict[int, Estimate], Candidate | None]:
    from sweeper_core.maths.race import standing

    rows = [row for row, one in enumerate(candidates) if one.left_out is None and one.values]
    racing = [candidates[row] for row in rows]
    part = None if belief is None else belief.rows(rows)
    known = standing(_values(racing, n_seeds, sign), part) if racing else None
    if known is None:
        return {}, None
    estimates = {one.number: _estimate(known, index, sign) for index, one in enumerate(racing)}
    return estimates, racing[known.leader]


def _estimate(known: Standing, index: int, sign: float) -> Estimate:
    low, high = sorted((sign * float(known.low[index]), sign * float(known.high[index])))
    return Estimate(sign * float(known.means[index]), (low, high), float(known.best[index]), bool(known.open[index]))


def _values(candidates: Sequence[Candidate], n_seeds: int, sign: float) -> npt.NDArray[np.float64]:
    """Return ``(k, b)`` values to be minimised, NaN where there is none."""
    import numpy as np

    table = np.full((len(candidates), n_seeds), np.nan)
    for row, candidate in enumerate(candidates):
        for column, value in candidate.values.items():
            table[row, column] = sign * value
    return table


def _candidate(
    record: TrialRecord, seeds: Sequence[Any], runs: Sequence[TrialRecord], may_retry: Callable[[int], bool]
) -> Candidate:
    index = {_text(seed): position for position, seed in enumerate(seeds)}
    latest: dict[int, TrialRecord] = {}
    for run in runs:
        of = run.system_attrs.get(CONFIRMS) or {}
        position = index.get(_text(of.get("value")))
        if of.get("trial") == record.number and position is not None:
            before = latest.get(position)
            if before is None or before.state is not TrialState.COMPLETE:
                latest[position] = run
    complete = {position: run for position, run in latest.items() if run.state is TrialState.COMPLETE and run.values}
    pending = {
        position
        for position, run in latest.items()
        if not run.state.is_finished() or (LOST in run.system_attrs and may_retry(run.number))
    }
    failed = [seeds[position] for position in sorted(latest) if position not in complete and position not in pending]
    values = {position: complete[position].values[0] for position in sorted(complete)}  # type: ignore[index]
    return Candidate(record, values, frozenset(pending), _left_out(failed, list(complete.values())))


def _left_out(failed: Sequence[Any], complete: Sequence[TrialRecord]) -> str | None:
    """Return why a candidate is left out: a run failed, or its constraints do not hold on average."""
    if failed:
        return f"failed with {', '.join(map(repr, failed))}"
    if any(run.values and not _finite(run.values[0]) for run in complete):
        return "had an infinite value"
    names = {name for run in complete for name in run.constraints}
    for name in sorted(names):
        values = [run.constraints[name] for run in complete if name in run.constraints]
        if not satisfied([sum(values) / len(values)]):
            return f"breaks the constraint {name} on average"
    return None


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


def _text(value: Any) -> str:
    """Return a text that differs where values differ in type or value."""
    return json.dumps(value, sort_keys=True, default=repr)


# --- runs ------------------------------------------------------------------------------------------------------------


class Confirming:
    """Starts the runs of a confirmation.

    Args:
        session: Of the study of the runs.
        of: Name of the study searched.
        candidates: Its trials to be confirmed.
        key, seeds: The key that the runs differ in, and its values.
        max_retries: See :meth:`Continuations.may_retry`.
        belief: What the search's model says of the candidates, in their order.
    """

    def __init__(
        self,
        session: Session,
        of: str,
        candidates: Sequence[TrialRecord],
        key: str,
        seeds: Sequence[Any],
        max_retries: int = 0,
        belief: Belief | None = None,
    ) -> None:
        self.session = session
        self.candidates = tuple(candidates)
        self.key = key
        self.seeds = tuple(seeds)
        self._max_retries = max_retries
        self._belief = belief
        numbers = [record.number for record in candidates]
        told: dict[str, Any] = {"of": of, "key": key, "values": list(seeds), "trials": numbers}
        told["belief"] = None if belief is None else belief.as_dict()
        session.storage.set_study_attrs(session.study.study_id, system={CONFIRM: told})

    def state(self) -> Confirmation:
        """Return the race as it stands in the storage."""
        log = self.session.log
        log.sync()
        sign = log.study.directions[0].sign
        known, runs = self.candidates, log.configurations
        return confirmation(log.study.name, self.key, self.seeds, sign, known, runs, self._may_retry, self._belief)

    def _may_retry(self, number: int) -> bool:
        return self.session.continuations.may_retry(number, self._max_retries)

    def next(self, lease: Lease | None = None) -> Started | None:
        """Start the run that is worth most; None when none is left to start."""
        while True:
            claim = self._claim(lease)
            if claim is None:
                return None
            of = claim.system_attrs.get(CONFIRMS) or {}
            candidate = next((record for record in self.candidates if record.number == of.get("trial")), None)
            if candidate is None:
                # Another process has taken the run that was enqueued, or has other candidates.
                self.session.finish(claim.number, TrialState.FAIL, data=TrialData(user_attrs={"unused": True}))
                continue
            started = self.session.begin(claim, self.session.space_of(candidate.layout.as_dict()), lease)
            if started is not None:
                return started

    def _claim(self, lease: Lease | None) -> Claim | None:
        session = self.session
        claim = session.continuations.claim(self._max_retries, lease=lease)
        if claim is not None:
            return claim
        session.log.sync()
        ours = {record.number for record in self.candidates}
        waits = any(
            record.state is TrialState.WAITING and (record.system_attrs.get(CONFIRMS) or {}).get("trial") in ours
            for record in session.log.records
        )
        if not waits and not self._enqueue():
            return None
        return session.storage.reserve(session.study.study_id, lease=lease)

    def _enqueue(self) -> bool:
        """Enqueue the next run; return whether there was one, by this process."""
        found = self.state().next_run()
        if found is None:
            return False
        candidate, position = found
        seed = self.seeds[position]
        of = {"trial": candidate.number, "value": seed}
        attrs = {CONFIRMS: of}
        if SMALLER in candidate.record.system_attrs:  # it ran out of memory with the values of the configuration
            attrs[SMALLER] = candidate.record.system_attrs[SMALLER]
        point = Point(candidate.record.params, {"confirms": candidate.number, self.key: seed}, attrs)
        key = f"confirm:{candidate.number}:{_text(seed)}"
        study_id = self.session.study.study_id
        if self.session.storage.enqueue(study_id, [point], idempotency_key=key):
            return True
        self.session.log.sync()  # another process has enqueued it at this moment
        return self._enqueue() if self.state().next_run() != found else False


def confirming_session(storage: Storage, study: StudyRecord) -> Session:
    """Return a session of the study of a study's confirming runs, which is created when there is none."""
    runs = storage.create_or_open_study(study.name + CONFIRM_SUFFIX, study.directions, exist_ok=True)
    return Session.open(storage, runs, RandomSampler(0))


def best_candidates(
    session: Session, top: int, space: SearchSpace | None = None, runs: int = 5
) -> tuple[list[TrialRecord], Belief | None]:
    """Return up to ``top`` complete, feasible trials with different parameters, and what is believed of them.

    They are those that a model of the search finds worth running again, the best observed one among them; and the best
    observed ones where there is no such model.

    Args:
        space: The model's; None for no model.
        runs: Number of runs that each of them may have.
    """
    session.log.sync()
    records, directions = session.log.configurations, session.study.directions
    observed = best_first(records, directions, top)
    if space is None or len(observed) < top or session.log.statistics.completed < MIN_FOR_A_MODEL:
        return observed, None
    from sweeper_core.maths.belief import promising  # SciPy's optimisers take their time to import
    from sweeper_core.study.expected import expectation

    found = expectation(session.log.history(), space)
    if isinstance(found, str):
        return observed, None
    distinct = {record.number for record in best_first(records, directions, len(records))}
    rows = [row for row, number in enumerate(found.numbers) if int(number) in distinct]
    numbers = [int(found.numbers[row]) for row in rows]
    if observed[0].number not in numbers or len(rows) < top:
        return observed, None
    chosen = promising(found.belief.rows(rows), top, runs, numbers.index(observed[0].number))
    chosen.sort()  # the best expected one first
    by_number = {record.number: record for record in records}
    belief = found.belief.rows([rows[row] for row in chosen])
    return [by_number[numbers[row]] for row in chosen], belief.as_stored


def confirm(
    study: StudyWithSession,
    objective: Callable[[Trial, Any], float],
    seeds: Sequence[Any],
    top: int = 5,
) -> Confirmation:
    """Run the best trials of a study again with fresh seeds, as a race, and return what is known of them.

    The runs are trials of the study ``NAME:confirm`` in the same storage; what it has already is not run again.

    Args:
        study: With one objective.
        objective: Called with a trial, whose ``suggest_…`` methods return the candidate's values, and a seed.
        seeds: Different values that the search has not used, such as numbers.
        top: Number of candidates; with fewer different complete trials all of them.

    Raises:
        ValueError: The study has several objectives or no complete trial, or seeds are missing or repeated.
    """
    search = study.session
    if search.n_objectives != 1:
        raise ValueError("A study with several objectives has no one best trial to confirm.")
    if not seeds or len({_text(seed) for seed in seeds}) < len(seeds) or top < 1:
        raise ValueError(f"Confirming needs different seeds and top of at least 1, not seeds={seeds!r}, top={top!r}.")
    search.log.sync()
    candidates, belief = best_candidates(search, top, search.log.statistics.joint, len(seeds))
    if not candidates:
        raise ValueError(f"Study {search.study.name!r} has no complete, feasible trial to confirm.")
    session = confirming_session(search.storage, search.study)
    confirming = Confirming(session, search.study.name, candidates, "seed", seeds, belief=belief)
    try:
        while (started := confirming.next()) is not None:
            _run(session, started, objective)
    finally:
        session.close()
    return confirming.state()


def _run(session: Session, started: Started, objective: Callable[[Trial, Any], float]) -> None:
    try:
        value = float(objective(DefineByRun(session).resume(started), started.system_attrs[CONFIRMS]["value"]))
    except BaseException:
        session.finish(started.number, TrialState.FAIL)
        raise
    failed = value != value
    session.finish(started.number, TrialState.FAIL if failed else TrialState.COMPLETE, None if failed else [value])


class StudyWithSession(Protocol):
    """A study, as :func:`confirm` uses it."""

    session: Session


def stored_confirmation(storage: Storage, study: StudyRecord, records: Sequence[TrialRecord]) -> Confirmation | None:
    """Return the confirmation of a study as it is stored; None where there is none.

    Args:
        records: The study's configurations.
    """
    if len(study.directions) != 1 or study.name.endswith(CONFIRM_SUFFIX):
        return None
    runs = next((one for one in storage.list_studies() if one.name == study.name + CONFIRM_SUFFIX), None)
    told = None if runs is None else runs.system_attrs.get(CONFIRM)
    if runs is None or told is None:
        return None
    session = confirming_session(storage, study)
    session.log.sync()
    chosen = {record.number: record for record in records}
    candidates = [chosen[number] for number in told["trials"] if number in chosen]
    sign = study.directions[0].sign
    belief = None
    if told.get("belief") is not None and len(candidates) == len(told["trials"]):
        from sweeper_core.maths.belief import Belief  # imported late: it brings NumPy

        belief = Belief.from_dict(told["belief"])
    found = session.log.configurations
    return confirmation(runs.name, told["key"], told["values"], sign, candidates, found, belief=belief)
