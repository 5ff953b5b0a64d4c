"""Monotone transformations of objective values that make them look normal, for regression.

Notation

======  ====================================================================================
n       number of values
y       ``(n,)`` values as measured, smaller is better
x       winsorized and scaled: 0 is the median, 1 about a standard deviation
power   exponent of the Yeo-Johnson family; 1 changes nothing, less pulls large values in
======  ====================================================================================

Losses have long upper tails (a diverged run is a million times worse than a good one) that would use up a
model's whole resolution. Every transformation here is smooth and increasing, so two of them can be compared by
the likelihood of the *original* values: the model's log likelihood plus the logarithm of the slope.

Source: Yeo & Johnson, A new family of power transformations to improve normality or symmetry (Biometrika 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POWERS = np.linspace(-2.0, 2.0, 41)
FENCE = 2.0
"""How many interquartile ranges above the upper quartile values are winsorized: of a normal sample, 1 in 3000."""
DEPTH = 50.0
"""Growth is logarithmic also this many widths below the median, so that powers of x do not overflow."""
POWER_DEVIATION = 1.0
"""Prior standard deviation of the power around 1: ten values alone hardly determine a tail."""


@dataclass(frozen=True)
class Warp:
    """An increasing map from values to standardised targets.

    Attributes:
        middle, width: Location and scale that turn y into x.
        limit: The x above which values are winsorized.
        power: Yeo-Johnson exponent.
        shift, stretch: Mean and standard deviation of the transformed values.
    """

    middle: float
    width: float
    limit: float
    power: float
    shift: float
    stretch: float

    def __call__(self, y: Floats) -> Floats:
        """Return targets ``(n,)``; infinite values become the ends of the finite range that was fitted."""
        return np.asarray((yeo_johnson(self._winsorized(y), self.power) - self.shift) / self.stretch)

    def log_slope(self, y: Floats) -> Floats:
        """Return the logarithm of the derivative ``(n,)`` at ``y``."""
        x = (y - self.middle) / self.width
        above, below = np.maximum(x - self.limit, 0.0), np.maximum(-DEPTH - x, 0.0)
        log_slope = -np.log1p(above) - np.log1p(np.log1p(above)) - np.log1p(below)
        slope = (self.power - 1.0) * np.sign(x) * np.log1p(np.abs(self._winsorized(y)))
        return np.asarray(slope + log_slope - np.log(self.stretch * self.width))

    @property
    def line(self) -> tuple[float, float]:
        """Shift and scale of the inverse ``y = shift + scale * target`` where a map without a power is linear."""
        return self.middle + self.width * self.shift, self.width * self.stretch

    def _winsorized(self, y: Floats) -> Floats:
        return winsorize((y - self.middle) / self.width, self.limit)


def winsorize(x: Floats, limit: float) -> Floats:
    """Return x with growth like log(log) above ``limit`` and like log below ``-DEPTH``; smooth in value and slope.

    A plain logarithm would leave 1e30 at seventy widths, and compress all other values.
    """
    above = np.minimum(np.maximum(x - limit, 0.0), 1e300)
    below = np.minimum(np.maximum(-DEPTH - x, 0.0), 1e300)
    return np.asarray(np.clip(x, -DEPTH, limit) + np.log1p(np.log1p(above)) - np.log1p(below))


def yeo_johnson(x: Floats, power: float) -> Floats:
    """Return the Yeo-Johnson transformation of x ``(n,)``."""
    size = np.log1p(np.abs(x))
    above = size if power == 0.0 else np.expm1(power * size) / power
    below = size if power == 2.0 else np.expm1((2.0 - power) * size) / (2.0 - power)
    return np.asarray(np.where(x >= 0.0, above, -below))


def best_power(x: Floats) -> float:
    """Return the exponent that makes x ``(n,)`` most nearly normal: the profile likelihood's mode, with a prior."""
    logs = np.sign(x) * np.log1p(np.abs(x))
    spread = np.array([max(float(np.std(yeo_johnson(x, power))), 1e-12) for power in POWERS])
    score = -len(x) * np.log(spread) + (POWERS - 1.0) * float(logs.sum())
    score -= 0.5 * ((POWERS - 1.0) / POWER_DEVIATION) ** 2
    return float(POWERS[int(np.argmax(score))])


def warps(y: Floats) -> list[Warp]:
    """Return the transformations worth comparing for finite values ``(n,)``: as they are, and the best power."""
    middle, width, limit = _scale_of(y)
    x = winsorize((y - middle) / width, limit)
    powers = [1.0]
    if len(y) >= 8:
        power = best_power(x)
        if abs(power - 1.0) > 0.05:
            powers.append(power)
    return [_standardised(x, middle, width, limit, power) for power in powers]


def _scale_of(y: Floats) -> tuple[float, float, float]:
    """Return median, robust width and limit. Where half of the values are equal, the others give the width."""
    low, middle, high = np.quantile(y, (0.25, 0.5, 0.75))
    width = float(high - low) / 1.349  # of a normal distribution, this is its standard deviation
    rounding = 1e-13 * float(np.abs(middle))
    if width <= rounding:
        gaps = np.abs(y - middle)
        gaps = gaps[gaps > rounding]
        width = float(np.median(gaps)) if len(gaps) else 1.0
    return float(middle), width, float((high - middle) / width + FENCE * 1.349)


def _standardised(x: Floats, middle: float, width: float, limit: float, power: float) -> Warp:
    moved = yeo_johnson(x, power)
    stretch = float(np.std(moved))
    return Warp(middle, width, limit, power, float(np.mean(moved)), stretch if stretch > 1e-12 else 1.0)
