"""Functional analysis of variance of regression trees.

Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014.

Notation

======  ===================================================================
L       number of leaves of a tree
d       number of columns
low     lower corner of each leaf's box, ``(L, d)``, in [0, 1]
high    upper corner, ``(L, d)``
value   prediction in each leaf, ``(L,)``
======  ===================================================================

The boxes are disjoint and fill the unit cube, so a leaf's volume is its probability under the uniform
distribution, and moments of the tree's prediction are sums over leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Boxes:
    """The leaves of one tree over the unit cube."""

    low: Floats
    high: Floats
    value: Floats

    @property
    def volume(self) -> Floats:
        """``(L,)``, sums to 1."""
        return np.asarray(np.prod(self.high - self.low, axis=1))

    @property
    def variance(self) -> float:
        """Variance of the prediction over the cube."""
        volume = self.volume
        mean = float(volume @ self.value)
        return max(float(volume @ (self.value - mean) ** 2), 0.0)


def boxes_of_tree(
    left: Integers, right: Integers, feature: Integers, threshold: Floats, value: Floats, n_columns: int
) -> Boxes:
    """Return the leaves of a binary tree whose node 0 is the root; ``left[i] < 0`` marks leaves.

    Parents come before their children. ``x[feature] <= threshold`` goes left; columns lie in [0, 1].
    """
    low = np.zeros((len(left), n_columns))
    high = np.ones((len(left), n_columns))
    for node in np.flatnonzero(left >= 0):
        column = feature[node]
        cut = min(max(threshold[node], low[node, column]), high[node, column])
        for child in (left[node], right[node]):
            low[child], high[child] = low[node], high[node]
        high[left[node], column] = cut
        low[right[node], column] = cut
    leaves = left < 0
    return Boxes(low[leaves], high[leaves], value[leaves])


def main_effect_variance(boxes: Boxes, columns: Sequence[int]) -> float:
    """Return the variance of the prediction's mean given the columns (equation 4 of the paper, main effects).

    One column is swept over its cut points; several (the indicator columns of one category) take the sum
    over pairs of leaves.
    """
    if len(columns) == 1:
        return _swept_variance(boxes, columns[0])
    return _pairwise_variance(boxes, np.asarray(columns))


def _swept_variance(boxes: Boxes, column: int) -> float:
    low, high = boxes.low[:, column], boxes.high[:, column]
    side = high - low
    real = side > 0
    # The part of the prediction's mean that a leaf adds wherever the column lies within its side.
    share = boxes.value[real] * boxes.volume[real] / side[real]
    cuts = np.unique(np.concatenate([[0.0, 1.0], low[real], high[real]]))
    change = np.zeros(len(cuts))
    np.add.at(change, np.searchsorted(cuts, low[real]), share)
    np.add.at(change, np.searchsorted(cuts, high[real]), -share)
    mean_given = np.cumsum(change)[:-1]
    width = np.diff(cuts)
    return max(float(width @ (mean_given - width @ mean_given) ** 2), 0.0)


def _pairwise_variance(boxes: Boxes, columns: Integers) -> float:
    low, high = boxes.low[:, columns], boxes.high[:, columns]
    side = np.prod(high - low, axis=1)
    real = side > 0
    share = boxes.value[real] * boxes.volume[real] / side[real]
    overlap = np.ones((len(share), len(share)))
    for column in range(len(columns)):
        a, b = low[real, column], high[real, column]
        overlap *= np.clip(np.minimum(b[:, None], b) - np.maximum(a[:, None], a), 0.0, None)
    mean = float(boxes.volume @ boxes.value)
    return max(float(share @ overlap @ share) - mean**2, 0.0)
