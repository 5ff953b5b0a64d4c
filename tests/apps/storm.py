"""An application whose jobs end badly: of ten points one kills its process, one raises, one hangs."""

from __future__ import annotations

import os
import threading
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Return a value that only this trial can have."""
    number = HydraConfig.get().job.num
    kind = number % 10
    if kind == 3:
        os._exit(9)
    if kind == 5:
        raise RuntimeError(f"point {number}")
    if kind == 7:
        threading.Event().wait()
    return float(cfg.x) + 10_000.0 * number


if __name__ == "__main__":
    main()
