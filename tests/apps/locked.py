"""An application whose task function uses what cannot be pickled."""

from __future__ import annotations

import threading
from typing import Any

import hydra

LOCK = threading.Lock()


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Hold the lock for a moment."""
    with LOCK:
        return float(cfg.x)


if __name__ == "__main__":
    main()
