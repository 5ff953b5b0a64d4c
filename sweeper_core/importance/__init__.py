"""Parameter importances."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "BaseImportanceEvaluator": "sweeper_core.importance.base",
        "FanovaImportanceEvaluator": "sweeper_core.importance.forest",
        "MeanDecreaseImpurityImportanceEvaluator": "sweeper_core.importance.forest",
        "PedAnovaImportanceEvaluator": "sweeper_core.importance.ped_anova",
        "SpreadImportanceEvaluator": "sweeper_core.importance.spread",
        "get_param_importances": "sweeper_core.importance.evaluate",
    },
)
