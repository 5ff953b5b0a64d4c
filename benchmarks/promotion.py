"""A real sweep under promotion and without: epochs trained, and the best value.

    python benchmarks/promotion.py [--seeds 3] [--trials 27] [--lanes 2]

Each job trains a small neural network (NumPy, two layers) on a regression task for 27 epochs, reports its validation
error after each, and saves a checkpoint. Three sweeps of it run on process lanes: all trials in full (``stop``),
``scheduler=auto`` with the same number of trials, and ``scheduler=auto`` with as many epochs as the first one took.
``epochs`` counts what the jobs have really trained, and ``best`` is the best validation error of a trial in full; both
are means over seeds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import hydra
import numpy as np
from omegaconf import DictConfig

import sweeper_core
from sweeper_core import current_trial

EPOCHS = 27
CONFIG = "lr: 0.01\nmomentum: 0.5\nhidden: 16\nscale: 1.0\ndecay: 1.0e-4\nbatch: 32\nepochs: 27\n"
SPACE = (
    "lr=interval(1e-4,1.0,log=true)",
    "momentum=interval(0.0,0.99)",
    "hidden=int(interval(4,64,log=true))",
    "scale=interval(0.05,3.0,log=true)",
    "decay=interval(1e-6,1e-1,log=true)",
    "batch=choice(16,32,64,128)",
)
ARMS = {
    "stop": ["hydra/sweeper/scheduler=stop"],
    "auto, as many trials": ["hydra/sweeper/scheduler=auto"],
    "auto, as many epochs": ["hydra/sweeper/scheduler=auto"],
}


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return 1,200 points ``(n, 8)`` and their noisy targets ``(n,)``."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1200, 8))
    y = np.sin(2.0 * x[:, 0]) + x[:, 1] * x[:, 2] + np.abs(x[:, 3]) + 0.1 * rng.normal(size=len(x))
    return x, y - y.mean()


class Network:
    """Two layers with tanh between them, trained by gradient descent with momentum."""

    def __init__(self, cfg: DictConfig) -> None:
        rng = np.random.default_rng(1)
        self.weights = [
            cfg.scale * rng.normal(size=(8, cfg.hidden)) / np.sqrt(8),
            np.zeros(cfg.hidden),
            cfg.scale * rng.normal(size=cfg.hidden) / np.sqrt(cfg.hidden),
        ]
        self.velocity = [np.zeros_like(weight) for weight in self.weights]

    def epoch(self, x: np.ndarray, y: np.ndarray, cfg: DictConfig, number: int) -> None:
        """Train on all points once."""
        order = np.random.default_rng(number).permutation(len(x))
        for start in range(0, len(x), cfg.batch):
            rows = order[start : start + cfg.batch]
            for weight, velocity, slope in zip(
                self.weights, self.velocity, self._slopes(x[rows], y[rows]), strict=True
            ):
                velocity *= cfg.momentum
                velocity -= cfg.lr * (slope + cfg.decay * weight)
                weight += velocity

    def _slopes(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        first, bias, second = self.weights
        hidden = np.tanh(x @ first + bias)
        error = (hidden @ second - y) / len(x)
        back = np.outer(error, second) * (1.0 - hidden**2)
        return [x.T @ back, back.sum(axis=0), hidden.T @ error]

    def error(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the root mean squared error."""
        first, bias, second = self.weights
        found = float(np.sqrt(np.mean((np.tanh(x @ first + bias) @ second - y) ** 2)))
        return min(found, 1e6) if np.isfinite(found) else 1e6


@hydra.main(version_base=None, config_path=None)
def train(cfg: DictConfig) -> float:
    """Train one configuration."""
    trial, network = current_trial(), Network(cfg)
    x, y = data()
    if trial.checkpoint:
        kept = np.load(trial.checkpoint / "state.npz")
        network.weights = [kept[f"w{place}"] for place in range(3)]
        network.velocity = [kept[f"v{place}"] for place in range(3)]
    error = np.inf
    for epoch in range(trial.first_step, cfg.epochs):
        with np.errstate(all="ignore"):
            network.epoch(x[:800], y[:800], cfg, epoch)
            error = network.error(x[800:], y[800:])
        with (Path(cfg.log)).open("a") as log:
            log.write(".")
        with trial.save_checkpoint(epoch) as folder:
            state = {f"w{place}": weight for place, weight in enumerate(network.weights)}
            state |= {f"v{place}": velocity for place, velocity in enumerate(network.velocity)}
            np.savez(folder / "state.npz", **state)
        trial.report_or_prune(error, epoch)
    return error


def sweep(folder: Path, more: list[str], seed: int, lanes: int) -> tuple[int, float]:
    """Run a sweep; return the number of epochs trained, and the best value."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"{CONFIG}log: {folder / 'epochs'}\n")
    command = [
        *(sys.executable, __file__, "--multirun", "--config-dir", str(folder), "--config-name", "config"),
        *("hydra/sweeper=hpo", f"hydra.sweeper.sampler.seed={seed}", "hydra.sweeper.progress=off"),
        *("hydra.sweeper.start=none", f"hydra.sweeper.n_jobs={lanes}", "hydra.sweeper.lanes=process"),
        *(f"hydra.sweep.dir={folder / 'sweep'}", *SPACE, *more),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    sweeper_core.logging.set_verbosity(sweeper_core.logging.WARNING)
    study = sweeper_core.load_study(study_name=None, storage=f"sqlite:///{folder / 'sweep' / 'study.db'}")
    return len((folder / "epochs").read_text()), float(study.best_value)


def main() -> None:
    """Run all sweeps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--lanes", type=int, default=2)
    options = parser.parse_args()
    print(f"{'sweep':<24}{'epochs':>8}{'best':>10}{'  each'}")
    for name, more in ARMS.items():
        by_epochs = name.endswith("epochs")
        budget = {"n_trials": 1000, "max_steps": options.trials * EPOCHS} if by_epochs else {"n_trials": options.trials}
        limits = [f"hydra.sweeper.{key}={value}" for key, value in budget.items()]
        with tempfile.TemporaryDirectory() as folder:
            found = [
                sweep(Path(folder) / str(seed), [*more, *limits], seed, options.lanes) for seed in range(options.seeds)
            ]
        epochs, best = (float(np.mean(column)) for column in zip(*found, strict=True))
        each = " ".join(f"{value:.4f}" for _, value in found)
        print(f"{name:<24}{epochs:>8.0f}{best:>10.4f}  {each}", flush=True)


if __name__ == "__main__":
    train() if "--multirun" in sys.argv else main()
