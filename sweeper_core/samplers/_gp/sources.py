"""Earlier studies as observations: one process over all tasks, with the task as one more categorical.

Notation

======  =======================================================================================
n, k    number of points of the study, of its sources together
p, t    number of embedded columns, of tasks (the sources and the study, which is the last)
======  =======================================================================================

The distance between tasks has its own lengthscale. When the tasks are similar it is long, and points of a source
count almost as much as the study's own; otherwise the likelihood makes it short. A second process is fitted to the
study's points alone: the one that predicts the study's points better is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.gp import Posterior
from sweeper_core.maths.transforms import warps
from sweeper_core.samplers._gp.models import Memo, Model, Target, model_of, refitted
from sweeper_core.samplers._gp.observations import Observations, gather
from sweeper_core.samplers._gp.space import ONE_HOT, Encoding
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_SOURCES = 3
MAX_POINTS = 120
"""Maximum number of points of all sources together: the better half of them the best ones."""
DISTRUST = 0.3
"""Additional noise std of every value of a source, in units of the source's spread."""
NARROWEST, WIDEST = 0.3, 1.5
"""Limits of the study's spread relative to the sources', until it has enough points of its own."""


MAX_OWN = 16
"""Number of the study's points from which its own process is used alone. A source that is alike but for the place of
the optimum predicts most points well, and holds the search back: regret after 40 trials was 9 times that without a
source, and 1.2 times when it was left out from 24 points on (one pair of LCBench tasks, two seeds)."""
ENOUGH = 4
"""Number of the study's points needed to judge whether the sources help."""


@dataclass(frozen=True)
class Source:
    """Data of one earlier study: points ``(k, d)``, embedded ``(k, p)``, and standardised values ``(k,)``."""

    unit: Floats
    Z: Floats
    y: Floats


def sources_of(history: History, encoding: Encoding) -> list[Source]:
    """Return the earlier studies of one objective that share enough parameters with the space."""
    if history.n_objectives != 1:
        return []
    usable = [source for source in history.sources if source.n_objectives == 1]
    found = [gather(source, encoding)[0] for source in usable]
    found = sorted((observations for observations in found if len(observations) >= 4), key=len, reverse=True)[
        :MAX_SOURCES
    ]
    return [_source(observations, encoding, MAX_POINTS // len(found)) for observations in found]


def _source(observations: Observations, encoding: Encoding, most: int) -> Source:
    observations = (
        observations.rows(np.flatnonzero(observations.feasible)) if np.any(observations.feasible) else observations
    )
    y = observations.values[:, 0]
    targets = warps(y)[-1](y)
    order = np.argsort(y, kind="stable")
    if len(order) > most:
        best, rest = order[: most // 2], order[most // 2 :]
        order = np.concatenate([best, rest[np.linspace(0, len(rest) - 1, most - most // 2).astype(np.int64)]])
    chosen = observations.rows(order)
    return Source(chosen.unit, encoding.embed(chosen.unit, chosen.active), targets[order])


def best_of(sources: Sequence[Source]) -> Floats:
    """Return the points ``(k, d)`` of all sources, every source's best first, then every second best, and so on."""
    longest = max(len(source.unit) for source in sources)
    return np.array([source.unit[rank] for rank in range(longest) for source in sources if rank < len(source.unit)])


def informed_model(target: Target, sources: Sequence[Source], memo: Memo) -> Model | None:
    """Return the model with the sources; None where the one without predicts the study's own points better."""
    n = len(target.y)
    if n > MAX_OWN:
        return None
    joint, slopes = joint_model(target, sources, memo)
    return joint if n < ENOUGH or _predicts_better(joint, slopes, model_of(target, memo), target) else None


def _predicts_better(joint: Model, slopes: Floats, alone: Model, target: Target) -> bool:
    """Return whether the model with the sources predicts the study's own points better than the one without."""
    own = alone.posterior.log_density_left_out() + alone.warp.log_slope(target.y)
    with_sources = joint.posterior.log_density_left_out()[-len(target.y) :] + slopes
    return float(np.sum(with_sources - own)) >= 0.0


def joint_model(target: Target, sources: Sequence[Source], memo: Memo) -> tuple[Model, Floats]:
    """Return the study's model given its own points and those of the sources; inputs are the study's ``(q, p)``.

    The second result is the logarithm of the slope ``(n,)`` of the transformation of its own values.
    """
    tasks = len(sources) + 1
    marks = np.eye(tasks) * ONE_HOT
    Z = np.concatenate(
        [
            *(np.column_stack([s.Z, np.tile(marks[task], (len(s.Z), 1))]) for task, s in enumerate(sources)),
            np.column_stack([target.Z, np.tile(marks[-1], (len(target.Z), 1))]),
        ]
    )
    known = np.concatenate([source.y for source in sources])
    own, slopes = aligned(target, sources, memo)
    joint = replace(
        target,
        Z=Z,
        columns=target.columns.with_categorical(tasks),
        y=np.concatenate([known, own]),
        noise_factor=np.concatenate([np.ones(len(known)), target.noise_factor]),
        noise_std=np.concatenate([np.full(len(known), DISTRUST), target.noise_std]),
        run_variance=float("nan"),
        warped=False,
    )
    model = refitted(joint, memo)
    return Model(model.warp, OnTask(model.posterior, marks[-1])), slopes + model.warp.log_slope(own)


def aligned(target: Target, sources: Sequence[Source], memo: Memo) -> tuple[Floats, Floats]:
    """Return the study's values ``(n,)`` on the scale of its sources, and the log slopes ``(n,)`` of the change.

    A few points, chosen where the sources are good, do not determine the study's mean and spread over the space.
    So they get the mean and spread of the sources' models at the same points.
    """
    n = len(target.y)
    if n == 0:
        return np.zeros(0), np.zeros(0)
    expected = np.mean([_alone(target, source, memo).posterior.mean(target.Z) for source in sources], axis=0)
    spread = float(np.clip(np.std(expected), NARROWEST, WIDEST)) if n > 1 else 0.0
    warp = warps(target.y)[-1]
    return np.mean(expected) + spread * warp(target.y), np.log(max(spread, 1e-300)) + warp.log_slope(target.y)


def _alone(target: Target, source: Source, memo: Memo) -> Model:
    alone = replace(
        target,
        Z=source.Z,
        y=source.y,
        noise_factor=np.ones(len(source.y)),
        noise_std=np.full(len(source.y), DISTRUST),
        run_variance=float("nan"),
        warped=False,
    )
    return model_of(alone, memo)


class OnTask(Posterior):
    """A posterior over all tasks, restricted to one of them: inputs lack the columns of the task."""

    def __init__(self, everything: Posterior, task: Floats) -> None:
        self._everything = everything
        self._task = task
        self.hyper = everything.hyper

    def _with_task(self, Z: Floats) -> Floats:
        return np.column_stack([Z, np.broadcast_to(self._task, (len(Z), len(self._task)))])

    def mean(self, Z: Floats) -> Floats:
        return self._everything.mean(self._with_task(Z))

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        return self._everything.predict(self._with_task(Z))

    def predict_with_gradient(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        mean, variance, d_mean, d_variance = self._everything.predict_with_gradient(self._with_task(Z))
        p = Z.shape[1]
        return mean, variance, d_mean[:, :p], d_variance[:, :p]

    def log_density_left_out(self) -> Floats:
        return self._everything.log_density_left_out()

    def fantasize(self, Z: Floats) -> Posterior:
        return OnTask(self._everything.fantasize(self._with_task(Z)), self._task)
