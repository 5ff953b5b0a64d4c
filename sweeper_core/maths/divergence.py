"""Pearson divergence between Parzen estimates on a grid.

Watanabe, Bansal, Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces", IJCAI 2023; bandwidths after Scott, "Multivariate Density Estimation", 1992.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MIN_BANDWIDTH = 0.5 / 1.64
"""In grid cells: at least 90 % of a kernel's mass lies within its own cell."""
TINY = 1e-12
"""Added to densities so that their ratio is finite everywhere."""


def grid_density(counts: Integers) -> Floats:
    """Return the estimated density ``(g,)`` of ordered grid cells from the counts ``(g,)`` of observations.

    A truncated discrete normal kernel for each observed cell, weighted by its count, and one wide
    kernel of weight 1 as the prior.
    """
    cells = np.flatnonzero(counts)
    g = len(counts)
    weights = np.append(counts[cells], 1.0) / (counts.sum() + 1.0)
    centres = np.append(cells, (g - 1) / 2.0)
    widths = np.append(np.full(len(cells), _scott_bandwidth(cells, counts[cells])), float(g))
    edges = np.arange(g + 1) - 0.5
    below = ndtr((edges - centres[:, None]) / widths[:, None])
    mass = np.diff(below, axis=1) / (below[:, -1:] - below[:, :1])
    return np.asarray(weights @ mass)


def category_density(counts: Integers) -> Floats:
    """Return the estimated probabilities ``(g,)`` of unordered categories from their counts ``(g,)``."""
    cells = np.flatnonzero(counts)
    g, kernels = len(counts), len(cells) + 1
    table = np.full((kernels, g), 1.0 / kernels)
    table[np.arange(len(cells)), cells] += 1.0
    table /= table.sum(axis=1, keepdims=True)
    weights = np.append(counts[cells], 1.0) / (counts.sum() + 1.0)
    return np.asarray(weights @ table)


def pearson_divergence(density: Floats, base: Floats) -> float:
    """Return the mean under ``base`` of ``(density / base - 1)**2`` over grid cells."""
    base = base + TINY
    return float(base @ ((density + TINY) / base - 1.0) ** 2)


def _scott_bandwidth(cells: Integers, counts: Integers) -> float:
    total = counts.sum()
    mean = cells @ counts / total
    deviation = np.sqrt((cells - mean) ** 2 @ counts / max(1, total - 1))
    cumulative = np.cumsum(counts)
    first = np.searchsorted(cumulative, total // 4, side="left")
    third = min(len(cells) - 1, int(np.searchsorted(cumulative, total * 3 // 4, side="right")))
    spread = min((cells[third] - cells[first]) / 1.34, deviation)
    return max(float(1.059 * spread * float(total) ** -0.2), MIN_BANDWIDTH)
