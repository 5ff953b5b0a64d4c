"""The application that the pages' commands are run with: takes whatever it is given, returns a number."""

from __future__ import annotations

from typing import Any

import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg: Any) -> float:
    """Return a number that depends on the learning rate."""
    return float(cfg.optimizer.lr)


if __name__ == "__main__":
    train()
