"""Where a trial's point comes from: the sampler, given the history and what other running trials have or will get."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sweeper_core.samplers._lattice import is_finite
from sweeper_core.samplers.asking import ask
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.study._session.adapters import UserSampler
from sweeper_core.study._session.apart import distance_after, moved_apart
from sweeper_core.study._session.fantasies import Fantasies, points_at
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.rivals import Rivals
from sweeper_core.study._session.seeding import generator, shared_seed
from sweeper_core.trial.history import History


class PointSource:
    """Calls the sampler for this process's trials.

    Args:
        log: The study's trials.
        rivals: The points of running trials.

    Attributes:
        sampler: The sampler; it may be replaced between trials.
    """

    sampler: Sampler

    def __init__(self, log: TrialLog, rivals: Rivals) -> None:
        self._log = log
        self._rivals = rivals
        self._fantasies = Fantasies(log, rivals, self._ask_for_another)
        self._drawn_seed = secrets.randbits(63)

    @property
    def seed(self) -> int:
        """The sampler's seed, or one that all processes derive alike once they have read the first trial."""
        seed = self.sampler.seed
        return seed if seed is not None else shared_seed(self._log) or self._drawn_seed

    def propose(self, request: Request, rng: np.random.Generator, look_again_after: float) -> Suggestion:
        """Return a point that no other running trial has, unless a user's own sampler chooses it.

        Args:
            rng: The trial's own generator.
            look_again_after: Seconds; when the sampler took longer, trials begun meanwhile are read from the storage.
        """
        if isinstance(self.sampler, UserSampler):
            return self.ask(request, rng)
        together: set[int] = set()
        ask_sampler = partial(self._ask_beside, request, rng, together)
        return self._rivals.avoid(request, ask_sampler, rng, look_again_after, together)

    def extend(self, request: Request, rng: np.random.Generator) -> Suggestion:
        """Return a point with the given values of a running trial that suggests one parameter after the other.

        If possible, no other running trial has it.
        """
        alone = isinstance(self.sampler, UserSampler) or not self._rivals.has_company(request.number)
        if alone or not is_finite(request.space) or not self._needs_history(request):
            return self.ask(request, rng)
        return self._rivals.extend(
            request, lambda: ask(self.sampler, request, self._fantasies.with_unstored(request), rng)
        )

    def ask(self, request: Request, rng: np.random.Generator) -> Suggestion:
        """Return the sampler's point, whatever trials were asked for at the same moment."""
        with self._log.lock:
            known = self._log.history(request.number) if self._needs_history(request) else self._log.empty
            return ask(self.sampler, request, known, rng)

    def _ask_beside(
        self, request: Request, rng: np.random.Generator, together: set[int], whole_history: bool = False
    ) -> Suggestion:
        """Return the sampler's point, apart from those of the trials asked for at the same moment.

        Args:
            together: Gets the numbers of these trials.
            whole_history: Whether the history includes trials that began later.
        """
        if not self._needs_history(request):
            return self.ask(request, rng)
        rows = None if whole_history else request.number
        with self._log.lock:
            known = self._fantasies.history(request, rows, together)
            if known is None:
                other = self.sampler.stand_in or RandomSampler()
                suggestion = ask(other, request, self._log.history(rows), rng)
                return replace(suggestion, why="many trials were asked for at the same moment")
            suggestion = ask(self.sampler, request, known, rng)
            return self._apart(request, suggestion, known, points_at(known, together), rng) if together else suggestion

    def _ask_for_another(self, request: Request, known: History, together: list[dict[str, Any]]) -> Suggestion:
        """Return the point that another process is expected to choose for its trial."""
        rng = generator(self.seed, request.number)
        return self._apart(request, ask(self.sampler, request, known, rng), known, together, rng)

    def _apart(
        self,
        request: Request,
        suggestion: Suggestion,
        known: History,
        others: Iterable[Mapping[str, Any]],
        rng: np.random.Generator,
    ) -> Suggestion:
        """Return the suggestion apart from others; a finite sampler's is one of its points, and stays where it is."""
        if self.sampler.ends:
            return suggestion
        return moved_apart(request, suggestion, others, rng, distance_after(len(known.completed)))

    def _needs_history(self, request: Request) -> bool:
        return bool(request.priors) or self.sampler.needs_history(request.space)
