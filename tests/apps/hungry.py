"""A job that takes as many megabytes of memory as it is told to."""

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

ConfigStore.instance().store(name="config", node=OmegaConf.create({"mb": 1}))


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config: DictConfig) -> float:
    taken = [b"x" * (1 << 20) for _ in range(config.mb)]
    return float(len(taken))


if __name__ == "__main__":
    main()
