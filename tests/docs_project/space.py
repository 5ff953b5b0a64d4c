"""The function that the pages name as ``custom_search_space``."""

from __future__ import annotations

from typing import Any


def configure(cfg: Any, trial: Any) -> None:
    """Suggest what cannot be declared."""
    x = trial.params["x"]
    trial.suggest_float("lr", x - cfg.reach, x + cfg.reach)
