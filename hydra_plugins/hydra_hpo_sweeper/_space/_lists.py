"""``order=permutation(a,b,c)`` and ``weights=simplex(3)``: overrides whose value is a list.

Each function raises ``ValueError`` with the reason; the caller names the key.
"""

from __future__ import annotations

from typing import Any

from hydra_plugins.hydra_hpo_sweeper._space._choices import of_choices
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Listed, Swept
from sweeper_core.distributions import FloatDistribution
from sweeper_core.search_space.lists import Permutation, Simplex


def permuted(at: Address, items: Any) -> Listed:
    """Return the entry of all orders of some items."""
    if not isinstance(items, list):
        raise ValueError(f"'choices' of a permutation must be a list, not {items!r}")
    if any(isinstance(item, (list, dict)) for item in items):
        raise ValueError("the items of a permutation are texts, numbers, true, false or null, not lists or mappings")
    Permutation(tuple(items))  # refuses an item that is there twice
    element = of_choices(at, items)
    return Listed(at, Permutation(tuple(element.distribution.values())), element)


def weighted(at: Address, size: Any) -> Listed:
    """Return the entry of all lists of ``size`` weights whose sum is 1."""
    return Listed(at, Simplex(size), Swept(at, FloatDistribution(0.0, 1.0)))
