"""Train, and return the metric that `optimized_metric` names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hydra
import lightning as L
from omegaconf import DictConfig

os.environ.setdefault("PROJECT_ROOT", str(Path(__file__).resolve().parent.parent))


def train(cfg: DictConfig) -> dict[str, Any]:
    """Instantiate everything that the config names, fit, and return the logged metrics."""
    if cfg.get("seed"):
        L.seed_everything(cfg.seed, workers=True)
    datamodule: L.LightningDataModule = hydra.utils.instantiate(cfg.data)
    model: L.LightningModule = hydra.utils.instantiate(cfg.model)
    callbacks = [hydra.utils.instantiate(callback) for callback in (cfg.get("callbacks") or {}).values()]
    loggers = [hydra.utils.instantiate(logger) for logger in (cfg.get("logger") or {}).values()]
    trainer: L.Trainer = hydra.utils.instantiate(cfg.trainer, callbacks=callbacks, logger=loggers)
    if cfg.get("train"):
        trainer.fit(model=model, datamodule=datamodule, ckpt_path=cfg.get("ckpt_path"))
    return dict(trainer.callback_metrics)


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig) -> float | None:
    """Return the metric to be optimised."""
    metrics = train(cfg)
    name = cfg.get("optimized_metric")
    if not name:
        return None
    if name not in metrics:
        raise KeyError(f"Metric value not found! <metric_name={name}>")
    return metrics[name].item()


if __name__ == "__main__":
    main()
