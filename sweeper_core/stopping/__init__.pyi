# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.stopping.check import StopCheck as StopCheck
from sweeper_core.stopping.outlook import Outlook as Outlook
from sweeper_core.stopping.outlook import outlook_of as outlook_of
from sweeper_core.stopping.rule import StopRule as StopRule
