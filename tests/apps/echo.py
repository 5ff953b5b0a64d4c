"""An application that returns a number and leaves its configuration in its directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Write the configuration down."""
    content = json.dumps(OmegaConf.to_container(cfg, resolve=True))
    Path(HydraConfig.get().runtime.output_dir, "cfg.json").write_text(content)
    return float(len(content))


if __name__ == "__main__":
    main()
