# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.schedulers.asha import ASHAScheduler as ASHAScheduler
from sweeper_core.schedulers.auto import AutoScheduler as AutoScheduler
from sweeper_core.schedulers.base import Continue as Continue
from sweeper_core.schedulers.base import New as New
from sweeper_core.schedulers.base import Scheduler as Scheduler
from sweeper_core.schedulers.base import Stop as Stop
from sweeper_core.schedulers.base import Vacancy as Vacancy
from sweeper_core.schedulers.base import Wait as Wait
from sweeper_core.schedulers.freeze_thaw import FreezeThawScheduler as FreezeThawScheduler
from sweeper_core.schedulers.hyperband import HyperbandScheduler as HyperbandScheduler
from sweeper_core.schedulers.named import scheduler_of as scheduler_of
from sweeper_core.schedulers.stop import StopScheduler as StopScheduler
