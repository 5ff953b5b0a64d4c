# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core import distributions as distributions
from sweeper_core import exceptions as exceptions
from sweeper_core import importance as importance
from sweeper_core import integrations as integrations
from sweeper_core import logging as logging
from sweeper_core import pruners as pruners
from sweeper_core import samplers as samplers
from sweeper_core import search_space as search_space
from sweeper_core import storages as storages
from sweeper_core import study as study
from sweeper_core import terminator as terminator
from sweeper_core import trial as trial
from sweeper_core import visualization as visualization
from sweeper_core.exceptions import TrialPruned as TrialPruned
from sweeper_core.study import Study as Study
from sweeper_core.study import copy_study as copy_study
from sweeper_core.study import create_study as create_study
from sweeper_core.study import delete_study as delete_study
from sweeper_core.study import get_all_study_names as get_all_study_names
from sweeper_core.study import get_all_study_summaries as get_all_study_summaries
from sweeper_core.study import load_study as load_study
from sweeper_core.study._job.current import current_trial as current_trial
from sweeper_core.study.confirm import confirm as confirm
from sweeper_core.trial import Trial as Trial
from sweeper_core.trial import create_trial as create_trial

__version__: str
