"""Quasi-Monte Carlo: points that fill the space more evenly than random ones."""

from __future__ import annotations

import secrets
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sweeper_core import logging
from sweeper_core.maths import qmc
from sweeper_core.samplers._lattice import complete
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]

_logger = logging.get_logger(__name__)


CORNER = 1 / 32
"""Coordinate of continuous parameters in the corner: the middle of the first of sixteen cells, not the end itself."""


MAX_PLACES = 2**17
"""Maximum number of points of a sequence checked for relations; further points are random."""


class QMCSampler(OptunaFace):
    """Takes trial ``k`` from place ``k`` of a Sobol' or Halton sequence, one dimension for each parameter.

    The place is the trial's number, so that concurrent processes never take the same one and a resumed study
    continues where it stopped. Choices and integers have intervals of equal width. Sobol' sequences are most even
    when the number of trials is a power of two. Where the space has relations, places that break one are skipped.

    Args:
        qmc_type: "sobol" or "halton".
        scramble: Randomise the sequence (Owen's scrambling) without loss of evenness. The plain sequence begins in
            the middle of the space.
        seed: Seed of the scrambling and of independent parameters. None draws one at random; processes that
            share a study must have the same seed.
        independent_sampler: Suggests single parameters of define-by-run trials; random by default.
        warn_asynchronous_seeding: Log when ``scramble`` comes without a seed.
        warn_independent_sampling: Log when the independent sampler suggests a parameter.

    Raises:
        ValueError: ``qmc_type`` is unknown.
    """

    def __init__(
        self,
        *,
        qmc_type: str = "sobol",
        scramble: bool = False,
        seed: int | None = None,
        independent_sampler: Sampler | None = None,
        warn_asynchronous_seeding: bool = True,
        warn_independent_sampling: bool = True,
    ) -> None:
        super().__init__(seed)
        if qmc_type not in qmc.KINDS:
            raise ValueError(f"`qmc_type` is one of {', '.join(map(repr, qmc.KINDS))}, not {qmc_type!r}.")
        self.qmc_type = qmc_type
        self.scramble = scramble
        self.independent_sampler = independent_sampler if independent_sampler is not None else RandomSampler(seed)
        self.warn_independent_sampling = warn_independent_sampling
        self._scramble_seed = (secrets.randbits(32) if seed is None else seed) if scramble else None
        if scramble and seed is None and warn_asynchronous_seeding:
            _logger.warning(
                "QMCSampler scrambles with a random seed: processes that share the study would each have a sequence "
                "of their own. Give `seed` to make them agree."
            )

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        space = request.space
        if len(space) > 1 and len(request.given) >= len(space) - 1:
            self._warn_once(request)
            return self.independent_sampler.suggest(request, history, rng)
        # The plain sequences have the space's corner in place 0, a poor first trial; the second trial takes that place:
        # the first 2^k trials still are the first 2^k places, which have each of 2^k values equally often.
        place = request.number if self.scramble else request.number ^ 1
        if space.where:
            return self._within_relations(request, place, rng)
        quantiles = qmc.point(self.qmc_type, max(len(space), 1), place, self._scramble_seed)
        if place == 0 and not self.scramble:
            quantiles = np.where([p.distribution.cardinality is None for p in space], CORNER, quantiles[: len(space)])
        params = {
            parameter.name: request.given[parameter.name]
            if parameter.name in request.given
            else parameter.distribution.draw(u)
            for parameter, u in zip(space, quantiles.tolist(), strict=False)
        }
        params = space.active_only(params)
        return Suggestion(params, self.qmc_type)

    def _within_relations(self, request: Request, place: int, rng: np.random.Generator) -> Suggestion:
        """Return point ``place`` among those of the sequence that satisfy the relations."""
        space = request.space
        unit = _allowed_unit(space, self.qmc_type, self._scramble_seed, place)
        if unit is None:
            return Suggestion(complete(space, request.given, rng), self.qmc_type, "random: relations leave little")
        return Suggestion(space.region.decode(unit, request.given), self.qmc_type)

    def _warn_once(self, request: Request) -> None:
        alone = [name for name in request.space.names if name not in request.given]
        if self.warn_independent_sampling and alone:
            self.warn_independent_sampling = False
            _logger.warning(
                "The parameter %r is suggested by %s: it is asked for alone, after others, and a sequence needs "
                "its dimensions together.",
                alone[0],
                type(self.independent_sampler).__name__,
            )


def _allowed_unit(space: SearchSpace, kind: str, scramble_seed: int | None, place: int) -> Floats | None:
    """Return the coordinates ``(d,)`` of the allowed point at a place among these; None where they are too rare."""
    count = 2 * (place + 1)
    while count <= MAX_PLACES:
        found = _allowed_units(space, kind, scramble_seed, len(qmc.points(kind, len(space), count, scramble_seed)))
        if len(found) > place:
            return np.asarray(found[place])
        count *= 4
    return None


@lru_cache(maxsize=8)
def _allowed_units(space: SearchSpace, kind: str, scramble_seed: int | None, count: int) -> Floats:
    unit = qmc.points(kind, len(space), count, scramble_seed)
    if scramble_seed is None:
        unit = unit[1:]  # the space's corner
    return np.asarray(unit[space.region.allowed_at(unit)])
