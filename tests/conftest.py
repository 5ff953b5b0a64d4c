"""What all tests share: nothing may depend on how fast the machine is."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any-machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # The same examples at every run of CI, so that it speaks of the change and not of luck.
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("any-machine")
