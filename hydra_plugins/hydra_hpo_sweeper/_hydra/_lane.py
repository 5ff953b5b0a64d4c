"""The number of the lane that a job runs in, as jobs and their configurations read it."""

import os

from omegaconf import OmegaConf

LANE = "HPO_LANE"
"""Environment variable of a job: 0 for the first lane, up to ``n_jobs - 1``."""


def lane() -> int:
    """Return the lane of this process's job; 0 outside of sweeps."""
    return int(os.environ.get(LANE, "0"))


def register_resolver() -> None:
    """Let configurations say ``${hpo.lane:}``. Hydra hands its resolvers on to launchers' processes."""
    OmegaConf.register_new_resolver("hpo.lane", lane, replace=True)
