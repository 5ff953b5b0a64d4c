"""A Lightning training on two CPU processes, with a loss that the configuration decides."""

from __future__ import annotations

import importlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

NAMESPACE = os.environ.get("LIGHTNING_NAMESPACE", "lightning.pytorch")
pl: Any = importlib.import_module(NAMESPACE)
loggers: Any = importlib.import_module(f"{NAMESPACE}.loggers")

from sweeper_core.integrations.lightning import PruningCallback


class Falling(pl.LightningModule):
    """Its validation loss is the level, falling a little with every epoch."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.layer(batch[0]).pow(2).mean()

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val/loss", self.level + 1.0 / (self.current_epoch + 1), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Witness(pl.Callback):
    """Notes which rank trained for how many epochs, and kills rank zero once after one of them."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        path = Path(os.environ["WITNESS"]) / f"{pl_module.level}-{trainer.global_rank}.json"
        path.write_text(json.dumps({"epochs": trainer.current_epoch + 1, "world": trainer.world_size}))
        with path.with_suffix(".epochs").open("a") as epochs:
            print(trainer.current_epoch, file=epochs)
        mark = path.with_suffix(".killed")
        if trainer.current_epoch == self.kill_at and trainer.global_rank == 0 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@hydra.main(version_base="1.3", config_path=None)
def train(cfg: DictConfig) -> float:
    torch.set_num_threads(1)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(8, 1)), batch_size=2)
    directory = HydraConfig.get().runtime.output_dir
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=cfg.devices,
        strategy=cfg.strategy,
        max_epochs=6,
        min_epochs=4,
        default_root_dir=directory,
        logger=loggers.CSVLogger(os.environ["WITNESS"], name=f"csv-{cfg.level}"),
        callbacks=[PruningCallback(monitor=cfg.monitor), Witness(cfg.get("kill_at", -1))],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(Falling(cfg.level), data, data)
    return float(trainer.callback_metrics["val/loss"])


if __name__ == "__main__":
    train()
