"""Interactive plots of studies (Plotly); :mod:`sweeper_core.visualization.matplotlib` has the same ones."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

PLOTS = (
    "plot_contour",
    "plot_edf",
    "plot_hypervolume_history",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_rank",
    "plot_slice",
    "plot_timeline",
)

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes=dict.fromkeys((*PLOTS, "is_available"), "sweeper_core.visualization.plotly_backend"),
    submodules=("matplotlib",),
)
