"""How much each parameter mattered, as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.importance.evaluate import get_param_importances
from sweeper_core.study.study import Study
from sweeper_core.visualization.prepared.values import Target, plotted_trials

MAX_BARS = 30


@dataclass(frozen=True)
class Bars:
    """Importances of parameters towards one target, the largest first."""

    label: str
    names: tuple[str, ...]
    shares: tuple[float, ...]


def importance_bars(
    study: Study,
    evaluator: BaseImportanceEvaluator | None,
    params: Sequence[str] | None,
    target: Target | None,
    target_name: str,
) -> list[Bars]:
    """Return importances: towards the target, the objective, or each of several objectives."""
    if target is not None or len(study.directions) == 1:
        wanted: list[tuple[str, Target | None]] = [(target_name, target)]
    else:
        names = study.metric_names or [f"Objective {i}" for i in range(len(study.directions))]
        wanted = [(name, _signed_objective(study, index)) for index, name in enumerate(names)]
    found = []
    for label, explain in wanted:
        if not plotted_trials(study, explain):
            found.append(Bars(label, (), ()))
            continue
        shares = get_param_importances(
            study, evaluator=evaluator, params=None if params is None else list(params), target=explain
        )
        top = list(shares.items())[:MAX_BARS]
        found.append(Bars(label, tuple(name for name, _ in top), tuple(share for _, share in top)))
    return found


def _signed_objective(study: Study, index: int) -> Target:
    sign = study.directions[index].sign
    return lambda trial: sign * trial.values[index] if trial.values else math.nan
