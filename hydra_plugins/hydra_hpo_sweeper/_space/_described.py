"""Distributions in the words of the grammar, for messages."""

from __future__ import annotations

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from sweeper_core import _described
from sweeper_core._described import number
from sweeper_core.distributions import BaseDistribution

__all__ = ["described", "number"]


def described(distribution: BaseDistribution) -> str:
    """Return a distribution as a user would write it: ``interval(0, 1)``, ``int(interval(1, 8))``, ``choice(a, b)``."""
    return _described.described(distribution, as_text)
