"""An application in a package, to be run with ``python -m pkg.train`` or from a console script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig


class Model:
    """A class that the task function looks up when it runs."""


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Say which module this is."""
    import pkg.train

    seen = {"module": __name__, "same": pkg.train.Model is Model, "job": HydraConfig.get().job.name}
    Path(HydraConfig.get().runtime.output_dir, "sees.json").write_text(json.dumps(seen))
    return float(cfg.x)


if __name__ == "__main__":
    main()
