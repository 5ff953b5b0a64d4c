"""Terminators under Optuna's names; :mod:`sweeper_core.stopping` is this project's own way to stop."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "TerminatorCallback": "sweeper_core.terminator.callback",
        "BaseErrorEvaluator": "sweeper_core.terminator.erroreval",
        "CrossValidationErrorEvaluator": "sweeper_core.terminator.erroreval",
        "report_cross_validation_scores": "sweeper_core.terminator.erroreval",
        "StaticErrorEvaluator": "sweeper_core.terminator.erroreval",
        "MedianErrorEvaluator": "sweeper_core.terminator.median_erroreval",
        "BaseImprovementEvaluator": "sweeper_core.terminator.improvement.evaluator",
        "BestValueStagnationEvaluator": "sweeper_core.terminator.improvement.evaluator",
        "RegretBoundEvaluator": "sweeper_core.terminator.improvement.evaluator",
        "EMMREvaluator": "sweeper_core.terminator.improvement.emmr",
        "BaseTerminator": "sweeper_core.terminator.terminator",
        "Terminator": "sweeper_core.terminator.terminator",
    },
)
