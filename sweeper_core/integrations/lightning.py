"""Stop bad trials early from inside a Lightning training, on one process or many."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any, Protocol

from sweeper_core._extras import missing_extra
from sweeper_core.exceptions import TrialPruned
from sweeper_core.study._job.current import current_trial

NAMESPACES = ("lightning.pytorch", "pytorch_lightning")


class ReportingTrial(Protocol):
    """What the callback needs of a trial."""

    def report(self, value: float, step: int) -> None:
        """Store an intermediate value."""

    def should_prune(self) -> bool:
        """Return whether to stop."""


def _callback_base() -> type[Any]:
    """Return the ``Callback`` class of the namespace that the program uses already, else of one installed.

    The two namespaces hold separate copies of Lightning; a trainer accepts either's callbacks.
    """
    loaded = [name for name in NAMESPACES if name in sys.modules]
    for name in (*loaded, *NAMESPACES):
        try:
            base: type[Any] = importlib.import_module(name).Callback
        except ModuleNotFoundError:
            continue
        return base
    otherwise = "install the package lightning or pytorch_lightning by itself"
    raise missing_extra("PruningCallback needs Lightning", "lightning", otherwise)


class PruningCallback(_callback_base()):  # type: ignore[misc]
    """Report a metric at the end of every validation and stop the training when the trial should be pruned.

    The training stops as if it had converged: checkpoints are written and the process group is taken down; then
    ``fit`` raises ``TrialPruned``, upon which Lightning closes its loggers. Under a distributed strategy that
    starts processes from the script (``ddp``), rank zero reports and decides, all ranks stop
    together, and the other ranks' processes end quietly.

    Args:
        monitor: Name of the logged metric, such as ``"val/loss"``.
        trial: The trial to report to; by default the one whose job this is. Outside a sweep nothing is
            reported and nothing stops.

    The step of a report is the epoch; when validation runs several times an epoch, the count of validations.
    """

    def __init__(self, monitor: str, trial: ReportingTrial | None = None) -> None:
        super().__init__()
        self.monitor = monitor
        self._trial = trial
        self._validations = 0
        self._pruned: str | None = None
        self._warned = False

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Begin anew with every fit; refuse strategies whose processes cannot hand the verdict back."""
        if stage != "fit":
            return
        if type(trainer.strategy.launcher).__name__ in ("_MultiProcessingLauncher", "_XLALauncher"):
            raise ValueError(
                "PruningCallback works with strategies that start their processes from the script, such as 'ddp'; "
                f"{type(trainer.strategy).__name__} forks or spawns them, and a verdict cannot leave those."
            )
        self._validations = 0
        self._pruned = None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Report the metric; let all ranks stop when the verdict says so."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        verdict = None
        if trainer.is_global_zero:
            verdict = self._judge(trainer)
        self._validations += 1
        verdict = trainer.strategy.broadcast(verdict, src=0)
        if verdict is not None:
            self._pruned = verdict
            _stop(trainer)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Leave the training with the prune, now that everything else is done."""
        if self._pruned is None:
            return
        if trainer.is_global_zero:
            raise TrialPruned(self._pruned)
        raise SystemExit(0)

    def _judge(self, trainer: Any) -> str | None:
        metric = trainer.callback_metrics.get(self.monitor)
        if metric is None:
            self._warn_missing(trainer)
            return None
        trial = self._trial if self._trial is not None else current_trial()
        step = self._step(trainer)
        trial.report(float(metric), step)
        return f"stopped at step {step}" if trial.should_prune() else None

    def _step(self, trainer: Any) -> int:
        once_an_epoch = trainer.val_check_batch >= trainer.num_training_batches
        return int(trainer.current_epoch) if once_an_epoch else self._validations

    def _warn_missing(self, trainer: Any) -> None:
        if self._warned:
            return
        self._warned = True
        logged = ", ".join(sorted(map(str, trainer.callback_metrics))) or "none"
        warnings.warn(
            f"PruningCallback found no metric {self.monitor!r} after validation, so this trial cannot be stopped "
            f"early. Metrics logged: {logged}.",
            stacklevel=2,
        )


def _stop(trainer: Any) -> None:
    """Ask the trainer to stop after this epoch, even where a least number of epochs was set."""
    trainer.should_stop = True
    trainer.fit_loop.min_epochs = None
    trainer.fit_loop.epoch_loop.min_steps = None
