"""An application that trains for many short epochs, saves checkpoints, and says which process did what."""

from __future__ import annotations

import os
from pathlib import Path

import hydra
from omegaconf import DictConfig

from sweeper_core import current_trial


@hydra.main(version_base="1.3", config_path=None)
def main(config: DictConfig) -> float:
    """Return what all epochs add up to; each is a line of the file ``epochs`` of ``config.notes``."""
    trial = current_trial()
    start, total = 0, 0.0
    if trial.checkpoint:
        text = (trial.checkpoint / "total").read_text()
        assert (trial.checkpoint / "end").read_text() == text, "half a checkpoint was loaded"
        total, start = float(text), trial.step + 1
    for epoch in range(start, config.epochs):
        total += config.x * 1.01**-epoch
        with (Path(config.notes) / "epochs").open("a") as notes:
            notes.write(f"{trial.number} {epoch} {os.getpid()}\n")
        if trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                (folder / "total").write_text(repr(total))
                (folder / "end").write_text(repr(total))
        trial.report_or_prune(total, epoch)
    return total


if __name__ == "__main__":
    main()
