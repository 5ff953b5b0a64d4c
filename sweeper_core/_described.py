"""Distributions in messages, in the form in which a sweep writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

MAX_SHOWN_CHOICES = 20


def described(distribution: BaseDistribution, text: Callable[[Any], str] | None = None) -> str:
    """Return ``interval(0, 1)``, ``int(interval(1, 8))``, ``choice(a, b)``; of another class its ``repr``.

    Args:
        distribution: What is described.
        text: Returns a choice as text; without it strings stay as they are, and the rest is JSON where it can be.
    """
    if isinstance(distribution, CategoricalDistribution):
        shown = [(text or _plain)(choice) for choice in distribution.choices[:MAX_SHOWN_CHOICES]]
        more = ["…"] if len(distribution.choices) > MAX_SHOWN_CHOICES else []
        return f"choice({', '.join(shown + more)})"
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        return repr(distribution)
    parts = [number(distribution.low), number(distribution.high)]
    if distribution.log:
        parts.append("log=true")
    elif distribution.step not in (None, 1 if isinstance(distribution, IntDistribution) else None):
        parts.append(f"step={number(distribution.step)}")
    interval = f"interval({', '.join(parts)})"
    return f"int({interval})" if isinstance(distribution, IntDistribution) else interval


def number(value: Any) -> str:
    """Return a number without a superfluous fraction: ``0``, not ``0.0``."""
    return repr(value).removesuffix(".0")


def _plain(choice: Any) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice, default=repr)
