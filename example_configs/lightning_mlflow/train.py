"""Train a Lightning model on the digits that ship with scikit-learn; logged to MLflow, pruned by the sweep."""

from __future__ import annotations

import logging
import warnings

import hydra
import lightning
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger
from omegaconf import DictConfig
from pipeline import Digits, DigitsModel

from sweeper_core.integrations.lightning import PruningCallback


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg: DictConfig) -> float:
    """Return the best validation loss."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    torch.set_num_threads(1)
    lightning.seed_everything(cfg.seed, verbose=False)

    checkpoint = ModelCheckpoint(dirpath=cfg.checkpoints, monitor="val/loss", mode="min")
    trainer = instantiate(
        cfg.trainer,
        logger=MLFlowLogger(experiment_name=cfg.experiment, tracking_uri=cfg.tracking_uri),
        callbacks=[checkpoint, PruningCallback(monitor="val/loss")],
    )
    network = instantiate(cfg.model)
    trainer.fit(DigitsModel(network, instantiate(cfg.optimizer)), datamodule=Digits(**cfg.data))
    assert checkpoint.best_model_score is not None
    return float(checkpoint.best_model_score)


if __name__ == "__main__":
    train()
