"""Acquisition functions in logarithms: expected improvement, probability of feasibility, hypervolume improvement.

Notation

======  ====================================================================================
q       number of query points
m       number of objectives, all to be minimised
b       number of boxes
mean    ``(q,)`` or ``(q, m)`` posterior mean, ``variance`` likewise (positive)
sigma   standard deviation, the square root of the variance
z       standardised improvement, ``(best - mean) / sigma``
======  ====================================================================================

Far from the optimum the improvement itself underflows and its gradient vanishes; the logarithm does not. The
formulas follow Ament, Daulton, Eriksson, Balandat & Bakshy, Unexpected Improvements to Expected Improvement for
Bayesian Optimization (NeurIPS 2023), eqs. (8), (9) and (14). The decomposition into boxes follows the idea of Emmerich,
Yang & Deutz, Infill criteria for multiobjective Bayesian optimization (2020).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, log_ndtr

Floats = npt.NDArray[np.float64]

LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
LOG_SQRT_PI_HALF = 0.5 * np.log(0.5 * np.pi)
SQRT_HALF = np.sqrt(0.5)
FAR = -1e3
"""Below this z, ``1 - |z| * Mills ratio`` has lost digits; its series in 1/z**2 is exact to 1e-11 there."""


def log1mexp(x: Floats) -> Floats:
    """Return ``log(1 - exp(x))`` for ``x <= 0`` (Mächler 2012: two forms, each exact on its side of -log 2)."""
    x = np.minimum(x, -1e-300)
    near = x > -np.log(2.0)
    return np.where(near, np.log(-np.expm1(np.where(near, x, -1.0))), np.log1p(-np.exp(np.where(near, -1.0, x))))


def log_h(z: Floats) -> Floats:
    """Return ``log(pdf(z) + z cdf(z))`` of the standard normal for any z, Ament et al. eqs. (9), (14)."""
    z = np.asarray(z, dtype=float)
    result = np.empty_like(z)
    high = z > -1.0
    top = z[high]
    density = np.exp(-0.5 * top * top - LOG_SQRT_2PI)
    result[high] = np.log(density + top * np.exp(log_ndtr(top)))
    low = z[~high]
    middle = np.maximum(low, FAR)
    tail = log1mexp(np.log(erfcx(-middle * SQRT_HALF) * -middle) + LOG_SQRT_PI_HALF)
    square = np.maximum(low * low, FAR * FAR)
    series = np.log1p(-3.0 / square) - np.log(square)
    result[~high] = -0.5 * low * low - LOG_SQRT_2PI + np.where(low > FAR, tail, series)
    return result


def log_ei(mean: Floats, variance: Floats, best: float | Floats) -> Floats:
    """Return ``log E[max(best - f, 0)]`` for normal f."""
    sigma = np.sqrt(variance)
    return np.asarray(log_h((best - mean) / sigma) + np.log(sigma))


def log_ei_with_gradient(mean: Floats, variance: Floats, best: float | Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log expected improvement and its derivatives by mean and variance.

    ``d EI / d mean = -cdf(z)`` and ``d EI / d sigma = pdf(z)``.
    """
    sigma = np.sqrt(variance)
    z = (best - mean) / sigma
    h = log_h(z)
    near = np.maximum(z, FAR)
    ratio = np.where(z > FAR, np.exp(log_ndtr(near) - np.where(z > FAR, h, 0.0)), -z)  # cdf / h -> |z|
    # d log EI / d sigma = pdf / (sigma h); pdf = h - z cdf, without cancellation where z < 0.
    density = np.where(z < 0.0, 1.0 - z * ratio, np.exp(-0.5 * near * near - LOG_SQRT_2PI - np.where(z < 0.0, 0.0, h)))
    return h + np.log(sigma), -ratio / sigma, 0.5 * density / variance


def log_informative(variance: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return ``log(1 - sqrt(noise / (variance + noise)))`` and its derivative by the variance.

    The factor of Huang, Allen, Notz & Zeng, Global optimization of stochastic black-box systems via sequential kriging
    meta-models (2006), eq. (12): the share of the standard deviation that one run of variance ``noise`` removes. It is
    1 without noise, and small where the process already knows more than a run tells.
    """
    total = variance + noise
    left = np.sqrt(noise / total)
    value = np.log(variance) - np.log(total) - np.log1p(left)  # 1 - left = (1 - left^2) / (1 + left)
    return np.asarray(value), np.asarray((noise / variance + 0.5 * left / (1.0 + left)) / total)


def log_feasibility(mean: Floats, variance: Floats, threshold: float = 0.0) -> Floats:
    """Return ``log P(f <= threshold)`` for normal f."""
    return np.asarray(log_ndtr((threshold - mean) / np.sqrt(variance)))


def log_feasibility_with_gradient(
    mean: Floats, variance: Floats, threshold: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return the log probability of feasibility and its derivatives by mean and variance."""
    sigma = np.sqrt(variance)
    z = (threshold - mean) / sigma
    value = log_ndtr(z)
    near = np.maximum(z, FAR)
    ratio = np.where(z > FAR, np.exp(-0.5 * near * near - LOG_SQRT_2PI - log_ndtr(near)), -z)  # pdf / cdf -> |z|
    return np.asarray(value), -ratio / sigma, -0.5 * ratio * z / variance


def undominated_boxes(front: Floats, reference: Floats, floor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return lower and upper corners ``(b, m)`` of disjoint boxes that fill what ``front`` does not dominate.

    Args:
        front: ``(k, m)`` mutually undominated points below the reference; m is 2 or 3.
        reference: ``(m,)``.
        floor: ``(m,)`` how far down the lower corners reach, below the front; None for minus infinity.
    """
    if len(reference) not in (2, 3):
        raise ValueError(f"Boxes are made for 2 or 3 objectives, not {len(reference)}.")
    lower, upper = _strips(front, reference) if len(reference) == 2 else _slabs(front, reference)
    return (lower if floor is None else np.maximum(lower, floor)), upper


def _strips(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Vertical strips between neighbouring first objectives, each up to the height of the point on its left."""
    ordered = _staircase(front)
    left = np.concatenate([[-np.inf], ordered[:, 0]])
    right = np.concatenate([ordered[:, 0], [reference[0]]])
    top = np.concatenate([[reference[1]], ordered[:, 1]])
    lower = np.column_stack([left, np.full(len(left), -np.inf)])
    return lower, np.column_stack([right, top])


def _staircase(points: Floats) -> Floats:
    """Return the undominated ones of two-dimensional points, by ascending first objective."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    lowest = np.minimum.accumulate(ordered[:, 1]) if len(ordered) else ordered[:, 1]
    keep = np.ones(len(ordered), dtype=bool)
    keep[1:] = ordered[1:, 1] < lowest[:-1]
    return ordered[keep]


def _slabs(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Sweep the third objective upwards; a strip of the first two extends from its level to the one that cuts it."""
    levels = np.concatenate([[-np.inf], np.unique(front[:, 2])])
    born: dict[tuple[float, float, float], float] = {}
    lower: list[tuple[float, float, float]] = []
    upper: list[tuple[float, float, float]] = []

    def emit(strip: tuple[float, float, float], end: float) -> None:
        lower.append((strip[0], -np.inf, born.pop(strip)))
        upper.append((strip[1], strip[2], end))

    for level in levels:
        below, above = _strips(front[front[:, 2] <= level][:, :2], reference[:2])
        strips = set(zip(below[:, 0].tolist(), above[:, 0].tolist(), above[:, 1].tolist(), strict=True))
        for strip in [strip for strip in born if strip not in strips]:
            emit(strip, float(level))
        for strip in strips:
            born.setdefault(strip, float(level))
    for strip in list(born):
        emit(strip, float(reference[2]))
    order = np.lexsort(np.array(upper).T)  # sets are unordered
    return np.array(lower)[order], np.array(upper)[order]


def log_ehvi(mean: Floats, variance: Floats, boxes: tuple[Floats, Floats]) -> Floats:
    """Return the log expected hypervolume improvement ``(q,)`` of independent objectives ``(q, m)``.

    Within a box the gain is ``prod_i (u_i - max(l_i, f_i))_+``, whose expectation is a product of differences of
    expected improvements; boxes are disjoint, so their gains add up.
    """
    per_box, _ = _log_gains(mean, variance, boxes)
    return _log_sum(per_box)[0]


def log_ehvi_with_gradient(
    mean: Floats, variance: Floats, boxes: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return the log expected hypervolume improvement ``(q,)`` and its derivatives ``(q, m)`` by mean and variance."""
    per_box, (d_mean, d_variance) = _log_gains(mean, variance, boxes)
    total, share = _log_sum(per_box)
    return total, np.einsum("qb,qbm->qm", share, d_mean), np.einsum("qb,qbm->qm", share, d_variance)


def _log_sum(per_box: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the sum over boxes ``(q,)`` and each box's share of it ``(q, b)``."""
    top = np.max(per_box, axis=1, keepdims=True)
    weight = np.exp(per_box - top)
    total = weight.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], weight / total


def _log_gains(mean: Floats, variance: Floats, boxes: tuple[Floats, Floats]) -> tuple[Floats, tuple[Floats, Floats]]:
    """Return the log expected gain ``(q, b)`` of each box and its derivatives ``(q, b, m)``."""
    q, m = mean.shape
    gain = np.zeros((q, len(boxes[1])))
    d_mean, d_variance = (np.empty((q, len(boxes[1]), m)) for _ in range(2))
    for i in range(m):
        part, d_mean[:, :, i], d_variance[:, :, i] = _log_side(
            mean[:, i, None], variance[:, i, None], boxes[0][:, i], boxes[1][:, i]
        )
        gain += part
    return gain, (d_mean, d_variance)


def _log_side(mean: Floats, variance: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log expected gain ``(q, b)`` between two levels of one objective, and its derivatives.

    Boxes share their levels: each level's improvement is computed once.
    """
    levels, place = np.unique(np.where(np.isfinite(lower), [lower, upper], upper), return_inverse=True)
    place = place.reshape(2, -1)
    at_levels = log_ei_with_gradient(mean, variance, levels)
    up, up_mean, up_variance = (level[:, place[1]] for level in at_levels)
    cut = np.flatnonzero(np.isfinite(lower))
    down, down_mean, down_variance = (level[:, place[0, cut]] for level in at_levels)
    # log(e^up - e^down), and its derivative: the two derivatives weighted by w and 1 - w, w = 1 / (1 - e^step).
    step = np.minimum(down - up[:, cut], -1e-14)
    up[:, cut] += log1mexp(step)
    w = -1.0 / np.expm1(step)
    for whole, part in ((up_mean, down_mean), (up_variance, down_variance)):
        whole[:, cut] = w * whole[:, cut] + (1.0 - w) * part
    return up, up_mean, up_variance
