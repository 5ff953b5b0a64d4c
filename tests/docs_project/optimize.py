"""The script that the pages start in two terminals."""

from __future__ import annotations

from typing import Any

import sweeper_core as hpo


def objective(trial: Any) -> float:
    return float(trial.suggest_float("x", -10, 10) ** 2)


study = hpo.create_study(study_name="shared", storage="journal.log", load_if_exists=True)
study.optimize(objective, n_trials=5)
