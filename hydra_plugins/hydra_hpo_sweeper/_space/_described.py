"""Distributions in the words of the grammar, for messages."""

from __future__ import annotations

from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

MAX_SHOWN_CHOICES = 20


def described(distribution: BaseDistribution) -> str:
    """Return a distribution as a user would write it: ``interval(0, 1)``, ``int(interval(1, 8))``, ``choice(a, b)``."""
    if isinstance(distribution, CategoricalDistribution):
        shown = [as_text(choice) for choice in distribution.choices[:MAX_SHOWN_CHOICES]]
        more = ["…"] if len(distribution.choices) > MAX_SHOWN_CHOICES else []
        return f"choice({', '.join(shown + more)})"
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    parts = [number(distribution.low), number(distribution.high)]
    if distribution.log:
        parts.append("log=true")
    elif distribution.step not in (None, 1 if isinstance(distribution, IntDistribution) else None):
        parts.append(f"step={number(distribution.step)}")
    text = f"interval({', '.join(parts)})"
    return f"int({text})" if isinstance(distribution, IntDistribution) else text


def number(value: Any) -> str:
    """Return a number without a superfluous fraction: ``0``, not ``0.0``."""
    return repr(value).removesuffix(".0")
