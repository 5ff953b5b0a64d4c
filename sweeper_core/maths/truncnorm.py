"""The normal law truncated to an interval.

Notation

======  ==================================================================
Φ, φ    distribution function and density of the standard normal law
a, b    ends of the interval in standard units, ``(end - mean) / width``
======  ==================================================================

All functions broadcast. Tails are computed by symmetry on the side where they are small, so that nothing is
lost far from the mean (compare Botev 2017, "The normal law under linear restrictions").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr, ndtri_exp

Floats = npt.NDArray[np.float64]

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


def mass_between(a: Floats, b: Floats) -> Floats:
    """Return Φ(b) - Φ(a) for ``a <= 0 <= b``: the fast path of kernels centred inside their interval."""
    return np.asarray(ndtr(b) - ndtr(a))


def log_mass(a: Floats, b: Floats) -> Floats:
    """Return log(Φ(b) - Φ(a)) for any ``a <= b``; -inf where they are equal."""
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    mirrored = a > 0.0
    low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    upper, lower = log_ndtr(high), log_ndtr(low)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(low == high, -np.inf, upper + np.log1p(-np.exp(lower - upper))))


def log_density(x: Floats, mean: Floats, width: Floats, low: Floats, high: Floats) -> Floats:
    """Return the log density at ``x`` of the normal law of that mean and width, truncated to ``[low, high]``."""
    z = (np.asarray(x, float) - mean) / width
    inside = (x >= low) & (x <= high)
    log_norm = log_mass((low - mean) / width, (high - mean) / width) + np.log(width) + LOG_SQRT_2PI
    return np.asarray(np.where(inside, -0.5 * z * z - log_norm, -np.inf))


def quantile(q: Floats, mean: Floats, width: Floats, low: Floats, high: Floats) -> Floats:
    """Return the point below which the truncated law has the share ``q`` in [0, 1].

    Solves Φ(z) = Φ(a) + q (Φ(b) - Φ(a)) in logarithms, on the side where Φ is small.
    """
    q, mean, width, low, high = np.broadcast_arrays(*(np.asarray(item, float) for item in (q, mean, width, low, high)))
    a, b = (low - mean) / width, (high - mean) / width
    mirrored = a > 0.0
    share = np.where(mirrored, 1.0 - q, q)
    start, end = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    with np.errstate(divide="ignore"):
        log_p = np.logaddexp(log_ndtr(start), np.log(share) + log_mass(start, end))
    z = ndtri_exp(np.minimum(log_p, 0.0))
    return np.asarray(np.clip(mean + width * np.where(mirrored, -z, z), low, high))
