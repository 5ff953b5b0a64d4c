"""A sweep in MLflow: the mirror of its study, and what its jobs need to log into their trials' runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, Settings
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import fixed_values
from sweeper_core._extras import missing_extra
from sweeper_core.storages.url import StorageURL
from sweeper_core.trial.attrs import JOB_DIRECTORY
from sweeper_core.trial.record import TrialRecord

if TYPE_CHECKING:
    from sweeper_core.integrations.mlflow import MirrorOptions, MlflowMirror

ARTIFACTS = ("optimization_results.yaml", "trials.csv", "best_overrides.txt", "best_overrides.yaml")


@contextmanager
def mirrored(settings: Settings, plan: Plan, opened: Opened, directory: Path) -> Iterator[MlflowMirror | None]:
    """Mirror the study while the sweep runs; the results files become artifacts when it ends.

    Raises:
        ConfigError: MLflow is not installed.
    """
    if settings.mlflow is None:
        yield None
        return
    if importlib.util.find_spec("mlflow") is None:
        raise ConfigError(str(missing_extra("hydra.sweeper.mlflow needs MLflow", "mlflow", "leave the key out")))
    from sweeper_core.integrations.mlflow import MlflowMirror

    mirror = MlflowMirror(opened.session.storage, opened.session.study, _options(settings, plan, directory))
    mirror.start()
    ended = False
    try:
        yield mirror
        ended = True
    finally:
        mirror.close([directory / name for name in ARTIFACTS], finished=ended)


def _options(settings: Settings, plan: Plan, directory: Path) -> MirrorOptions:
    from sweeper_core.integrations.mlflow import MirrorOptions

    assert settings.mlflow is not None
    uri = settings.mlflow.tracking_uri
    several = len(settings.directions) > 1
    default = tuple(f"value_{index}" for index in range(len(settings.directions))) if several else ("value",)
    return MirrorOptions(
        tracking_uri=str(StorageURL(uri).anchored) if uri is not None and uri.startswith("sqlite:") else uri,
        experiment=settings.mlflow.experiment or "hpo",
        nested=settings.mlflow.nested,
        metric_names=tuple(settings.metric) if settings.metric is not None else default,
        job_dir=_job_directory,
        tags={"hpo.sweep_dir": str(directory.absolute())},
        not_metrics=frozenset(fixed_values(plan)),
    )


def _job_directory(record: TrialRecord) -> str | None:
    found = record.system_attrs.get(JOB_DIRECTORY)
    return None if found is None else str(found)
