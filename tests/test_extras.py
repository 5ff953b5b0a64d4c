"""What is said where a package of an extra is not installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep

import sweeper_core
from sweeper_core.importance import FanovaImportanceEvaluator
from sweeper_core.study import Study


def studied() -> Study:
    """Return a study of which plots and importances can be made."""
    study = sweeper_core.create_study(sampler=sweeper_core.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=4)
    return study


def plotly(_: Path) -> Any:
    return sweeper_core.visualization.plot_slice(studied())


def matplotlib(_: Path) -> Any:
    from sweeper_core.visualization.matplotlib import plot_slice

    return plot_slice(studied())


def importance(_: Path) -> Any:
    return sweeper_core.importance.get_param_importances(studied(), evaluator=FanovaImportanceEvaluator(seed=0))


def pandas(_: Path) -> Any:
    return studied().trials_dataframe()


def parquet(folder: Path) -> Any:
    from sweeper_core.transfer import export_parquet

    study = studied()
    return export_parquet(study._storage, None, folder / "study.parquet")  # type: ignore[arg-type]


def lightning(_: Path) -> Any:
    return importlib.import_module("sweeper_core.integrations.lightning")


def postgresql(_: Path) -> Any:
    return sweeper_core.storages.RDBStorage("postgresql+psycopg://someone@localhost/hpo")


def mysql(_: Path) -> Any:
    return sweeper_core.storages.RDBStorage("mysql+pymysql://someone@localhost/hpo")


@pytest.mark.parametrize(
    ("use", "hidden", "extra"),
    [
        (plotly, ["plotly"], "plot"),
        (matplotlib, ["matplotlib"], "plot"),
        (importance, ["sklearn", "sklearn.ensemble"], "importance"),
        (pandas, ["pandas"], "pandas"),
        (parquet, ["pyarrow"], "parquet"),
        (lightning, ["lightning.pytorch", "pytorch_lightning", "lightning"], "lightning"),
        (postgresql, ["psycopg"], "postgresql"),
        (mysql, ["pymysql"], "mysql"),
    ],
)
def test_a_missing_package_is_answered_with_the_line_that_installs_it(
    use: Callable[[Path], Any], hidden: list[str], extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "sweeper_core.integrations.lightning", raising=False)
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"pip install 'hydra-hpo-sweeper\[{extra}\]'"):
        use(tmp_path)


def test_so_is_the_mirror_of_a_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "mlflow" else find(name, *rest)
    )
    with pytest.raises(CompactHydraException, match=r"pip install 'hydra-hpo-sweeper\[mlflow\]', or leave the key out"):
        sweep(lambda cfg: 0.0, tmp_path / "sweep", ["x=interval(0,1)", "+hydra.sweeper.mlflow={}"])
