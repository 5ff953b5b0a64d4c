"""Tasks whose learning curves are known: LCBench's surrogates, TaskSet's tables, and Hartmann's functions.

A task has a ``name``, a ``space`` of distributions as ``(class, arguments)``, a number of ``steps``, and ``curve``, the
values after each step at a point, to be minimised; NaN where training diverged. ``snap`` is None, or moves a suggestion
to a point that is known.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from priors import HARTMANN, HARTMANN_STEPS, hartmann_values, steps_left
from pruning import TASKS, Lcbench

from sweeper_core import create_study, distributions, logging, samplers

Point = dict[str, Any]
RANDOM_POINTS = 100


class Surrogate:
    """An LCBench task; its curves are known at every point."""

    snap = None

    def __init__(self, folder: Path, task: str) -> None:
        self._source = Lcbench(folder, task)
        self.name, self.space, self.steps = f"lcbench {task}", self._source.space, self._source.epochs

    def curve(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the error after each step."""
        return 100.0 - self._source.curve(dict(params))


class Hartmann:
    """One of Hartmann's functions, with bias and noise that vanish at the last of 100 steps.

    As MFHartmann in mf-prior-bench 1.10 by default: bias 0.5, noise 0.1. The noise depends on point and step alone.
    """

    snap = None
    steps = HARTMANN_STEPS
    NOISE = 0.1

    def __init__(self, name: str) -> None:
        self.name = name
        dimensions = HARTMANN[name][1].shape[1]
        self.space = {f"X_{place}": ("FloatDistribution", {"low": 0.0, "high": 1.0}) for place in range(dimensions)}

    def curve(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the value after each step."""
        x = np.array([params[name] for name in self.space])
        steps = np.arange(1, self.steps + 1)
        noise = np.random.default_rng(zlib.crc32(x.tobytes())).normal(size=self.steps)
        return hartmann_values(self.name, x, steps) + self.NOISE * steps_left(steps) * noise


class Rows:
    """A table of curves; suggestions move to the nearest row that has not been tried."""

    def __init__(self, file: Path) -> None:
        data = np.load(file)
        self.name = f"taskset {file.stem}"
        self._points, self._curves = data["hp"], data["valid"][:, 1:]  # the first is before any training
        self._names = [str(name) for name in data["names"]]
        self._scaled = self._scale(self._points)
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        self.space = {
            name: ("FloatDistribution", {"low": float(a), "high": float(b), "log": True})
            for name, a, b in zip(self._names, low, high, strict=True)
        }
        self.steps = self._curves.shape[1]
        self._rows = {self._key(point): row for row, point in enumerate(self._points)}
        self._free = np.ones(len(self._points), bool)

    def _scale(self, points: np.ndarray) -> np.ndarray:
        logs = np.log(self._points)
        return (np.log(points) - logs.min(axis=0)) / np.ptp(logs, axis=0)

    def _key(self, point: np.ndarray) -> tuple[float, ...]:
        return tuple(point.tolist())

    def snap(self, params: Mapping[str, Any]) -> Point:
        """Return the nearest row that has not been tried, and count it as tried."""
        point = self._scale(np.array([[params[name] for name in self._names]]))
        distance = np.where(self._free, np.sum((self._scaled - point) ** 2, axis=1), np.inf)
        row = int(np.argmin(distance))
        self._free[row] = False
        return dict(zip(self._names, self._points[row].tolist(), strict=True))

    def curve(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the validation loss after each step."""
        return np.asarray(self._curves[self._rows[tuple(params[name] for name in self._names)]], float)


def space_of(library: Any, task: Any) -> dict[str, Any]:
    """Return the task's distributions in a library's classes."""
    return {name: getattr(library, kind)(**args) for name, (kind, args) in task.space.items()}


def goal_of(task: Any, seed: int) -> float:
    """Return the best final value of random points."""
    logging.set_verbosity(logging.ERROR)
    study = create_study(sampler=samplers.RandomSampler(seed=10_000 + seed))
    drawn = [study.ask(space_of(distributions, task)).params for _ in range(RANDOM_POINTS)]
    if task.snap is not None:
        drawn = [task.snap(point) for point in drawn]
    return float(np.nanmin([task.curve(point)[-1] for point in drawn]))


def makers(options: argparse.Namespace) -> Iterator[Callable[[], Any]]:
    """Yield makers of the tasks: a task remembers what has been tried."""
    for file in sorted(options.taskset.glob("*.npz")) if options.taskset else ():
        yield lambda file=file: Rows(file)
    names = options.lcbench_tasks or TASKS[: options.tasks]
    for name in names if options.lcbench else ():
        yield lambda name=name: Surrogate(options.lcbench, name)
    for name in HARTMANN if options.hartmann else ():
        yield lambda name=name: Hartmann(name)
