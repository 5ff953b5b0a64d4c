"""Hydra's own integration tests of launching, run through this sweeper in each kind of lane."""

from __future__ import annotations

import pytest
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite

pytestmark = pytest.mark.launcher

# The tasks return nothing, which fails their trials; what is tested is what they leave on disk.
FLAGS = [
    "-m",
    "hydra/sweeper=hpo",
    "hydra/sweeper/sampler=random",
    "hydra.sweeper.n_trials=1",
    "hydra.sweeper.max_failure_rate=1",
]


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        pytest.param({}, FLAGS, id="inline"),
        pytest.param({}, [*FLAGS, "hydra.sweeper.lanes=process"], id="process"),
        pytest.param({"defaults": [{"override hydra/launcher": "joblib"}]}, FLAGS, id="joblib"),
        pytest.param({"defaults": [{"override hydra/launcher": "submitit_local"}]}, FLAGS, id="submitit"),
    ],
)
class TestIntegration(IntegrationTestSuite):
    """All of Hydra's tests, inherited."""

    # It sweeps twice into one directory and expects job 0 both times; here the second run goes on with job 1.
    test_to_absolute_path_multirun = None  # type: ignore[assignment]
