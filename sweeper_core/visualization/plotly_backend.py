"""The plots in Plotly: every function returns a ``plotly.graph_objects.Figure``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared import GREY, PALETTE, SCALE, STATE_COLOURS, Axis, Target

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_SVG_POINTS = 2000
MARKER = {"line": {"width": 0.5, "color": "#555555"}}
"""A thin edge, so that pale markers show on a pale ground."""


def is_available() -> bool:
    """Return whether Plotly is installed."""
    import importlib.util

    return importlib.util.find_spec("plotly") is not None


def plot_optimization_history(
    study: Study | Sequence[Study],
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
    error_bar: bool = False,
) -> Figure:
    """Plot values over trials, with the best so far.

    Args:
        study: One study or several.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
        error_bar: Plot mean and standard deviation over the studies instead of each.
    """
    figure = _figure("Optimization History Plot", "Trial", target_name)
    if error_bar:
        return _mean_history(figure, prepared.mean_progress(study, target, target_name), target_name)
    shown = [each for each in prepared.progress(study, target, target_name) if len(each.values)]
    _close_up(figure.update_yaxes, [each.values for each in shown])
    for index, each in enumerate(shown):
        colour, line = PALETTE[(2 * index) % 8], PALETTE[(2 * index + 1) % 8]
        x, y, good = np.array(each.numbers), each.values, each.feasible
        _add_points(
            figure,
            x=x[good],
            y=y[good],
            mode="markers",
            name=each.label,
            marker={**MARKER, "color": colour, "opacity": 0.7},
        )
        if not good.all():
            marker = {**MARKER, "color": GREY}
            _add_points(figure, x=x[~good], y=y[~good], mode="markers", name="Infeasible Trial", marker=marker)
        if each.best is not None:
            _add_points(figure, x=x, y=each.best, mode="lines", name="Best Value", line={"color": line, "width": 2})
    return _say_if_empty(figure)


def _mean_history(figure: Figure, mean: prepared.MeanProgress, name: str) -> Figure:
    bars = {"type": "data", "array": mean.spread}
    figure.add_scatter(
        x=mean.numbers, y=mean.mean, error_y=bars, mode="markers", name=name, marker={"color": PALETTE[0]}
    )
    if mean.best_mean is not None and mean.best_spread is not None:
        line = {"color": PALETTE[1]}
        figure.add_scatter(x=mean.numbers, y=mean.best_mean, mode="lines", name="Best Value", line=line)
        band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
        figure.add_scatter(x=mean.numbers, y=mean.best_mean + mean.best_spread, **band)
        lower = mean.best_mean - mean.best_spread
        figure.add_scatter(x=mean.numbers, y=lower, fill="tonexty", fillcolor="rgba(230,159,0,0.25)", **band)
    return _say_if_empty(figure)


def plot_slice(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot the value over each parameter, coloured by trial number.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are very many.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_ROW)
    figure = _grid_figure(f"Slice Plot{shown.note}", 1, len(shown.axes), shared_yaxes=True)
    for column, axis in enumerate(shown.axes, start=1):
        marker = {**MARKER, "color": shown.numbers, "colorscale": SCALE, "coloraxis": "coloraxis"}
        trace = {"x": axis.positions, "y": shown.values, "mode": "markers", "showlegend": False, "marker": marker}
        _add_points(figure, **trace, text=_trial_texts(shown.numbers), row=1, col=column)
        figure.update_xaxes(_axis_layout(axis), row=1, col=column)
    figure.update_yaxes(title_text=target_name, row=1, col=1)
    _close_up(figure.update_yaxes, [shown.values])
    figure.update_layout(coloraxis={"colorscale": SCALE, "colorbar": {"title": "Trial"}})
    return _say_if_empty(figure)


def plot_contour(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot the value over pairs of parameters as contours between the trials.

    Args:
        study: The study.
        params: Names to show, at least two; all by default, or the most important ones when there are many.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name in the legend.
    """

    def draw(figure: Figure, shown: prepared.Points, x: Axis, y: Axis, place: dict[str, int]) -> None:
        heights = prepared.surface(x, y, shown.clipped)
        if heights is not None:
            contour = {"x": heights[0], "y": heights[1], "z": heights[2], "coloraxis": "coloraxis"}
            figure.add_contour(**contour, line={"width": 0.5}, hoverinfo="skip", **place)
        marker = {"color": "black", "size": 4, "line": {"width": 0.5, "color": "white"}}
        trace = {"mode": "markers", "showlegend": False, "marker": marker, "text": _trial_texts(shown.numbers)}
        figure.add_scatter(x=x.positions, y=y.positions, **trace, **place)

    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    # The good end is the dark one, whatever the direction.
    scale = {"colorscale": SCALE, "reversescale": not shown.smaller_is_better, "colorbar": {"title": target_name}}
    return _pairs("Contour Plot", shown, draw, {**scale, "cmin": shown.limits[0], "cmax": shown.limits[1]})


def plot_rank(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot the trials over pairs of parameters, coloured by the rank of their value.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are many.
        target: What to rank instead of the objective value; needed with several objectives.
        target_name: Its name in the legend.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    colours = prepared.ranks(shown.values)

    def draw(figure: Figure, shown: prepared.Points, x: Axis, y: Axis, place: dict[str, int]) -> None:
        marker = {**MARKER, "color": colours, "coloraxis": "coloraxis", "size": 7}
        texts = [f"trial {number}: {value:.6g}" for number, value in zip(shown.numbers, shown.values, strict=True)]
        trace = {"mode": "markers", "showlegend": False, "marker": marker, "text": texts}
        _add_points(figure, x=x.positions, y=y.positions, **trace, **place)

    ticks = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": _quartile_texts(shown.values), "title": target_name}
    scale = {"colorscale": SCALE, "reversescale": not shown.smaller_is_better, "colorbar": ticks}
    return _pairs("Rank", shown, draw, {**scale, "cmin": 0, "cmax": 1})


def plot_parallel_coordinate(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot every trial as a line through its value and its parameters.

    Where a trial does not have a parameter, its line passes below that axis's values.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are very many.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
    """
    from plotly import graph_objects

    shown = prepared.points(study, params, target, prepared.MAX_IN_ROW)
    order = shown.best_last
    values = shown.clipped[order]
    dimensions = [{"label": target_name, "values": values}]
    dimensions += [_dimension(axis, axis.with_absent[order]) for axis in shown.axes]
    figure = _figure(f"Parallel Coordinate Plot{shown.note}", "", "")
    if len(values) and shown.axes:
        line = {"color": values, "colorscale": SCALE, "showscale": True, "reversescale": not shown.smaller_is_better}
        line.update(colorbar={"title": target_name}, cmin=shown.limits[0], cmax=shown.limits[1])
        figure.add_trace(graph_objects.Parcoords(dimensions=dimensions, line=line, labelangle=20, labelside="bottom"))
        figure.update_layout(margin={"b": 120})
    return _say_if_empty(figure)


def plot_param_importances(
    study: Study,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot how much each parameter mattered (for each objective, when there are several and no target).

    Args:
        study: The study.
        evaluator: How to judge; PED-ANOVA by default.
        params: Names to assess.
        target: What to explain instead of the objective value.
        target_name: Its name in the legend.
    """
    groups = prepared.importance_bars(study, evaluator, params, target, target_name)
    figure = _figure("Hyperparameter Importances", "Hyperparameter Importance", "Hyperparameter")
    for index, group in enumerate(groups):
        names, shares = group.names[::-1], group.shares[::-1]
        texts = [f"{share:.2f}" if share >= 0.01 else "<0.01" for share in shares]
        bar = {"name": group.label, "marker": {"color": PALETTE[index % 8]}, "orientation": "h"}
        figure.add_bar(x=shares, y=names, text=texts, textposition="outside", cliponaxis=False, **bar)
    figure.update_layout(showlegend=len(groups) > 1, barmode="group")
    figure.update_yaxes(automargin=True)
    return _say_if_empty(figure)


def plot_intermediate_values(study: Study) -> Figure:
    """Plot the reports of all trials; of very many, the best and an even selection.

    Args:
        study: The study.
    """
    shown = prepared.curves(study)
    figure = _figure(f"Intermediate Values Plot{shown.note}", "Step", "Intermediate Value")
    for number, state, steps, values in shown.curves:
        pruned = state is TrialState.PRUNED
        line = {"width": 1, "dash": "dot" if pruned else "solid", "color": PALETTE[number % 7]}
        trace = {"mode": "lines+markers", "marker": {"size": 4}, "line": line, "opacity": 0.5 if pruned else 1.0}
        figure.add_scatter(x=steps, y=values, name=f"Trial {number}{' (pruned)' if pruned else ''}", **trace)
    figure.update_layout(showlegend=0 < len(shown.curves) <= 30)
    return _say_if_empty(figure)


def plot_pareto_front(
    study: Study,
    *,
    target_names: list[str] | None = None,
    include_dominated_trials: bool = True,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None = None,
) -> Figure:
    """Plot the trials of a study with two or three objectives, the Pareto front marked.

    Args:
        study: The study.
        target_names: Names of the axes.
        include_dominated_trials: Whether to show the other trials too.
        constraints_func: Constraint values of a trial, satisfied where not positive; by default those stored.
        targets: Two or three numbers to plot for a trial instead of its values (all minimised).
    """
    shown = prepared.front(study, target_names, constraints_func, targets)
    figure = _figure("Pareto-front Plot", shown.names[0], shown.names[1])
    groups = [("Best Trial", shown.best, PALETTE[3])]
    if include_dominated_trials:
        dominated = shown.feasible & ~shown.best
        groups = [
            ("Infeasible Trial", ~shown.feasible, GREY),
            ("Trial", dominated, PALETTE[0]),
            *groups,
        ]
    for name, members, colour in groups:
        if members.any():
            _add_cloud(figure, shown, members, name, colour)
    if len(shown.names) == 3:
        titles = [{"title": {"text": name}} for name in shown.names]
        figure.update_layout(scene=dict(zip(("xaxis", "yaxis", "zaxis"), titles, strict=True)))
    return _say_if_empty(figure)


def _add_cloud(figure: Figure, shown: prepared.Front, members: Any, name: str, colour: str) -> None:
    texts = _trial_texts(np.array(shown.numbers)[members])
    common = {"mode": "markers", "name": name, "text": texts, "marker": {**MARKER, "color": colour}}
    columns = shown.values[members].T
    if len(columns) == 2:
        _add_points(figure, x=columns[0], y=columns[1], **common)
    else:
        common["marker"] = {"color": colour, "size": 4}
        figure.add_scatter3d(x=columns[0], y=columns[1], z=columns[2], **common)


def plot_hypervolume_history(study: Study, reference_point: Sequence[float]) -> Figure:
    """Plot the hypervolume of the feasible trials over time.

    Args:
        study: A study with several objectives.
        reference_point: The point that bounds the volume, in the objectives' own signs.
    """
    numbers, volumes = prepared.hypervolumes(study, reference_point)
    figure = _figure("Hypervolume History Plot", "Trial", "Hypervolume")
    if len(numbers):
        figure.add_scatter(x=numbers, y=volumes, mode="lines+markers", line={"color": PALETTE[0]})
    return _say_if_empty(figure)


def plot_edf(
    study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = "Objective Value"
) -> Figure:
    """Plot which share of the trials is at most as large as each value.

    Args:
        study: One study or several.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
    """
    figure = _figure("Empirical Distribution Function Plot", target_name, "Cumulative Probability")
    shown = prepared.distribution_steps(study, target)
    _close_up(figure.update_xaxes, [each.values for each in shown])
    for index, each in enumerate(shown):
        if len(each.values):
            line = {"shape": "hv", "color": PALETTE[index % 8]}
            figure.add_scatter(x=each.values, y=each.share, mode="lines", name=each.label, line=line)
    figure.update_yaxes(range=[0, 1.02])
    return _say_if_empty(figure)


def plot_timeline(study: Study, n_recent_trials: int | None = None) -> Figure:
    """Plot when each trial ran, coloured by its state.

    Args:
        study: The study.
        n_recent_trials: Only this many of the latest trials.
    """
    spans = prepared.timeline(study, n_recent_trials)
    figure = _figure("Timeline Plot", "Datetime", "Trial")
    for state, colour in STATE_COLOURS.items():
        members = [span for span in spans if span.state is state]
        if members:
            figure.add_bar(
                name=state.name,
                orientation="h",
                y=[span.number for span in members],
                base=[span.start.isoformat() for span in members],
                x=[(span.end - span.start).total_seconds() * 1000 for span in members],
                text=[span.text for span in members],
                hovertemplate="%{text}<extra></extra>",
                textposition="none",
                marker={"color": colour, "line": {"width": 0}},
            )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date")
    return _say_if_empty(figure)


def _require_plotly() -> Any:
    try:
        from plotly import graph_objects
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "These plots need Plotly: install the extra 'plot', or use sweeper_core.visualization.matplotlib."
        ) from error
    return graph_objects


def _figure(title: str, x: str, y: str) -> Figure:
    figure = _require_plotly().Figure()
    figure.update_layout(title=title, template="plotly_white", xaxis_title=x, yaxis_title=y)
    return figure


def _grid_figure(title: str, rows: int, columns: int, **options: Any) -> Figure:
    _require_plotly()
    from plotly.subplots import make_subplots

    spacing = {"horizontal_spacing": 0.08 / max(columns, 1), "vertical_spacing": 0.08 / max(rows, 1)}
    figure = make_subplots(rows=max(rows, 1), cols=max(columns, 1), **spacing, **options)
    figure.update_layout(title=title, template="plotly_white", width=max(700, 240 * columns) if columns > 2 else None)
    return figure


def _pairs(
    title: str,
    shown: prepared.Points,
    draw: Callable[[Figure, prepared.Points, Axis, Axis, dict[str, int]], None],
    scale: dict[str, Any],
) -> Figure:
    """Draw one panel for two parameters, or a matrix of panels for more."""
    axes = shown.axes
    pairs = [(axes[0], axes[1])] if len(axes) == 2 else []
    if len(axes) == 2:
        figure = _grid_figure(title, 1, 1)
    else:
        figure = _grid_figure(f"{title}{shown.note}", len(axes), len(axes))
        figure.update_layout(height=max(450, 200 * len(axes)))
        pairs = [(x, y) for y in axes for x in axes] if len(axes) > 1 else []
    for index, (x, y) in enumerate(pairs):
        row, column = divmod(index, len(axes)) if len(axes) > 2 else (0, 0)
        place = {"row": row + 1, "col": column + 1}
        if x is not y:
            draw(figure, shown, x, y, place)
        edge_x, edge_y = (row == len(axes) - 1, column == 0) if len(axes) > 2 else (True, True)
        figure.update_xaxes(_axis_layout(x, named=edge_x), **place)
        figure.update_yaxes(_axis_layout(y, named=edge_y), **place)
    figure.update_layout(coloraxis=scale)
    return _say_if_empty(figure)


def _axis_layout(axis: Axis, named: bool = True) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "title": {"text": prepared.shortened(axis.name) if named else "", "font": {"size": 11}},
        "showticklabels": named,
    }
    layout["range"] = list(axis.drawn_span)
    if axis.scale == "log":
        layout.update(type="log", exponentformat="power")
    elif axis.scale == "category":
        layout.update(tickvals=list(range(len(axis.labels))), ticktext=list(axis.labels))
    return layout


def _dimension(axis: Axis, drawn: Any) -> dict[str, Any]:
    dimension: dict[str, Any] = {"label": axis.name, "values": drawn}
    ticks = axis.ticks
    if np.isnan(axis.positions).any():
        ticks = [(axis.absent, "none"), *ticks]
    dimension.update(tickvals=[place for place, _ in ticks], ticktext=[text for _, text in ticks])
    return dimension


def _add_points(figure: Figure, **trace: Any) -> None:
    """Add a scatter trace; on the graphics card, which not every browser offers, only with very many points."""
    few = len(trace["x"]) <= MAX_SVG_POINTS
    (figure.add_scatter if few else figure.add_scattergl)(**trace)


def _close_up(update: Callable[..., Any], values: Sequence[Any]) -> None:
    """Set an axis's range when a few values lie so far out that they would hide the others."""
    span = prepared.close_up(np.concatenate([np.empty(0), *values]))
    if span is not None:
        update(range=list(span))


def _trial_texts(numbers: Sequence[int]) -> list[str]:
    return [f"trial {number}" for number in numbers]


def _quartile_texts(values: Any) -> list[str]:
    if len(values) == 0:
        return [""] * 5
    names = ("min.", "25%", "50%", "75%", "max.")
    return [f"{name} ({q:.4g})" for name, q in zip(names, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]), strict=True)]


def _say_if_empty(figure: Figure) -> Figure:
    if not figure.data:
        note = {"text": "Nothing to show yet: no trial has what this plot needs.", "showarrow": False}
        figure.add_annotation(**note, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 16, "color": "#777777"})
    return figure
