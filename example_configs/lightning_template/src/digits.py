"""Data and model of the project."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitsDataModule(L.LightningDataModule):
    """Digits of 8 x 8 pixels."""

    def __init__(self, batch_size: int = 64, train_val_split: tuple[int, int] = (1300, 497), num_workers: int = 0):
        super().__init__()
        self.save_hyperparameters(logger=False)

    def setup(self, stage: str | None = None) -> None:
        images, labels = load_digits(return_X_y=True)
        dataset = TensorDataset(torch.as_tensor(images).float() / 16, torch.as_tensor(labels))
        generator = torch.Generator().manual_seed(42)
        self.data_train, self.data_val = random_split(dataset, self.hparams["train_val_split"], generator=generator)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.data_train, batch_size=self.hparams["batch_size"], shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.data_val, batch_size=512)


class SimpleDenseNet(nn.Module):
    """Three dense layers."""

    def __init__(self, lin1_size: int = 64, lin2_size: int = 64):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(64, lin1_size), nn.ReLU(), nn.Linear(lin1_size, lin2_size), nn.ReLU(), nn.Linear(lin2_size, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class DigitsLitModule(L.LightningModule):
    """Classifier that keeps the best validation accuracy."""

    def __init__(self, net: nn.Module, optimizer: Any, compile: bool = False) -> None:
        super().__init__()
        # Hydra 1.4's partials cannot be pickled, and Lightning drops such hyperparameters: the module keeps its own.
        self.save_hyperparameters(logger=False, ignore=["net", "optimizer"])
        self.net = net
        self.optimizer = optimizer
        self.best = 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        accuracy = (self.net(batch[0]).argmax(1) == batch[1]).float().mean()
        self.log("val/acc", accuracy)
        self.best = max(self.best, accuracy.item())
        self.log("val/acc_best", self.best)

    def configure_optimizers(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer(params=self.parameters())}
