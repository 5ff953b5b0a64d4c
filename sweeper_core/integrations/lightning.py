"""Stop bad trials early from inside a Lightning training, and continue where it was ended, on one process or many."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sweeper_core._extras import missing_extra
from sweeper_core.exceptions import TrialPruned
from sweeper_core.study._job.current import current_trial

FILE = "training.ckpt"
"""Lightning's own checkpoint, in the trial's folder."""
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


class SavingTrial(ReportingTrial, Protocol):
    """What the callback needs of a trial for checkpoints."""

    @property
    def checkpoint(self) -> Path | None:
        """The folder of the newest complete one."""

    def should_save(self, step: int) -> bool:
        """Return whether to save after a step."""

    def save_checkpoint(self, step: int) -> AbstractContextManager[Path]:
        """Give a folder to save into."""


class PruningCallback(_callback_base()):  # type: ignore[misc]
    """Report a metric at the end of every validation, stop the training when the trial should be pruned, and save it.

    A training checkpoint is saved at the end of an epoch when the trial says so, into the trial's own folder; ``fit``
    of a trial that has one goes on from there, whatever ``ckpt_path`` says.

    The training stops as if it had converged: checkpoints are written and the process group is taken down; then
    ``fit`` raises ``TrialPruned``, upon which Lightning closes its loggers. Under a distributed strategy that
    starts processes from the script (``ddp``), rank zero reports and decides, all ranks stop
    together, and the other ranks' processes end quietly.

    Args:
        monitor: Name of the logged metric, such as ``"val/loss"``.
        trial: The trial to report to; by default the one whose job this is. Outside a sweep nothing is
            reported and nothing stops.
        checkpoints: Whether to save and to go on.
        checkpoint_dir: Where checkpoints are kept outside of a sweep; None keeps none there.

    The step of a report is the epoch; when validation runs several times an epoch, the count of validations.
    """

    def __init__(
        self,
        monitor: str,
        trial: ReportingTrial | None = None,
        *,
        checkpoints: bool = True,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._checkpoint_dir = checkpoint_dir
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
        saving = self._saving
        if saving is not None:
            newest = saving.checkpoint if trainer.is_global_zero else None
            path = trainer.strategy.broadcast(None if newest is None else str(newest / FILE), src=0)
            if path is not None:
                _resume_from(trainer, path)

    def state_dict(self) -> dict[str, Any]:
        """Return what a training goes on with: how often it was validated."""
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with what :meth:`state_dict` returned."""
        self._validations = int(state_dict.get("validations", 0))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Save a checkpoint when the trial says so."""
        saving = self._saving
        if saving is None:
            return
        step = self._step(trainer, self._validations - 1)
        if trainer.strategy.broadcast(trainer.is_global_zero and saving.should_save(step), src=0):
            _save(trainer, saving, step)

    @property
    def _reporting(self) -> ReportingTrial:
        return self._trial if self._trial is not None else current_trial(self._checkpoint_dir)

    @property
    def _saving(self) -> SavingTrial | None:
        """The trial, when it keeps checkpoints; Optuna's own do not."""
        trial: Any = self._reporting
        return trial if self._checkpoints and hasattr(trial, "save_checkpoint") else None

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
        trial = self._reporting
        step = self._step(trainer, self._validations)
        trial.report(float(metric), step)
        return f"stopped at step {step}" if trial.should_prune() else None

    def _step(self, trainer: Any, validations: int) -> int:
        once_an_epoch = trainer.val_check_batch >= trainer.num_training_batches
        return int(trainer.current_epoch) if once_an_epoch else max(validations, 0)

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


def _resume_from(trainer: Any, path: str) -> None:
    """Let ``fit`` restore a file that this callback has saved, whatever it was told to restore.

    Lightning (2.2 to 2.6) restores after the callbacks' ``setup``, and has no public way to say from which file then.
    """
    connector = trainer._checkpoint_connector
    restore = connector.resume_start

    def resume_start(checkpoint_path: Any = None, **options: Any) -> None:
        del connector.resume_start
        if "weights_only" in options:
            options["weights_only"] = False  # it is our own, and holds the states of all callbacks
        restore(path, **options)

    connector.resume_start = resume_start


def _save(trainer: Any, trial: SavingTrial, step: int) -> None:
    """Save a checkpoint of the training; all ranks take part, and write below the folder that rank zero was given."""
    if not trainer.is_global_zero:
        trainer.save_checkpoint(trainer.strategy.broadcast(None, src=0))
        return
    with trial.save_checkpoint(step) as folder:
        path = trainer.strategy.broadcast(str(folder / FILE), src=0)
        try:
            trainer.save_checkpoint(path)
        except Exception:
            trainer.strategy.barrier("Trainer.save_checkpoint")  # where the other ranks wait
            raise


def _stop(trainer: Any) -> None:
    """Ask the trainer to stop after this epoch, even where a least number of epochs was set."""
    trainer.should_stop = True
    trainer.fit_loop.min_epochs = None
    trainer.fit_loop.epoch_loop.min_steps = None
