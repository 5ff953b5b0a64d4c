"""Interactive plots of studies (Plotly); :mod:`sweeper_core.visualization.matplotlib` has the same ones."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module
from sweeper_core.visualization._names import PLOTS

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes=dict.fromkeys((*PLOTS, "is_available"), "sweeper_core.visualization.plotly_backend"),
    submodules=("matplotlib",),
)
