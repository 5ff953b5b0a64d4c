"""Data, networks and the Lightning module of the example."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Digits(lightning.LightningDataModule):
    """1,797 images of 8 x 8 pixels, a quarter of them for validation."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        images, labels = load_digits(return_X_y=True)
        parts = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
        train_x, val_x, train_y, val_y = (torch.as_tensor(part) for part in parts)
        self.train_set = TensorDataset(train_x.float() / 16, train_y)
        self.val_set = TensorDataset(val_x.float() / 16, val_y)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.val_set, batch_size=512)


def mlp(hidden: int, dropout: float) -> nn.Module:
    """Return a perceptron with one hidden layer."""
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))


def cnn(channels: int) -> nn.Module:
    """Return a small convolutional network."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(channels * 16, 10),
    )


class DigitsModel(lightning.LightningModule):
    """A classifier around any network."""

    def __init__(self, network: nn.Module, optimizer: OptimizerFactory) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = cross_entropy(self.network(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        scores = self.network(batch[0])
        self.log("val/loss", cross_entropy(scores, batch[1]), prog_bar=True)
        self.log("val/accuracy", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.parameters())
