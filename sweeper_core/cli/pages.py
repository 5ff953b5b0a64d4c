"""Commands that make pages and pictures."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sweeper_core._extras import missing_extra
from sweeper_core.cli import term
from sweeper_core.cli.options import Names, study_options, where_of
from sweeper_core.cli.source import find_study
from sweeper_core.visualization._names import PLOTS as OFFERED

PLOTS = tuple(name.removeprefix("plot_") for name in OFFERED if name != "plot_hypervolume_history")
"""Kinds of plots; that of the hypervolume needs a reference point."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Of a report: its models are small, and more threads would only take cores away from jobs."""

OF_PAIRS = frozenset({"contour", "rank"})
OF_ALL = "param_importances"
"""Shows all objectives unless one is named."""
WITH_TARGET = frozenset({"contour", "edf", "optimization_history", "parallel_coordinate", OF_ALL, "rank", "slice"})
"""Kinds that show one number for each trial."""

PAGES = frozenset({".html"})


@click.command("report")
@click.argument("places", nargs=-1, metavar="[WHERE]...")
@click.option("--storage", metavar="URL", envvar="HPO_STORAGE", help="The same as WHERE.")
@click.option("--study", "-s", "names", multiple=True, metavar="NAME", help="Name of a study; may be repeated.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path),
    help="The file; report.html in the sweep's directory by default, or here for a storage.",
)  # fmt: skip
def report_command(places: Sequence[str], storage: str | None, names: Sequence[str], output: Path | None) -> None:
    """Write one HTML page that opens offline: about a study, or about several side by side.

    \b
    Examples:
      hpo report outputs/sweep
      hpo report outputs/a outputs/b -o both.html
      hpo report sqlite:///all.db -s first -s second
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from sweeper_core.report.page import write_report

    wheres: Sequence[str | None] = places or [storage]
    sources = [find_study(where, name) for where in wheres for name in (*names,) or (None,)]
    directory = sources[0].directory if len(sources) == 1 else None
    path = output or (directory or Path()) / "report.html"
    with term.progress("report", total=len(sources)) as advance:
        write_report(path, sources, advance)
    term.say(f"{path}")


@click.command("plot")
@click.argument("kind", metavar="KIND", type=Names(PLOTS))
@study_options
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path),
    help="Ends in .html (needs plotly) or in .png, .svg, .pdf (needs matplotlib); KIND.html by default.",
)  # fmt: skip
@click.option("--param", "-p", "params", multiple=True, metavar="NAME", help="Only these parameters.")
@click.option("--objective", metavar="NAME", help="Of several objectives, the one to plot: its name, or 0, 1, …")
def plot_command(
    kind: str,
    where: str | None,
    storage: str | None,
    study: str | None,
    output: Path | None,
    params: Sequence[str],
    objective: str | None,
) -> None:
    """Write a plot as HTML or as an image.

    KIND is contour, edf, intermediate_values, optimization_history, parallel_coordinate, param_importances,
    pareto_front, rank, slice, terminator_improvement or timeline.

    \b
    Examples:
      hpo plot slice outputs/sweep -p lr -p depth
      hpo plot optimization_history outputs/sweep -o history.png
      hpo plot edf outputs/sweep --objective accuracy
    """
    from sweeper_core.study import load_study

    source = find_study(where_of(where, storage), study)
    path = output or Path(f"{kind}.html")
    loaded = load_study(study_name=source.study.name, storage=source.storage)
    arguments: dict[str, Any] = {"params": list(params)} if params else {}
    if kind in OF_PAIRS and len(set(params)) == 1:
        raise ValueError(f"A {kind} plot is about pairs of parameters: give --param twice or more, or not at all.")
    if kind in WITH_TARGET:
        arguments |= _target(kind, source.facts().metrics, loaded.directions, objective)
    elif objective is not None:
        raise ValueError(f"Plot {kind!r} takes no --objective.")
    _draw(kind, loaded, path, arguments)
    term.say(f"{path}")


def _target(kind: str, names: Sequence[str], directions: Sequence[Any], wanted: str | None) -> dict[str, Any]:
    """Return the arguments that make a plot show one of several objectives."""
    from sweeper_core.visualization.prepared import ObjectiveTarget

    known = {**{str(index): index for index in range(len(names))}, **{name: k for k, name in enumerate(names)}}
    if wanted is None and (len(names) == 1 or kind == OF_ALL):
        return {}
    if wanted is None or wanted not in known:
        said = "Choose one" if wanted is None else f"There is no objective {wanted!r}; choose one"
        raise ValueError(f"{said} of the objectives with --objective: {', '.join(map(repr, names))}.")
    index = known[wanted]
    return {"target": ObjectiveTarget(index, directions[index]), "target_name": names[index]}


def _draw(kind: str, study: Any, path: Path, arguments: dict[str, Any]) -> None:
    import importlib

    page = path.suffix in PAGES
    module, package = ("", "plotly") if page else (".matplotlib", "matplotlib")
    try:
        if not page:
            import matplotlib

            matplotlib.use("Agg")
        plot = getattr(importlib.import_module(f"sweeper_core.visualization{module}"), f"plot_{kind}", None)
        if plot is None:
            raise ValueError(f"There is no plot {kind!r} for {path.suffix}.")
        figure = plot(study, **arguments)
    except ImportError as error:
        raise missing_extra(f"Plots need {package}", "plot") from error
    except TypeError as error:
        raise ValueError(f"Plot {kind!r} takes no --param.") if "params" in arguments else error from error
    if page:
        figure.write_html(str(path), include_plotlyjs=True)
    else:
        _figure_of(figure).savefig(str(path), bbox_inches="tight", dpi=150)


def _figure_of(axes: Any) -> Any:
    """Return the figure of what a plot returns: axes, or an array of them."""
    first = axes.flat[0] if hasattr(axes, "flat") else axes
    return first.figure


@click.command("dashboard", context_settings={"ignore_unknown_options": True})
@study_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dashboard_command(where: str | None, storage: str | None, study: str | None, arguments: Sequence[str]) -> None:
    """Start optuna-dashboard on a storage, where it is installed; further arguments go to it.

    \b
    Example:
      hpo dashboard outputs/sweep --port 8081
    """
    source = find_study(where_of(where, storage), study)
    beside = Path(sys.executable).with_name("optuna-dashboard")
    program = str(beside) if beside.exists() else shutil.which("optuna-dashboard")
    if program is None:
        raise ModuleNotFoundError("optuna-dashboard is not installed: pip install optuna-dashboard.")
    url = source.place.url
    source.storage.close()
    target = url.removeprefix("journal:///") if url.startswith("journal:") else url
    sys.stdout.flush()
    os.execv(program, [program, target, *arguments])
