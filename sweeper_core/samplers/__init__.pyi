# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.samplers.auto import AutoSampler as AutoSampler
from sweeper_core.samplers.base import Request as Request
from sweeper_core.samplers.base import Sampler as Sampler
from sweeper_core.samplers.base import Suggestion as Suggestion
from sweeper_core.samplers.brute_force import BruteForceSampler as BruteForceSampler
from sweeper_core.samplers.cmaes import CmaEsSampler as CmaEsSampler
from sweeper_core.samplers.gp import GPSampler as GPSampler
from sweeper_core.samplers.grid import GridSampler as GridSampler
from sweeper_core.samplers.nsgaii import NSGAIISampler as NSGAIISampler
from sweeper_core.samplers.nsgaiii import NSGAIIISampler as NSGAIIISampler
from sweeper_core.samplers.partial_fixed import PartialFixedSampler as PartialFixedSampler
from sweeper_core.samplers.qmc import QMCSampler as QMCSampler
from sweeper_core.samplers.random import RandomSampler as RandomSampler
from sweeper_core.samplers.tpe import TPESampler as TPESampler
from sweeper_core.samplers.user import BaseSampler as BaseSampler
from sweeper_core.samplers.user_genetic import BaseGASampler as BaseGASampler
