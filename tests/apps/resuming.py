"""An application that trains for some epochs, saves checkpoints, and is killed by itself once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from sweeper_core import current_trial


@hydra.main(version_base="1.3", config_path=None)
def main(config: DictConfig) -> float:
    """Return the loss after the last epoch; notes every epoch in the file ``epochs`` of ``config.notes``."""
    trial = current_trial()
    start, total = 0, 0.0
    if trial.checkpoint:
        total = float((trial.checkpoint / "total").read_text())
        start = trial.step + 1
    for epoch in range(start, config.get("epochs", 6)):
        total += config.x * 2.0**-epoch
        with (Path(config.notes) / "epochs").open("a") as notes:
            print(config.x, config.get("seed", 0), epoch, file=notes)
        if trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                (folder / "total").write_text(repr(total))
        trial.report_or_prune(total, epoch)
        _die_once(config, epoch)
    return total


def _die_once(config: DictConfig, epoch: int) -> None:
    """Send this process the signal ``config.signal`` after epoch ``config.at``, the first time in a sweep."""
    mark = Path(config.notes) / f"died-{config.x}-{config.get('seed', 0)}"
    if epoch == config.get("at") and not mark.exists():
        mark.touch()
        sys.stdout.flush()
        os.kill(os.getpid(), signal.Signals[config.get("signal", "SIGKILL")])


if __name__ == "__main__":
    main()
