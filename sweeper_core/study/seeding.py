"""Random generators of trials: a function of the study's seed and the trial's number."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence


def generator(seed: int, number: int) -> np.random.Generator:
    """Return the random generator of trial ``number``."""
    words = _states(seed, number // STATES)[number % STATES]
    return np.random.Generator(np.random.PCG64(_State(words)))  # type: ignore[arg-type]


STATES = 256
"""Generators whose states are drawn at once: seeding each by itself would cost more than most suggestions."""


@functools.lru_cache(maxsize=64)
def _states(seed: int, block: int) -> npt.NDArray[np.uint64]:
    """Return ``(STATES, 4)`` words, each row the state and the increment of one generator."""
    return np.random.default_rng([seed, block]).integers(2**64, size=(STATES, 4), dtype=np.uint64)


class _State(ISeedSequence):
    """Hands ready-made words to a bit generator."""

    def __init__(self, words: npt.NDArray[np.uint64]) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """Return the words; PCG64 asks for four of 64 bits."""
        assert (n_words, dtype) == (len(self._words), np.uint64)
        return self._words
