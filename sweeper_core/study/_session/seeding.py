"""Random generators of trials: a function of the study's seed and the trial's number."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISpawnableSeedSequence

from sweeper_core.study._session.log import TrialLog


def generator(seed: int, number: int) -> np.random.Generator:
    """Return the random generator of trial ``number``."""
    words = _states(seed, number // STATES)[number % STATES]
    return np.random.Generator(np.random.PCG64(_State(words)))  # type: ignore[arg-type]


def quantiles(seed: int, number: int) -> Iterator[float]:
    """Yield an infinite sequence of numbers in [0, 1) from which trial ``number`` draws its parameters in turn."""
    first = number % STATES * FIRST
    yield from _first_quantiles(seed, number // STATES)[first : first + FIRST]
    rng = generator(seed, number)
    while True:
        yield rng.random()


def shared_seed(log: TrialLog) -> int | None:
    """Return the seed of a study without one, the same in all processes; None before its first trial has been read.

    It comes from the moment at which the first trial was stored: random, as a seed that nobody gave has to be.
    """
    first = log.get(0) if log.storage.outlives_process else None
    if first is None or first.started is None:
        return None
    text = f"{log.study.name} {first.trial_id} {first.started.isoformat()}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


STATES = 256
"""Number of generators seeded at once: seeding each separately would cost more than most suggestions."""


@functools.lru_cache(maxsize=64)
def _states(seed: int, block: int) -> npt.NDArray[np.uint64]:
    """Return ``(STATES, 4)`` words, each row the state and the increment of one generator."""
    return np.random.default_rng([seed, block]).integers(2**64, size=(STATES, 4), dtype=np.uint64)


FIRST = 16
"""Number of quantiles per trial that are drawn together with those of other trials."""


@functools.lru_cache(maxsize=8)
def _first_quantiles(seed: int, block: int) -> list[float]:
    """Return ``FIRST`` quantiles for each of ``STATES`` trials; none of the numbers that their generators give."""
    numbers: list[float] = np.random.default_rng([seed, block, FIRST]).random(STATES * FIRST).tolist()
    return numbers


class _State(ISpawnableSeedSequence):
    """Passes precomputed words to a PCG64 generator; other requests get words derived from them."""

    def __init__(self, words: npt.NDArray[np.uint64]) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """Return the words for PCG64's request of four words of 64 bits."""
        if (n_words, dtype) == (len(self._words), np.uint64):
            return self._words
        return self._sequence.generate_state(n_words, dtype)

    def spawn(self, n_children: int) -> list[Any]:
        """Return seeds for generators of their own."""
        return self._sequence.spawn(n_children)

    @functools.cached_property
    def _sequence(self) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._words.tolist())
