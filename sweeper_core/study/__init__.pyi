# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.directions import StudyDirection as StudyDirection
from sweeper_core.study._session.session import Session as Session
from sweeper_core.study._session.session import Started as Started
from sweeper_core.study.callbacks import MaxTrialsCallback as MaxTrialsCallback
from sweeper_core.study.studies import copy_study as copy_study
from sweeper_core.study.studies import create_study as create_study
from sweeper_core.study.studies import delete_study as delete_study
from sweeper_core.study.studies import get_all_study_names as get_all_study_names
from sweeper_core.study.studies import get_all_study_summaries as get_all_study_summaries
from sweeper_core.study.studies import load_study as load_study
from sweeper_core.study.study import Study as Study
from sweeper_core.study.summary import StudySummary as StudySummary
