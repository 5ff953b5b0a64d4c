"""Studies: optimisations with their trials, samplers, pruners and storages."""

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    {
        "MaxTrialsCallback": "sweeper_core.study.callbacks",
        "Session": "sweeper_core.study._session.session",
        "Started": "sweeper_core.study._session.session",
        "Study": "sweeper_core.study.study",
        "StudyDirection": "sweeper_core.directions",
        "StudySummary": "sweeper_core.study.summary",
        "copy_study": "sweeper_core.study.studies",
        "create_study": "sweeper_core.study.studies",
        "delete_study": "sweeper_core.study.studies",
        "get_all_study_names": "sweeper_core.study.studies",
        "get_all_study_summaries": "sweeper_core.study.studies",
        "load_study": "sweeper_core.study.studies",
    },
)
