# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.trial.base import BaseTrial as BaseTrial
from sweeper_core.trial.data import TrialData as TrialData
from sweeper_core.trial.fixed import FixedTrial as FixedTrial
from sweeper_core.trial.frozen import FrozenTrial as FrozenTrial
from sweeper_core.trial.frozen import create_trial as create_trial
from sweeper_core.trial.history import History as History
from sweeper_core.trial.live import Trial as Trial
from sweeper_core.trial.record import TrialRecord as TrialRecord
from sweeper_core.trial.state import TrialState as TrialState
