"""A few round places on a scale, and what is written there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

Ticks = list[tuple[float, str]]

MAX_TICKS = 6
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Steps between ticks, times a power of ten."""
FAR = 1e-9
"""A tick may lie outside by this share of the range: rounding."""


def round_ticks(low: float, high: float, *, whole: bool = False, count: int = MAX_TICKS) -> Ticks:
    """Return some ``count`` evenly spaced round numbers from ``low`` to ``high``, integers where ``whole``."""
    if not high > low:
        return [(low, f"{low:.6g}")]
    step = _round_step(low, high, whole, count) or high - low
    first = math.ceil(low / step - FAR)
    places = [index * step for index in range(first, math.floor(high / step + FAR) + 1)]
    if len(places) < 2:
        return [(low, f"{low:.4g}"), (high, f"{high:.4g}")]
    digits = next((d for d in range(21) if abs(step * 10.0**d - round(step * 10.0**d)) < FAR * step * 10.0**d), 20)
    biggest = max(abs(low), abs(high))
    if biggest >= 1e5 or biggest < 1e-3:
        written = map(partial(_scientific, places), range(4, 18))
        texts = next((told for told in written if len(set(told)) == len(told)), _scientific(places, 17))
        return list(zip(places, texts, strict=True))
    return [(place, f"{place:.{digits}f}") for place in places]


def _scientific(places: Sequence[float], digits: int) -> list[str]:
    return [f"{place:.{digits}g}" for place in places]


def _round_step(low: float, high: float, whole: bool, count: int) -> float:
    least = high / count - low / count
    power = 10.0 ** math.floor(math.log10(least)) if least > 0.0 else 0.0
    steps = [factor * power for factor in ROUND if factor * power >= least * (1.0 - FAR)]
    step = steps[0] if steps else 10.0 * power
    return max(float(math.ceil(step)), 1.0) if whole else step


def log_ticks(low: float, high: float, count: int = MAX_TICKS) -> Ticks:
    """Return powers of ten between two logarithms, or 1, 2 and 5 of each where there are few; places are logarithms."""
    powers = range(math.ceil(low - FAR), math.floor(high + FAR) + 1)
    if len(powers) >= 3:
        every = math.ceil(len(powers) / count)
        return [(float(power), _power(power)) for power in powers if power % every == 0 or every == 1]
    fine = [
        (power + math.log10(factor), f"{factor * 10.0**power:.3g}")
        for power in range(math.floor(low), math.ceil(high) + 1)
        for factor in (1.0, 2.0, 5.0)
        if low - FAR <= power + math.log10(factor) <= high + FAR
    ]
    if len(fine) > count:
        return [(float(power), _power(power)) for power in powers]
    return fine if len(fine) >= 2 else [(low, f"{10.0**low:.3g}"), (high, f"{10.0**high:.3g}")]


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -2 <= power <= 4 else f"1e{power:d}"


def colour_ticks(limits: tuple[float, float], values: Sequence[float] | np.ndarray) -> Ticks:
    """Return ticks of a colour scale; its ends say so where values beyond them have the same colour."""
    low, high = limits
    ticks = round_ticks(low, high, count=5)
    below, above = bool(np.min(values, initial=low) < low), bool(np.max(values, initial=high) > high)
    reach = 0.06 * (high / 2.0 - low / 2.0) * 2.0
    ticks = [(p, t) for p, t in ticks if not (below and p < low + reach) and not (above and p > high - reach)]
    first = [(low, f"≤ {low:.3g}")] if below else []
    return [*first, *ticks, *([(high, f"≥ {high:.3g}")] if above else [])]


def quartile_ticks(values: np.ndarray) -> Ticks:
    """Return ticks of ranks from 0 to 1, and the values there."""
    if len(values) == 0:
        return []
    names = ("min.", "25%", "50%", "75%", "max.")
    quartiles = zip(names, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]), strict=True)
    return [(index / 4, f"{name} ({value:.4g})") for index, (name, value) in enumerate(quartiles)]


def with_ends(ticks: Ticks, ends: tuple[float, float], texts: tuple[str, str]) -> Ticks:
    """Return ticks that begin and end with the ends of an axis, in place of ticks that are close to them."""
    near = 0.04 * (ends[1] / 2.0 - ends[0] / 2.0) * 2.0
    inner = [(place, text) for place, text in ticks if ends[0] + near < place < ends[1] - near]
    return [(ends[0], texts[0]), *inner, (ends[1], texts[1])] if ends[1] > ends[0] else ticks
