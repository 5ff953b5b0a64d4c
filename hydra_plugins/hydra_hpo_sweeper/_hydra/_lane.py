"""The number of a job's lane, for jobs and their configurations."""

import os
from typing import Any

import omegaconf
from omegaconf import OmegaConf

LANE = "HPO_LANE"
"""Environment variable of a job: 0 for the first lane, up to ``n_jobs - 1``."""


def lane() -> int:
    """Return the lane of this process's job; 0 outside of sweeps."""
    return int(os.environ.get(LANE, "0"))


def register_resolver() -> None:
    """Register the resolver ``${hpo.lane:}``. Hydra passes its resolvers to launchers' processes."""
    # The newer name is the older one's replacement from OmegaConf 2.4 on; before, it meant something else.
    newer = not omegaconf.__version__.startswith(("2.1", "2.2", "2.3"))
    register: Any = OmegaConf.register_resolver if newer else OmegaConf.register_new_resolver
    register("hpo.lane", lane, replace=True)
