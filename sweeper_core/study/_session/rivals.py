"""Points of concurrently running trials, which should all be different.

The sampler works between the reservation of a trial and the storing of its parameters; meanwhile other processes see
a RUNNING trial without parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

import numpy as np

from sweeper_core.exceptions import UpdateFinishedTrialError
from sweeper_core.plain import plain
from sweeper_core.samplers._distinct import make_distinct
from sweeper_core.samplers._lattice import complete, is_finite
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.study._session.apart import Floats, distance_after, unit_of
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.writer import TrialWriter
from sweeper_core.trial.attrs import SUGGESTION
from sweeper_core.trial.cost import EXPECTED
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import NOTHING, TrialRecord

SAME = 1e-4
"""Distance on the unit interval, in every parameter, below which two points count as equal: concurrent trials so close
are redundant, and the optima that processes find from the same data differ by less (measured: 2e-5)."""

POINT = "point"
"""In the attribute of a trial's suggestion: its parameters, until they are stored as such."""


MAX_ATTEMPTS = 4
"""Maximum number of calls of a sampler for a point that no running trial has; then one is drawn at random."""


class Rivals:
    """The points of the study's running trials, including those recently chosen by this process. Thread-safe.

    Args:
        log: The study's trials.
        writer: Stores the data of this process's trials.

    Attributes:
        chosen: The points of running trials that this process has chosen, by number.
    """

    def __init__(self, log: TrialLog, writer: TrialWriter) -> None:
        self._log = log
        self._writer = writer
        self.chosen: dict[int, Mapping[str, Any]] = {}
        self._units: dict[int, tuple[SearchSpace, Mapping[str, Any], Floats]] = {}
        """Places of other trials' points: with a thousand workers, computing them would take longer than a sampler."""

    def avoid(
        self,
        request: Request,
        ask: Callable[..., Suggestion],
        rng: np.random.Generator,
        look_again_after: float,
        together: Set[int] = frozenset(),
    ) -> Suggestion:
        """Return a suggestion that no other running trial has.

        Args:
            ask: Calls the sampler; with ``whole_history`` the history includes trials that began later, and the points
                that other trials are about to store.
            rng: The trial's own generator.
            look_again_after: Seconds; when the sampler took longer, trials begun meanwhile are read from the storage.
            together: Numbers of trials asked for at the same moment, whose points keep a greater distance; ``ask`` adds
                to it.
        """
        begun = time.perf_counter()
        for attempt in range(MAX_ATTEMPTS):
            with self._log.lock:  # another thread that asks next is to see this point
                if attempt:
                    self._read_chosen()
                suggestion = ask(whole_history=attempt > 0)
                late = time.perf_counter() - begun >= look_again_after
                look_again = self._log.storage.outlives_process and (late or self._may_repeat(request))
                if look_again:
                    self._log.sync()
                claimed = self.claim(request, suggestion.params, together)
            if claimed and not (look_again and self._met(request, suggestion, together)):
                return suggestion
        if suggestion.if_known == "keep":
            self.claim(request, suggestion.params)
            return suggestion
        params = complete(request.space, request.given, rng)
        if is_finite(request.space):
            params = make_distinct(request, self._log.history(), rng, params, near=False)
        self.claim(request, params)
        return Suggestion(params, "random", f"other running trials have the points of {suggestion.origin}")

    def extend(self, request: Request, ask: Callable[..., Suggestion]) -> Suggestion:
        """Return a suggestion for further parameters of a running trial, all of which have finitely many values.

        More parameters may follow, so a point counts as taken only where another running trial has exactly these
        parameters and values.

        Args:
            ask: Calls the sampler, whose history includes trials that began later and :meth:`unstored` points.
        """
        before: Suggestion | None = None
        for _ in range(MAX_ATTEMPTS):
            with self._log.lock:
                elsewhere = self._log.storage.outlives_process and self._are_elsewhere()
                if elsewhere:
                    self._log.sync()
                self._read_chosen()
                suggestion = ask()
                self.chosen[request.number] = suggestion.params
            if not elsewhere or (before is not None and before.params == suggestion.params):
                break
            self._announce(request, suggestion)
            if suggestion.params not in self._others(request.number).values():
                break
            before = suggestion
        return suggestion

    def _read_chosen(self) -> None:
        """Read the study when other threads have begun trials since."""
        if any(self._log.get(number) is None for number in [*self.chosen]):
            self._log.sync()

    def has_company(self, number: int) -> bool:
        """Return whether other trials are known to run."""
        return len(self._log.statistics.running) > 1 or any(other != number for other in self.chosen)

    def _may_repeat(self, request: Request) -> bool:
        """Return whether other processes may be about to draw the same point of a finite space."""
        return is_finite(request.space) and self._are_elsewhere()

    def _met(self, request: Request, suggestion: Suggestion, together: Set[int]) -> bool:
        """Store a point at once, so that other processes see it; return whether another running trial has it, too.

        Of two processes that store their points before they read, at least one sees the other's.
        """
        if not self._are_elsewhere():
            return False
        self._announce(request, suggestion)
        return not self.claim(request, suggestion.params, together)

    def _announce(self, request: Request, suggestion: Suggestion) -> None:
        """Store a point before the trial's parameters, and read those of other processes."""
        facts = {**facts_of(suggestion), POINT: plain(suggestion.params)}
        with suppress(UpdateFinishedTrialError):  # whoever stores the parameters of a stale trial finds it out
            self._writer.store(request.number, TrialData(system_attrs={SUGGESTION: facts}))
        self._log.sync()

    def claim(self, request: Request, params: Mapping[str, Any], together: Set[int] = frozenset()) -> bool:
        """Claim a point for a trial, unless another running trial has it; return whether it was claimed."""
        number = request.number
        with self._log.lock:
            if self.chosen or len(self._log.statistics.running) > 1:
                others = self._others(number)
                if others and self._is_whole(request.space):
                    places = self._places(request.space, others)
                    close = max(distance_after(self._log.statistics.completed), SAME)
                    tolerance = [close if other in together else SAME for other in others]
                    if _is_taken(request.space, params, places, tolerance):
                        return False
            self.chosen[number] = params
            return True

    def _others(self, number: int) -> dict[int, Mapping[str, Any]]:
        """Return the points of the other running trials, by number."""
        for other in [*self.chosen]:
            stored = self._log.get(other)
            if stored is not None and stored.state.is_finished():
                self.chosen.pop(other, None)  # its own thread may remove it concurrently
        running = {other: _point_of(record) for other, record in self._log.running().items()}
        return {other: point for other, point in {**running, **self.chosen}.items() if other != number and point}

    def _places(self, space: SearchSpace, others: Mapping[int, Mapping[str, Any]]) -> Floats:
        """Return the unit-cube coordinates ``(m, d)`` of other trials' points."""
        known = {number: self._units[number] for number in others if number in self._units}
        for number, point in others.items():
            found = known.get(number)
            if found is None or found[0] is not space or found[1] != point:
                known[number] = space, point, unit_of(space, point)
        self._units = known
        return np.array([known[number][2] for number in others])

    def _is_whole(self, space: SearchSpace) -> bool:
        """Return whether a trial is known to have only parameters of the space."""
        return all(name in space for name in self._log.statistics.kinds)

    def unstored(self, number: int) -> dict[int, Mapping[str, Any]]:
        """Return the points of other running trials that are known before they are stored as parameters."""
        found = {}
        for other, point in self._others(number).items():
            record = self._log.get(other)
            if record is not None and len(point) > len(record.params):
                found[other] = point
        return found

    def point(self, number: int) -> Mapping[str, Any]:
        """Return the point of a running trial, as far as it is known before it is stored as parameters."""
        record = self._log.get(number)
        return self.chosen.get(number, NOTHING) or (NOTHING if record is None else _point_of(record))

    def _are_elsewhere(self) -> bool:
        """Return whether there are running trials whose points this process has not chosen."""
        return any(number not in self.chosen for number in self._log.running())

    def forget(self, number: int) -> None:
        """Remove the point of a trial that ends."""
        self.chosen.pop(number, None)


def facts_of(suggestion: Suggestion) -> dict[str, Any]:
    """Return the attribute stored with a suggestion's parameters."""
    facts: dict[str, Any] = {"origin": suggestion.origin}
    if suggestion.generation:
        facts["generation"] = suggestion.generation
    if suggestion.why:
        facts["why"] = suggestion.why
    if suggestion.cost is not None:
        facts[EXPECTED] = suggestion.cost
    return facts


def _point_of(record: TrialRecord) -> Mapping[str, Any]:
    """Return the parameters of a running trial, including known ones that are not stored yet."""
    coming: Mapping[str, Any] = record.system_attrs.get(SUGGESTION, NOTHING).get(POINT, NOTHING)
    return {**coming, **record.params}


def _is_taken(space: SearchSpace, params: Mapping[str, Any], there: Floats, tolerance: Sequence[float]) -> bool:
    """Return whether another trial has the point, or one so close that it counts as the same.

    Args:
        there: ``(m, d)`` the others' points.
        tolerance: ``(m,)`` distance from each, in every parameter, up to which a point counts as the same.
    """
    continuous = np.array([parameter.distribution.cardinality is None for parameter in space])
    within = np.array(tolerance if continuous.any() else np.full(len(there), SAME))[:, None]
    point = unit_of(space, params)
    known = ~np.isnan(there)
    # A comparison with NaN is false without a warning.
    same = (np.abs(there - point) <= within) | (~known & np.isnan(point))
    # A trial that has stored only some of its parameters will most likely have the others, too.
    begun = ~known & np.any(same & continuous & known, axis=1, keepdims=True)
    return bool(np.any(np.all(same | begun, axis=1)))
