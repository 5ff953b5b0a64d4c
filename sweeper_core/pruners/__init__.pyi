# What the package offers, for type checkers; the names load lazily at run time.
from sweeper_core.pruners.base import Pruner as Pruner
from sweeper_core.pruners.base import Verdict as Verdict
from sweeper_core.pruners.extrapolation import ExtrapolationPruner as ExtrapolationPruner
from sweeper_core.pruners.hyperband import HyperbandPruner as HyperbandPruner
from sweeper_core.pruners.nop import NopPruner as NopPruner
from sweeper_core.pruners.patient import PatientPruner as PatientPruner
from sweeper_core.pruners.percentile import MedianPruner as MedianPruner
from sweeper_core.pruners.percentile import PercentilePruner as PercentilePruner
from sweeper_core.pruners.successive_halving import SuccessiveHalvingPruner as SuccessiveHalvingPruner
from sweeper_core.pruners.threshold import ThresholdPruner as ThresholdPruner
from sweeper_core.pruners.user import BasePruner as BasePruner
from sweeper_core.pruners.wilcoxon import WilcoxonPruner as WilcoxonPruner
