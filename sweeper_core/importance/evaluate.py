"""Evaluate parameter importances."""

from __future__ import annotations

from sweeper_core.importance.base import BaseImportanceEvaluator, Target
from sweeper_core.importance.spread import SpreadImportanceEvaluator
from sweeper_core.study.study import Study


def get_param_importances(
    study: Study,
    *,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    target: Target | None = None,
    normalize: bool = True,
) -> dict[str, float]:
    """Return the importance of each parameter, the most important first.

    Args:
        study: The study to evaluate; its completed trials with finite values count.
        evaluator: The method; by default :class:`SpreadImportanceEvaluator`, a PED-ANOVA that stays valid after the
            search has converged.
        params: Names to assess. By default the default evaluator and PED-ANOVA take every parameter, the forests
            those that all completed trials have.
        target: What to explain instead of the objective value, such as ``lambda t: t.values[0]``. The forests need
            it with several objectives; the others explain small values of it.
        normalize: Whether the importances sum to 1.

    Raises:
        TypeError: ``evaluator`` is none, or ``params`` is not a list of names.
        ValueError: A name is unknown, or a target is needed.
    """
    evaluator = evaluator if evaluator is not None else SpreadImportanceEvaluator()
    if not isinstance(evaluator, BaseImportanceEvaluator):
        raise TypeError(f"`evaluator` must be an importance evaluator, but got {evaluator!r}.")
    importances = evaluator.evaluate(study, params, target=target)
    if not normalize or not importances:
        return importances
    total = sum(importances.values())
    if total == 0.0:
        return dict.fromkeys(importances, 1.0 / len(importances))
    return {name: value / total for name, value in importances.items()}
