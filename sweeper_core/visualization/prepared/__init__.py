"""What the plots show, prepared once for every drawing library.

Both back ends draw from these records; nothing here knows how anything is drawn. Trials whose value is missing
or not finite are left out of every plot of values.
"""

from sweeper_core.visualization.prepared.axes import Axis, pairs_of, shortened
from sweeper_core.visualization.prepared.curves import MAX_CURVES, Curves, curves
from sweeper_core.visualization.prepared.front import Front, front, hypervolumes
from sweeper_core.visualization.prepared.history import (
    MeanProgress,
    Progress,
    Span,
    Steps,
    distribution_steps,
    few_rows,
    mean_progress,
    progress,
    timeline,
)
from sweeper_core.visualization.prepared.importances import Bars, importance_bars
from sweeper_core.visualization.prepared.parallel import Column, Lines, parallel
from sweeper_core.visualization.prepared.points import MAX_IN_MATRIX, MAX_IN_ROW, Points, points, ranks
from sweeper_core.visualization.prepared.style import GREY, PALETTE, SCALE, STATE_COLOURS
from sweeper_core.visualization.prepared.surface import Effect, Landscape, Surface
from sweeper_core.visualization.prepared.ticks import colour_ticks, quartile_ticks
from sweeper_core.visualization.prepared.values import ObjectiveTarget, Target, bulk, close_up, history_span

__all__ = [
    "GREY",
    "MAX_CURVES",
    "MAX_IN_MATRIX",
    "MAX_IN_ROW",
    "PALETTE",
    "SCALE",
    "STATE_COLOURS",
    "Axis",
    "Bars",
    "Column",
    "Curves",
    "Effect",
    "Front",
    "Landscape",
    "Lines",
    "MeanProgress",
    "ObjectiveTarget",
    "Points",
    "Progress",
    "Span",
    "Steps",
    "Surface",
    "Target",
    "bulk",
    "close_up",
    "colour_ticks",
    "curves",
    "distribution_steps",
    "few_rows",
    "front",
    "history_span",
    "hypervolumes",
    "importance_bars",
    "mean_progress",
    "pairs_of",
    "parallel",
    "points",
    "progress",
    "quartile_ticks",
    "ranks",
    "shortened",
    "timeline",
]
