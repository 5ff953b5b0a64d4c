"""Axes, ticks and colours of the plots: labels are values, nothing leaves the figure, what is clipped is marked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("plotly")
pytest.importorskip("matplotlib").use("Agg")

from matplotlib import pyplot

from sweeper_core import create_study, visualization
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.study import Study
from sweeper_core.trial import TrialState, create_trial
from sweeper_core.visualization import matplotlib as drawn
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared.ticks import colour_ticks, log_ticks, round_ticks

SPACE: dict[str, BaseDistribution] = {
    "depth": IntDistribution(1, 3),
    "lr": FloatDistribution(1e-5, 1e-1, log=True),
    "kind": CategoricalDistribution(["a", "b", "c"]),
}


def study(count: int = 30, direction: str = "minimize") -> Study:
    rng, made = np.random.default_rng(0), create_study(direction=direction)
    for _ in range(count):
        depth, power, kind = int(rng.integers(1, 4)), float(rng.uniform(-5, -1)), str(rng.choice(["a", "b", "c"]))
        value = (power + 3) ** 2 + 0.1 * depth
        made.add_trial(
            create_trial(params={"depth": depth, "lr": 10.0**power, "kind": kind}, distributions=SPACE, value=value)
        )
    return made


@pytest.fixture(autouse=True)
def _close_figures() -> Any:
    yield
    pyplot.close("all")


def test_ticks_of_integers_are_integers_and_those_of_logarithms_powers() -> None:
    assert [text for _, text in round_ticks(1, 3, whole=True)] == ["1", "2", "3"]
    assert [text for _, text in round_ticks(1, 512, whole=True)] == ["100", "200", "300", "400", "500"]
    assert [text for _, text in round_ticks(0.0, 0.5)] == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]
    assert [text for _, text in log_ticks(-5, -1)] == ["1e-5", "1e-4", "1e-3", "0.01", "0.1"]
    assert [text for _, text in log_ticks(math.log10(16), math.log10(512))] == ["20", "50", "100", "200", "500"]


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.booleans())
def test_ticks_are_few_ascending_and_inside(one: float, other: float, whole: bool) -> None:
    low, high = min(one, other), max(one, other)
    places = [place for place, _ in round_ticks(low, high, whole=whole)]
    assert 1 <= len(places) <= 7
    assert places == sorted(places)
    reach = 1e-6 * (abs(low) + abs(high)) + 1e-300
    assert all(low - reach <= place <= high + reach for place in places)


def test_clipped_colours_say_so() -> None:
    values = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1e6])
    low, high = prepared.values.colour_limits(values, True)
    assert low == 1.0
    assert high < 3.0
    assert colour_ticks((low, high), values)[-1][1].startswith("≥")
    assert not any("≥" in text or "≤" in text for _, text in colour_ticks((1.0, 1e6), values))
    worst_low = prepared.values.colour_limits(-values, False)
    assert worst_low == (-high, -low)


def test_parallel_axes_end_with_their_values_in_both_libraries() -> None:
    figure = visualization.plot_parallel_coordinate(study())
    by_name = {dimension.label: dimension for dimension in figure.data[0].dimensions}
    assert list(by_name["depth"].ticktext) == ["1", "2", "3"]
    assert list(by_name["depth"].range) == [1, 3]
    assert all(
        low <= value <= high for d in by_name.values() for low, high in [d.range] for value in (*d.values, *d.tickvals)
    )
    axes = drawn.plot_parallel_coordinate(study())
    assert {"1", "2", "3", "a", "b", "c", "1e-5", "0.1"} <= {text.get_text() for text in axes.texts}
    axes.figure.canvas.draw()
    box = axes.figure.bbox
    assert all(box.x0 <= text.get_window_extent().x0 <= text.get_window_extent().x1 <= box.x1 for text in axes.texts)


def test_the_colours_of_parallel_lines_are_ranks_with_the_best_on_top() -> None:
    for direction in ("minimize", "maximize"):
        lines = prepared.parallel(study(direction=direction), None, None, "value")
        values = np.array([trial.value for trial in study(direction=direction).trials])
        assert int(np.argmin(lines.colours)) == int(np.argmin(values) if direction == "minimize" else np.argmax(values))
        assert lines.order[-1] == np.argmin(lines.colours)


@pytest.mark.parametrize("back_end", [visualization, drawn])
def test_several_objectives_have_an_axis_each(back_end: Any) -> None:
    made = create_study(directions=["minimize", "maximize"])
    for x in np.linspace(0, 1, 9):
        made.add_trial(
            create_trial(
                params={"x": float(x)}, distributions={"x": FloatDistribution(0, 1)}, values=[x**2, (x - 2) ** 2]
            )
        )
    figure = back_end.plot_parallel_coordinate(made)
    if back_end is visualization:
        assert [d.label for d in figure.data[0].dimensions] == ["Objective 0", "Objective 1", "x"]
    else:
        assert [label.get_text() for label in figure.get_xticklabels()] == ["Objective 0", "Objective 1", "x"]
    assert prepared.parallel(made, None, None, "value").colour_ticks[0] == (0.0, "Pareto front")


def test_a_matrix_names_every_row_and_column() -> None:
    figure = visualization.plot_contour(study())
    named = {
        trace.text[0] for trace in figure.data if getattr(trace, "text", None) is not None and len(trace.text) == 1
    }
    assert named == {"depth", "lr", "kind"}
    grid = drawn.plot_rank(study())
    assert [panel.get_ylabel() for panel in grid[:, 0]] == ["depth", "kind", "lr"]
    assert [panel.get_xlabel() for panel in grid[-1]] == ["depth", "kind", "lr"]
    assert [grid[i, i].texts[0].get_text() for i in range(3)] == ["depth", "kind", "lr"]


def test_log_axes_have_no_minor_labels() -> None:
    axes = drawn.plot_slice(study(), params=["lr"])
    axes.figure.canvas.draw()
    assert not axes.xaxis.get_minorticklocs().size
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1e-5", "1e-4", "1e-3", "0.01", "0.1"]


def test_slices_are_in_rows_of_four() -> None:
    made = create_study()
    rng = np.random.default_rng(0)
    space: dict[str, BaseDistribution] = {f"p{index}": FloatDistribution(0, 1) for index in range(7)}
    for row in rng.random((10, 7)):
        params = dict(zip(space, row.tolist(), strict=True))
        made.add_trial(create_trial(params=params, distributions=space, value=float(row.sum())))
    figure = visualization.plot_slice(made)
    assert len({figure.layout[f"xaxis{n or ''}"].domain for n in ["", 2, 3, 4, 5, 6, 7, 8]}) == 4
    assert len(drawn.plot_slice(made)) == 7


def test_the_history_steps_and_shows_pruned_trials() -> None:
    made = create_study()
    for value in (3.0, 1.0, 2.0):
        made.add_trial(create_trial(value=value))
    made.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={0: 50.0, 1: 2.5}))
    made.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={0: 1e9}))
    figure = visualization.plot_optimization_history(made)
    assert figure.data[1].line.shape == "hv"
    pruned = next(trace for trace in figure.data if trace.name and "Pruned" in trace.name)
    assert (list(pruned.x), list(pruned.y)) == ([3, 4], [2.5, 1e9])
    assert figure.layout.yaxis.range[1] < 10.0
    marks = [trace for trace in figure.data if getattr(trace.marker, "symbol", None) == "triangle-up"]
    assert [list(trace.x) for trace in marks] == [[4]]
    axes = drawn.plot_optimization_history(made)
    assert axes.get_ylim()[1] < 10.0
    assert any(line.get_drawstyle() == "steps-post" for line in axes.lines)


def test_the_model_follows_the_trials_and_knows_less_where_there_are_none() -> None:
    rng, made = np.random.default_rng(0), create_study(direction="maximize")
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    for x, y in rng.random((60, 2)):
        x = 0.5 * x  # the right half is left out
        params = {"x": float(x), "y": float(y)}
        made.add_trial(create_trial(params=params, distributions=space, value=float(-((x - 0.2) ** 2) - 0.3 * y)))
    landscape = prepared.Landscape(prepared.points(made, None, None, 6))
    effect, surface = landscape.effect(0), landscape.surface(0, 1)
    assert effect is not None
    assert surface is not None
    assert effect.places[int(np.argmax(effect.mean))] == pytest.approx(0.2, abs=0.06)
    width = effect.high - effect.low
    assert (effect.low <= effect.mean).all()
    assert (effect.mean <= effect.high).all()
    assert width[effect.places > 0.9].mean() > 3 * width[effect.places < 0.5].mean()
    left, right = surface.known[:, surface.x < 0.45], surface.known[:, surface.x > 0.9]
    assert right.mean() < left.min()
    across = surface.mean[:, np.argmin(abs(surface.x - 0.2))]
    assert across[0] > across[-1]
    turned = landscape.surface(1, 0)
    assert turned is not None
    np.testing.assert_array_equal(turned.mean, surface.mean.T)


EXTREMES: dict[str, FloatDistribution] = {
    "1e308": FloatDistribution(-1e308, 1e308),
    "1e305": FloatDistribution(-1e305, 1e305),
    "log": FloatDistribution(1e-308, 1e308, log=True),
    "subnormal": FloatDistribution(0, 2e-323),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("distribution", EXTREMES.values(), ids=EXTREMES)
def test_extreme_ranges_under_an_error_state_of_the_users(distribution: FloatDistribution) -> None:
    made, rng = create_study(), np.random.default_rng(0)
    space = {"x": distribution, "y": FloatDistribution(0, 1)}
    for unit, y in rng.random((20, 2)):
        params = {"x": float(distribution.axis.value(float(unit))), "y": float(y)}
        made.add_trial(create_trial(params=params, distributions=space, value=float((unit - 0.3) ** 2)))
    for plot in ("plot_slice", "plot_contour", "plot_rank", "plot_parallel_coordinate"):
        with np.errstate(all="raise"):
            figure = getattr(visualization, plot)(made)
        assert figure.to_json()
        with np.errstate(all="raise"):
            axes = getattr(drawn, plot)(made)
        np.ravel(axes)[0].figure.canvas.draw()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values", [(-1.7e308, 1.7e308), (0.0, 5e-324), (1e16, 1e16 + 2.0)], ids=["wide", "subnormal", "near"]
)
@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_extreme_values_are_drawn(values: tuple[float, float], objectives: int) -> None:
    made = create_study(directions=["minimize"] * objectives)
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    for place, (x, y) in enumerate(np.random.default_rng(0).random((12, 2)).tolist()):
        row = [values[(place + index) % 2] for index in range(objectives)]
        reports = {0: row[0], 1: row[-1]} if objectives == 1 else {}
        params = {"x": x, "y": y}
        made.add_trial(create_trial(params=params, distributions=space, values=row, intermediate_values=reports))
    plots = ("plot_contour", "plot_slice", "plot_edf", "plot_optimization_history", "plot_intermediate_values")
    for plot in plots if objectives == 1 else ("plot_pareto_front",):
        axes = getattr(drawn, plot)(made)
        np.ravel(axes)[0].figure.canvas.draw()
        pyplot.close("all")
