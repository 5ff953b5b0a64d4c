"""The first plots of a study that lives in a database server; Optuna draws the same from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import optuna
import pytest

pytest.importorskip("plotly")
pytestmark = pytest.mark.server

import sweeper_core as hpo
from sweeper_core.importance import PedAnovaImportanceEvaluator
from sweeper_core.testing.servers import MariaDB, PostgreSQL, Server, ServerMissing
from sweeper_core.visualization import plot_optimization_history, plot_param_importances, plot_slice


@pytest.fixture(params=[PostgreSQL, MariaDB], ids=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    kind: type[Server] = request.param
    try:
        server = kind()
    except ServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with server:
        yield server.new_database()


def objective(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return float(x**2 + np.log10(rate) ** 2 + (kind == "a"))


def test_the_first_plots_agree_with_optunas(url: str) -> None:
    hpo.create_study(storage=url, study_name="drawn").optimize(objective, n_trials=60)
    ours = hpo.load_study(study_name="drawn", storage=url)
    driven = url.replace("mysql://", "mysql+pymysql://").replace("postgresql://", "postgresql+psycopg://")
    theirs = optuna.load_study(study_name="drawn", storage=driven)

    history, other = plot_optimization_history(ours), optuna.visualization.plot_optimization_history(theirs)
    assert history.data[0].y == pytest.approx(other.data[0].y)
    assert history.data[1].y == pytest.approx(other.data[1].y)

    slices, other = (
        plot_slice(ours, params=["rate", "x"]),
        optuna.visualization.plot_slice(theirs, params=["rate", "x"]),
    )
    by_name = {axis.title.text: trace for axis, trace in zip(_x_axes(other), other.data, strict=True)}
    trials = [trace for trace in slices.data if trace.marker.coloraxis]  # the others are the model's
    for axis, trace in zip(_x_axes(slices), trials, strict=True):
        twin = by_name[axis.title.text]
        assert axis.type == ("log" if axis.title.text == "rate" else None)
        np.testing.assert_allclose([trace.x, trace.y], [twin.x, twin.y])

    bars, other = (
        plot_param_importances(ours, PedAnovaImportanceEvaluator()),
        optuna.visualization.plot_param_importances(theirs),
    )
    expected = dict(zip(other.data[0].y, other.data[0].x, strict=True))
    assert dict(zip(bars.data[0].y, bars.data[0].x, strict=True)) == pytest.approx(expected, abs=0.02)


def _x_axes(figure: Any) -> list[Any]:
    return [figure.layout[name] for name in sorted(figure.to_dict()["layout"]) if name.startswith("xaxis")]
