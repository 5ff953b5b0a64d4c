"""The Gaussian processes of one suggestion: one for each objective, constraint, and for failures.

Hyperparameters are fitted at certain numbers of points only, and in between the Cholesky factor is extended.
The fit used is a function of the number of points alone, so that a resumed study makes the same
suggestions as an uninterrupted one:

* with n points, the fit is that of the first ``c = checkpoint(n)`` of them (every count up to 31, every second
  up to 63, every fourth up to 127, and so on);
* it starts from the prior's median and from the fit of ``anchor(c)``, the next smaller of 4, 6, 8, 12, 16, 24, …,
  which starts from its own anchor in turn. A resumed study repeats this short chain once.

All fits are memoised by their data; clearing the cache only costs time.

Values of unfinished runs change: a trial that is continued gets another one, and every end changes what the others are
extrapolated to. Each change would repeat the whole chain. So where a target has such values, the fit is that of at most
``MAX_FIT_UNFINISHED`` of the first c points, from the prior's median alone.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.gp import Columns, Data, Fit, Hyper, Posterior, Prior, default_prior, fit
from sweeper_core.maths.transforms import Warp, warps

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
T = TypeVar("T")

FIRST_STEP = 32
"""Up to this many points every new one causes a new fit; then the intervals between fits double with the points."""
MAX_FIT = 256
"""Maximum number of points for fitting hyperparameters: the cost is cubic, and the gain beyond is small."""
MAX_FIT_UNFINISHED = 64
"""The same where some values are those of unfinished runs, so that fits cannot be kept."""
MAX_MODEL = 500
"""With more points, a local model of ``BEST + NEAREST`` of them is used."""
BEST = NEAREST = 180
KNOWN_NOISE = 1e-6
"""Noise variance of deterministic objectives, in units of the variance of the targets."""
STEEP = 0.3
"""Standard deviation of the logarithm of a noise variance that was measured on repeated runs."""


class Memo:
    """A bounded cache per kind of the most recently used results of pure functions, by their arguments."""

    SIZES: Mapping[str, int] = {"space": 4, "fit": 64, "posterior": 8}

    def __init__(self) -> None:
        self._known: dict[str, OrderedDict[Hashable, Any]] = {kind: OrderedDict() for kind in self.SIZES}

    def get(self, kind: str, key: Hashable, make: Callable[[], T]) -> T:
        """Return the cached value for ``key``, or compute it with ``make``."""
        known = self._known[kind]
        if key in known:
            known.move_to_end(key)
            found: T = known[key]
            return found
        made = make()
        known[key] = made
        while len(known) > self.SIZES[kind]:
            known.popitem(last=False)
        return made


def digest(*arrays: Floats) -> bytes:
    """Return a short hash of the arrays."""
    hashed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hashed.update(repr(array.shape).encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.digest()


def checkpoint(n: int) -> int:
    """Return the number of points whose fit serves n points."""
    step = 1
    while n >= FIRST_STEP * step:
        step *= 2
    return n - n % step


def anchor(c: int) -> int:
    """Return the largest of 4, 6, 8, 12, 16, 24, … below c; 0 when there is none."""
    best, power = 0, 4
    while power < c:
        best = power + power // 2 if power + power // 2 < c else power
        power *= 2
    return best


@dataclass(frozen=True)
class Target:
    """One quantity to be modelled, as measured.

    Attributes:
        Z: ``(n, p)`` embedded points.
        columns: Of Z.
        y: ``(n,)`` finite.
        noise_factor: ``(n,)`` 1/k for a mean of k runs.
        noise_std: ``(n,)`` standard deviation of each value's own error, in units of the targets' spread.
        run_variance: Variance between runs of one point, NaN where not known.
        warped: Whether an output transformation may be chosen; else targets are only scaled.
        noise: Noise variance of the scaled targets when it is known.
    """

    Z: Floats
    columns: Columns
    y: Floats
    noise_factor: Floats
    noise_std: Floats
    run_variance: float = float("nan")
    warped: bool = True
    noise: float | None = None

    def head(self, count: int) -> Target:
        """Return the first points."""
        return replace(
            self,
            Z=self.Z[:count],
            y=self.y[:count],
            noise_factor=self.noise_factor[:count],
            noise_std=self.noise_std[:count],
        )

    def data(self, warp: Warp) -> Data:
        """Return the training data of the process."""
        return Data(self.Z, self.columns, warp(self.y), self.noise_factor, self.noise_std**2)

    @property
    def is_settled(self) -> bool:
        """Whether all values are those of finished runs, which do not change."""
        return not np.any(self.noise_std)

    @property
    def key(self) -> tuple[Any, ...]:
        """The cache key of the target."""
        arrays = digest(self.Z, self.y, self.noise_factor, self.noise_std)
        kinds = self.columns.groups, self.columns.numbers
        return arrays, kinds, self.warped, self.noise, str(self.run_variance)


@dataclass(frozen=True)
class Learned:
    """A fit: the transformation of the outputs, and the hyperparameters for the transformed ones."""

    warp: Warp
    hyper: Hyper


@dataclass(frozen=True)
class Model:
    """A posterior and the transformation of its outputs."""

    warp: Warp
    posterior: Posterior


def learn(target: Target, memo: Memo) -> Learned:
    """Return the fit for a target, by the schedule at the top."""
    count = max(checkpoint(len(target.y)), 1)
    if target.is_settled:
        return _fit_at(target, count, memo)
    head = target.head(count)
    return memo.get("fit", head.key, lambda: _best_fit(_thinned(head, MAX_FIT_UNFINISHED), []))


def _fit_at(target: Target, count: int, memo: Memo) -> Learned:
    head = target.head(count)

    def make() -> Learned:
        earlier = anchor(count)
        warm = [_fit_at(target, earlier, memo).hyper] if earlier else []
        return _best_fit(_thinned(head), warm)

    return memo.get("fit", head.key, make)


def _best_fit(target: Target, warm: list[Hyper]) -> Learned:
    """Return the most probable transformation and hyperparameters by the likelihood of the untransformed values."""
    best: tuple[float, Learned] | None = None
    for warp in warps(target.y) if target.warped else warps(target.y)[:1]:
        found = _fit_warped(target, warp, warm)
        cost = found.cost - float(np.sum(warp.log_slope(target.y)))
        if best is None or cost < best[0]:
            best = cost, Learned(warp, found.hyper)
    assert best is not None
    return best[1]


def _fit_warped(target: Target, warp: Warp, warm: list[Hyper]) -> Fit:
    return fit(target.data(warp), _prior(target, warp), warm)


def _prior(target: Target, warp: Warp) -> Prior:
    prior = default_prior(target.columns, noise=target.noise)
    if target.noise is None and np.isfinite(target.run_variance):
        slope = float(np.exp(np.median(warp.log_slope(target.y))))
        measured = np.clip(target.run_variance * slope**2, 1e-6, 1.0)
        prior.mean[-1], prior.deviation[-1] = np.log(measured), STEEP
    return prior


def _thinned(target: Target, most: int = MAX_FIT) -> Target:
    """Return at most ``most`` points: the better half of them the best ones, the rest evenly over all."""
    if len(target.y) <= most:
        return target
    order = np.argsort(target.y, kind="stable")
    best, rest = order[: most // 2], order[most // 2 :]
    kept = np.sort(np.concatenate([best, rest[np.linspace(0, len(rest) - 1, most // 2).astype(np.int64)]]))
    return replace(
        target,
        Z=target.Z[kept],
        y=target.y[kept],
        noise_factor=target.noise_factor[kept],
        noise_std=target.noise_std[kept],
    )


def model_of(target: Target, memo: Memo, focus: Floats | None = None) -> Model:
    """Return the posterior of a target given all its points, or the local ones when there are too many.

    Args:
        focus: ``(p,)`` embedded point at the centre of a local model; None for the best one.
    """
    learned = learn(target, memo)
    n = len(target.y)
    data = target.data(learned.warp)
    if n > MAX_MODEL:
        centre = target.Z[int(np.argmin(target.y))] if focus is None else focus
        return Model(learned.warp, Posterior(data.rows(local(data, learned.hyper, centre)), learned.hyper))
    base = max(checkpoint(n), 1)
    head = data.rows(slice(0, base))
    key = digest(head.Z, head.y, head.noise_factor, head.extra_noise, learned.hyper.theta)
    posterior = memo.get("posterior", key, lambda: Posterior(head, learned.hyper))
    return Model(learned.warp, posterior.extended(data.rows(slice(base, n))) if n > base else posterior)


def refitted(target: Target, memo: Memo) -> Model:
    """Return the posterior with hyperparameters fitted to all points, for targets whose values all change together."""
    learned = memo.get("fit", target.key, lambda: _best_fit(_thinned(target), []))
    return Model(learned.warp, Posterior(target.data(learned.warp), learned.hyper))


def local(data: Data, hyper: Hyper, centre: Floats) -> Integers:
    """Return the indices, ascending, of the best points and of those nearest to ``centre`` among the others."""
    scale = 1.0 / hyper.lengthscales[data.columns.group]
    order = np.argsort(data.y, kind="stable")
    best, rest = order[:BEST], order[BEST:]
    gap = np.sum(((data.Z[rest] - centre) * scale) ** 2, axis=1)
    return np.sort(np.concatenate([best, rest[np.argsort(gap, kind="stable")[:NEAREST]]])).astype(np.int64)
