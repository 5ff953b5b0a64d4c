"""Every plot over every study, in both drawing libraries; and what the plots say, against the studies themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("plotly")
pytest.importorskip("matplotlib").use("Agg")

from matplotlib import pyplot
from studies_to_draw import studies, ten_thousand

from sweeper_core import create_study, visualization
from sweeper_core.importance import FanovaImportanceEvaluator
from sweeper_core.study import Study
from sweeper_core.terminator import BestValueStagnationEvaluator
from sweeper_core.trial import create_trial
from sweeper_core.visualization import matplotlib as drawn
from sweeper_core.visualization import prepared

STUDIES = studies()
BACK_ENDS = {"plotly": visualization, "matplotlib": drawn}


def arguments(plot: str, study: Study) -> dict[str, Any]:
    """Return the arguments that a plot needs for a study with one or several objectives."""
    if plot == "plot_hypervolume_history":
        return {"reference_point": [60.0, -60.0, 120.0][: len(study.directions)]}
    if plot == "plot_terminator_improvement":
        return {"improvement_evaluator": BestValueStagnationEvaluator(3), "plot_error": True, "min_n_trials": 3}
    wants_target = plot not in ("plot_pareto_front", "plot_timeline", "plot_intermediate_values")
    if len(study.directions) > 1 and wants_target and plot != "plot_param_importances":
        return {"target": lambda trial: trial.values[0], "target_name": "first"}
    return {}


def makes_sense(plot: str, study: Study) -> bool:
    if plot == "plot_terminator_improvement":
        return len(study.directions) == 1 and len(study.trials) < 1000
    several = plot in ("plot_pareto_front", "plot_hypervolume_history")
    return not several or len(study.directions) > 1


def finish(figure: Any) -> None:
    """Let the library do all its work: serialise, or draw."""
    if hasattr(figure, "to_json"):
        assert figure.to_json()
    else:
        np.ravel(figure)[0].figure.canvas.draw()


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.mark.filterwarnings("ignore:Too few")
@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("plot", visualization.PLOTS)
def test_every_plot_of_every_study_can_be_drawn(back_end: str, plot: str) -> None:
    draw: Callable[..., Any] = getattr(BACK_ENDS[back_end], plot)
    for study in STUDIES.values():
        if makes_sense(plot, study):
            finish(draw(study, **arguments(plot, study)))


@pytest.mark.parametrize("back_end", BACK_ENDS.values(), ids=BACK_ENDS)
def test_the_back_ends_have_the_same_plots(back_end: Any) -> None:
    assert set(back_end.__all__) - {"matplotlib"} == {"is_available", *visualization.PLOTS}


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_ten_thousand_trials(back_end: str) -> None:
    study = ten_thousand()
    for plot in visualization.PLOTS:
        if makes_sense(plot, study):
            finish(getattr(BACK_ENDS[back_end], plot)(study))


def test_the_history_shows_every_value_and_the_best_so_far() -> None:
    study = STUDIES["ordinary"]
    values = [trial.value for trial in study.trials]
    figure = visualization.plot_optimization_history(study)
    assert list(figure.data[0].y) == values
    assert list(figure.data[1].y) == list(np.minimum.accumulate(values))
    best = visualization.plot_optimization_history(STUDIES["maximised"]).data[1].y
    assert list(best) == list(np.maximum.accumulate([t.value for t in STUDIES["maximised"].trials]))


def test_the_best_so_far_is_feasible() -> None:
    study = create_study()
    for value, violation in [(3.0, 0.0), (1.0, 1.0), (2.0, -1.0)]:
        study.add_trial(create_trial(value=value, constraints={"c": violation}))
    (history,) = prepared.progress(study, None, "value")
    np.testing.assert_array_equal(history.best, [3.0, 3.0, 2.0])
    assert list(history.feasible) == [True, False, True]


def test_several_studies_side_by_side_and_as_one() -> None:
    both = [STUDIES["ordinary"], STUDIES["one_parameter"]]
    assert len(visualization.plot_optimization_history(both).data) == 4
    assert len(visualization.plot_edf(both).data) == 2
    mean = prepared.mean_progress(both, None, "value")
    expected = np.mean([both[0].trials[0].value, both[1].trials[0].value])  # type: ignore[list-item]
    assert mean.mean[0] == pytest.approx(expected)
    finish(visualization.plot_optimization_history(both, error_bar=True))
    finish(drawn.plot_optimization_history(both, error_bar=True))


def test_logarithmic_parameters_have_logarithmic_axes() -> None:
    figure = visualization.plot_slice(STUDIES["ordinary"], params=["lr"])
    assert figure.layout.xaxis.type == "log"
    assert drawn.plot_slice(STUDIES["ordinary"], params=["lr"]).get_xscale() == "log"


def test_categories_are_named() -> None:
    figure = visualization.plot_slice(STUDIES["ordinary"], params=["activation"])
    assert set(figure.layout.xaxis.ticktext) == {"relu", "tanh", "elu", "None"}


def test_very_many_parameters_leave_the_important_ones() -> None:
    shown = prepared.points(STUDIES["fifty_parameters"], None, None, prepared.MAX_IN_MATRIX)
    assert len(shown.axes) == prepared.MAX_IN_MATRIX
    assert {"x", "lr"} <= {axis.name for axis in shown.axes}
    assert "6 most important of 50" in visualization.plot_contour(STUDIES["fifty_parameters"]).layout.title.text


def test_the_pareto_front_is_the_studys_own() -> None:
    study = STUDIES["two_objectives"]
    front = prepared.front(study, None, None, None)
    marked = {front.numbers[index] for index in np.flatnonzero(front.best)}
    assert marked == {trial.number for trial in study.best_trials}
    assert not front.feasible.all()


def test_the_hypervolume_never_shrinks() -> None:
    _, volumes = prepared.hypervolumes(STUDIES["two_objectives"], [60.0, -60.0])
    assert (np.diff(volumes) >= 0).all()
    assert volumes[-1] > 0


def test_importances_of_each_objective() -> None:
    figure = visualization.plot_param_importances(STUDIES["two_objectives"], FanovaImportanceEvaluator(seed=0))
    assert [bar.name for bar in figure.data] == ["Objective 0", "Objective 1"]
    assert all(sum(bar.x) == pytest.approx(1.0) for bar in figure.data)


def test_of_many_curves_the_best_are_kept() -> None:
    study = create_study()
    for number in range(prepared.MAX_CURVES + 200):
        study.add_trial(create_trial(value=float(number), intermediate_values={0: float(number)}))
    shown = prepared.curves(study)
    assert shown.total == prepared.MAX_CURVES + 200
    assert len(shown.curves) <= prepared.MAX_CURVES
    assert {0, 1, 2, 3, 4} <= {number for number, *_ in shown.curves}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: visualization.plot_slice(STUDIES["two_objectives"]), "target"),
        (lambda: visualization.plot_slice(STUDIES["ordinary"], params=["nonsense"]), "nonsense"),
        (lambda: visualization.plot_pareto_front(STUDIES["ordinary"]), "two or three"),
        (lambda: visualization.plot_hypervolume_history(STUDIES["ordinary"], [1.0]), "several objectives"),
        (lambda: visualization.plot_hypervolume_history(STUDIES["two_objectives"], [1.0]), "2 coordinates"),
        (lambda: visualization.plot_timeline(STUDIES["ordinary"], n_recent_trials=0), "positive"),
        (lambda: visualization.plot_pareto_front(STUDIES["two_objectives"], target_names=["a"]), "2 names"),
    ],
)
def test_what_cannot_be_plotted_says_why(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_study_with_nothing_to_show_says_so() -> None:
    for plot in ("plot_slice", "plot_optimization_history", "plot_contour", "plot_edf"):
        figure = getattr(visualization, plot)(STUDIES["empty"])
        assert "Nothing to show" in figure.layout.annotations[0].text
