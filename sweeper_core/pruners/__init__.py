"""Pruners, which stop bad trials early; each file has one, and every verdict has a reason."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "BasePruner": "sweeper_core.pruners.user",
        "ExtrapolationPruner": "sweeper_core.pruners.extrapolation",
        "HyperbandPruner": "sweeper_core.pruners.hyperband",
        "MedianPruner": "sweeper_core.pruners.percentile",
        "NopPruner": "sweeper_core.pruners.nop",
        "PatientPruner": "sweeper_core.pruners.patient",
        "PercentilePruner": "sweeper_core.pruners.percentile",
        "Pruner": "sweeper_core.pruners.base",
        "SuccessiveHalvingPruner": "sweeper_core.pruners.successive_halving",
        "ThresholdPruner": "sweeper_core.pruners.threshold",
        "Verdict": "sweeper_core.pruners.base",
        "WilcoxonPruner": "sweeper_core.pruners.wilcoxon",
    },
)
