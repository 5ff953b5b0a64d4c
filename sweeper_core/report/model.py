"""A Gaussian process of the objective over the parameters, asked what each of them does.

Notation

=========  ===================================================================================
n          trials that the process is fitted to
p          columns: one a number, one a choice of a categorical
Z          ``(n, p)`` numbers on the unit interval, choices as 0 or 1
y          ``(n,)`` values, standardised
b          background points: trials over whose other parameters is averaged
q          places on a grid
=========  ===================================================================================

The partial dependence of a parameter (Friedman 2001, section 8.2) at a value is the mean of the prediction over the
background points, of which that parameter has the value. Its band is twice the mean standard deviation there, which is
at least that of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.maths.gp import Columns, Data, Posterior, default_prior, fit
from sweeper_core.search_space import SearchSpace
from sweeper_core.trial.record import TrialRecord

Floats = npt.NDArray[np.float64]

MIN_TRIALS = 8
"""Fewer say nothing about a model."""

MAX_TRIALS = 200
"""Trials that are fitted: a third of them the best, the others evenly chosen. A fit takes a fraction of a second."""

MAX_PARAMETERS = 20
"""Parameters of which slices are made."""

MAX_PAIRED = 4
"""The most important parameters, of which pairs are looked at."""

MAX_PAIRS = 3
"""Pairs that are kept: those with the strongest interaction."""

BACKGROUND, BACKGROUND_OF_PAIRS = 48, 24
GRID, GRID_OF_PAIRS = 33, 17


@dataclass(frozen=True)
class Surface:
    """What a model expects over a grid of one or two parameters, in the objective's own units.

    Attributes:
        names: Of the parameters.
        ticks: The grid: a value of each parameter at each of its places.
        mean, deviation: ``(q,)`` or ``(q of the first, q of the second)``.
        strength: Of a pair: the variance of what is not the sum of two curves, as a share of that of all values.
    """

    names: tuple[str, ...]
    ticks: tuple[list[Any], ...]
    mean: Floats
    deviation: Floats
    strength: float = 0.0


class Model:
    """A fitted process, and the geometry of its columns.

    Args:
        records: Trials with a finite value of the objective, at least :data:`MIN_TRIALS` of them.
        sign: Factor that turns its values into ones to be minimised.
    """

    def __init__(self, records: Sequence[TrialRecord], sign: float, objective: int = 0) -> None:
        self.space = SearchSpace.of(_common(records))
        encoded = [(record, self._encoded(record)) for record in _chosen(records, sign, objective)]
        known = [(record, row) for record, row in encoded if row is not None]
        if len(known) < MIN_TRIALS:
            raise ValueError("Too few trials have all parameters.")
        chosen, raw = [record for record, _ in known], np.array([row for _, row in known])
        self._units = self.space.to_unit(raw)
        self._raw = raw
        self._columns = self._layout()
        values = _winsorised(np.array([record.values[objective] for record in chosen if record.values]), sign)
        self._centre, self._scale = float(values.mean()), float(values.std()) or 1.0
        data = Data.plain(self._points(self._units, raw), self._columns, (values - self._centre) / self._scale)
        self._posterior = Posterior(data, fit(data, default_prior(self._columns), iterations=20).hyper)

    @property
    def names(self) -> list[str]:
        """Names of the parameters that the model knows."""
        return [parameter.name for parameter in self.space]

    def _encoded(self, record: TrialRecord) -> Floats | None:
        """Return the raw values ``(d,)``; None when the trial lacks a parameter or has a choice of another space."""
        try:
            row = np.asarray(self.space.encode(record.params), dtype=float)
        except (KeyError, ValueError):
            return None
        return None if np.isnan(row).any() else row

    def _layout(self) -> Columns:
        groups: list[int] = []
        numbers = [place for place, it in enumerate(self.space) if not _is_choice(it.distribution)]
        groups += range(len(numbers))
        for it in self.space:
            if isinstance(it.distribution, CategoricalDistribution):
                groups += [max(groups, default=-1) + 1] * len(it.distribution.choices)
        return Columns(np.array(groups, dtype=np.int64), len(numbers))

    def _points(self, units: Floats, raw: Floats) -> Floats:
        """Return the columns ``(k, p)`` of points ``(k, d)``: numbers first, then one for each choice."""
        columns = [units[:, place] for place, it in enumerate(self.space) if not _is_choice(it.distribution)]
        for place, it in enumerate(self.space):
            if isinstance(it.distribution, CategoricalDistribution):
                columns += [(raw[:, place] == index).astype(float) for index in range(len(it.distribution.choices))]
        return np.column_stack(columns)

    def slice(self, name: str) -> Surface:
        """Return the partial dependence on one parameter."""
        return self._surface((name,), GRID, BACKGROUND)

    def pair(self, one: str, other: str) -> Surface:
        """Return the partial dependence on two parameters, and how far it is from the sum of two curves."""
        found = self._surface((one, other), GRID_OF_PAIRS, BACKGROUND_OF_PAIRS)
        rows, columns = found.mean.mean(axis=1, keepdims=True), found.mean.mean(axis=0, keepdims=True)
        rest = found.mean - rows - columns + found.mean.mean()
        strength = float(rest.var()) / self._scale**2
        return Surface(found.names, found.ticks, found.mean, found.deviation, strength)

    def _surface(self, names: tuple[str, ...], size: int, background: int) -> Surface:
        places = [self.space.position(name) for name in names]
        grids = [self._grid(place, size) for place in places]
        mesh = np.meshgrid(*[np.arange(len(raw)) for _, raw in grids], indexing="ij")
        shape = mesh[0].shape
        rows = np.linspace(0, len(self._raw) - 1, min(background, len(self._raw))).astype(int)
        units = np.tile(self._units[rows], (mesh[0].size, 1))
        raw = np.tile(self._raw[rows], (mesh[0].size, 1))
        for place, (own_units, own_raw), index in zip(places, grids, mesh, strict=True):
            units[:, place] = np.repeat(own_units[index.ravel()], len(rows))
            raw[:, place] = np.repeat(own_raw[index.ravel()], len(rows))
        mean, variance = self._posterior.predict(self._points(units, raw))
        averaged = mean.reshape(-1, len(rows)).mean(axis=1).reshape(shape)
        deviation = np.sqrt(variance).reshape(-1, len(rows)).mean(axis=1).reshape(shape)
        ticks = tuple(self._values(place, own) for place, (_, own) in zip(places, grids, strict=True))
        return Surface(names, ticks, averaged * self._scale + self._centre, deviation * self._scale)

    def _grid(self, place: int, size: int) -> tuple[Floats, Floats]:
        """Return units and raw values of a parameter's grid: all choices, or values evenly over its range."""
        distribution = self.space.parameters[place].distribution
        if isinstance(distribution, CategoricalDistribution):
            raw = np.arange(len(distribution.choices), dtype=float)
            return raw, raw
        units = np.tile(self._units[:1], (size, 1))
        units[:, place] = np.linspace(0.0, 1.0, size)
        raw = self.space.from_unit(units)[:, place]
        raw = np.unique(raw)
        every = self._raw[np.zeros(len(raw), dtype=int)].copy()
        every[:, place] = raw
        return self.space.to_unit(every)[:, place], raw

    def _values(self, place: int, raw: Floats) -> list[Any]:
        distribution = self.space.parameters[place].distribution
        return [distribution.to_external_repr(float(value)) for value in raw]


def _is_choice(distribution: BaseDistribution) -> bool:
    return isinstance(distribution, CategoricalDistribution)


def _common(records: Sequence[TrialRecord]) -> dict[str, BaseDistribution]:
    """Return the parameters that most trials have, as the last one has them, those with one value left out."""
    counts: dict[str, int] = {}
    latest: dict[str, BaseDistribution] = {}
    for record in records:
        for name, distribution in zip(record.layout.names, record.layout.distributions, strict=True):
            counts[name] = counts.get(name, 0) + 1
            latest[name] = distribution
    frequent = [name for name, it in latest.items() if counts[name] >= 0.6 * len(records) and not it.single()]
    return {name: latest[name] for name in frequent[:MAX_PARAMETERS]}


def _chosen(records: Sequence[TrialRecord], sign: float, objective: int) -> list[TrialRecord]:
    if len(records) <= MAX_TRIALS:
        return list(records)
    ordered = sorted(records, key=lambda record: record.values[objective] * sign if record.values else math.inf)
    best = {record.number for record in ordered[: MAX_TRIALS // 3]}
    others = [record for record in records if record.number not in best]
    left = MAX_TRIALS - len(best)
    best |= {others[round(index * (len(others) - 1) / (left - 1))].number for index in range(left)}
    return [record for record in records if record.number in best]


def _winsorised(values: Floats, sign: float) -> Floats:
    """Return values of which the worst are moved to three interquartile ranges above the third quartile."""
    signed = values * sign
    low, high = np.quantile(signed, [0.25, 0.75])
    return np.asarray(np.minimum(signed, high + 3.0 * (high - low) + 1e-12 * abs(high)) * sign)


def fitted(records: Sequence[TrialRecord], sign: float, objective: int = 0) -> Model | None:
    """Return a model of an objective; None where there is too little to learn from."""
    usable = [r for r in records if r.values and math.isfinite(r.values[objective]) and r.layout.names]
    if len(usable) < MIN_TRIALS or len({r.values[objective] for r in usable if r.values}) < 2:
        return None
    try:
        return Model(usable, sign, objective)
    except (ValueError, np.linalg.LinAlgError):
        return None


def strongest_pairs(model: Model, important: Sequence[str]) -> list[Surface]:
    """Return the surfaces of the pairs of important parameters that interact most."""
    names = [name for name in important if name in model.names][:MAX_PAIRED]
    pairs = [model.pair(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    return sorted(pairs, key=lambda pair: -pair.strength)[:MAX_PAIRS]
