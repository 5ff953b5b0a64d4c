"""An application that trains for some epochs, saves checkpoints, and waits before one epoch until it may go on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig

from sweeper_core import current_trial

MAX_WAIT = 120.0


@hydra.main(version_base="1.3", config_path=None)
def main(config: DictConfig) -> float:
    """Return the loss after the last epoch; notes what it does in ``config.notes``."""
    trial, notes = current_trial(), Path(config.notes)
    start, total = 0, 0.0
    if trial.checkpoint:
        total, start = float((trial.checkpoint / "total").read_text()), trial.step + 1
    _note(notes, f"begins {trial.number} {config.x} {start} {os.environ.get('SLURM_JOB_ID')}")
    for epoch in range(start, config.get("epochs", 4)):
        if epoch == config.get("at"):
            _wait_for(notes / config.get("gate", "go"))
        total += config.x * 2.0**-epoch
        if config.x != config.get("unsaved") and trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                (folder / "total").write_text(repr(total))
        trial.report_or_prune(total, epoch)
        _note(notes, f"epoch {trial.number} {config.x} {epoch}")
    return total


def _note(notes: Path, line: str) -> None:
    with (notes / "notes").open("a") as file:
        file.write(f"{line}\n")


def _wait_for(gate: Path) -> None:
    """Wait for a file; the job's machine has nothing else to do."""
    deadline = time.monotonic() + MAX_WAIT
    while not gate.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
