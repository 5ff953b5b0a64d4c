# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.importance.base import BaseImportanceEvaluator as BaseImportanceEvaluator
from sweeper_core.importance.evaluate import get_param_importances as get_param_importances
from sweeper_core.importance.forest import FanovaImportanceEvaluator as FanovaImportanceEvaluator
from sweeper_core.importance.forest import (
    MeanDecreaseImpurityImportanceEvaluator as MeanDecreaseImpurityImportanceEvaluator,
)
from sweeper_core.importance.ped_anova import PedAnovaImportanceEvaluator as PedAnovaImportanceEvaluator
from sweeper_core.importance.spread import SpreadImportanceEvaluator as SpreadImportanceEvaluator
