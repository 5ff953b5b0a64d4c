"""An embedded hyperparameter-optimisation core: studies, trials, samplers, pruners, storages.

Names load on first use, so that importing the package costs almost nothing.
"""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "TrialPruned": "sweeper_core.exceptions",
        "Study": "sweeper_core.study",
        "create_study": "sweeper_core.study",
        "load_study": "sweeper_core.study",
        "delete_study": "sweeper_core.study",
        "copy_study": "sweeper_core.study",
        "get_all_study_names": "sweeper_core.study",
        "get_all_study_summaries": "sweeper_core.study",
        "confirm": "sweeper_core.study.confirm",
        "current_trial": "sweeper_core.study._job.current",
        "Trial": "sweeper_core.trial",
        "create_trial": "sweeper_core.trial",
    },
    submodules=(
        "distributions",
        "exceptions",
        "importance",
        "integrations",
        "logging",
        "pruners",
        "samplers",
        "search_space",
        "storages",
        "study",
        "terminator",
        "trial",
        "visualization",
    ),
)
