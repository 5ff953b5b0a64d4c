"""Hints at the end of a search: what another run would do otherwise, where the trials give evidence for it.

* The best trials lie at an end of a range: a wider one may hold better ones.
* A parameter has hardly mattered: it may be fixed.
* A choice has always failed: it may be dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.report.facts import StudyFacts, is_feasible
from sweeper_core.report.texts import value_text
from sweeper_core.trial.attrs import LOST
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

Numeric = FloatDistribution | IntDistribution

MIN_TRIALS = 20
"""Minimum number of complete trials for a hint about a range."""
BEST, AT_END = 5, 4
"""So many of the best trials have to lie near the end: the best one alone may be there by chance."""
VERY_NEAR, NEAR = 0.02, 0.1
"""Distance from the end, as a share of the range: of the best trial, and of the others."""
MIN_TRIALS_OF_IMPORTANCE = 50
"""Minimum number of complete trials for a hint about an importance."""
LITTLE = 0.01
"""Share of the importance below which a parameter has hardly mattered."""
LITTLE_OF_EVEN = 0.1
"""The same for many parameters, as a part of what each has where all matter alike."""
MAX_IDLE = 5
"""So many are named, the least important ones: a list of a hundred is no hint."""
MIN_FAILURES = 3
BY_CHANCE = 0.01
"""Maximum probability that a choice would have failed so often by the failure rate of the others."""


@dataclass(frozen=True)
class Hint:
    """One hint.

    Attributes:
        parameter: Whom it is about.
        text: In one sentence.
        wider: The range to search in the next run; None when the hint is not about a range.
    """

    parameter: str
    text: str
    wider: Numeric | None = None


def hints_of(
    facts: StudyFacts,
    space: Mapping[str, BaseDistribution] | None = None,
    importances: Mapping[str, float] | None = None,
) -> list[Hint]:
    """Return the hints that a study gives evidence for.

    Args:
        space: Today's distributions by name; None for those that the parameters had last.
        importances: Shares by name; None where they are not known.
    """
    today = _latest(facts.records) if space is None else space
    found = list(_failed(facts, today))
    if facts.single:
        found = [*_ends(facts, today), *_idle(facts, today, importances or {}), *found]
    return found


def _latest(records: Sequence[TrialRecord]) -> dict[str, BaseDistribution]:
    return {name: one for layout in {r.layout: None for r in records} for name, one in layout.as_dict().items()}


# --- ends of ranges -------------------------------------------------------------------------------------------------


def _ends(facts: StudyFacts, space: Mapping[str, BaseDistribution]) -> Iterator[Hint]:
    sign = facts.directions[0].sign
    complete = [r for r in facts.having(TrialState.COMPLETE) if r.values and is_feasible(r)]
    if len(complete) < MIN_TRIALS:
        return
    best = sorted(complete, key=lambda r: (r.values or (0.0,))[0] * sign)[:BEST]
    for name, distribution in space.items():
        if isinstance(distribution, (FloatDistribution, IntDistribution)) and not distribution.single():
            units = [_unit(distribution, record.params.get(name)) for record in best]
            yield from _end(name, distribution, [unit for unit in units if unit is not None])


def _unit(distribution: Numeric, value: object) -> float | None:
    if not isinstance(value, (int, float)) or not distribution.contains(value):
        return None
    return float(distribution.axis.unit(distribution.to_internal_repr(value)))


def _end(name: str, distribution: Numeric, units: Sequence[float]) -> Iterator[Hint]:
    for end, word in ((0.0, "lower"), (1.0, "upper")):
        gaps = [abs(unit - end) for unit in units]
        near = sum(gap <= NEAR for gap in gaps)
        if len(gaps) == BEST and gaps[0] <= VERY_NEAR and near >= AT_END and not _natural(distribution, end):
            wider = _widened(distribution, end)
            bound, beyond = (wider.low, distribution.low) if end == 0.0 else (wider.high, distribution.high)
            text = f"{name}: the best trials are at its {word} bound {beyond:g}; widen it to {bound:g}?"
            yield Hint(name, text, wider)


def _natural(distribution: Numeric, end: float) -> bool:
    """Return whether a bound is likely to be one of the quantity itself: nothing is below none, or above all."""
    if isinstance(distribution, IntDistribution):
        return end == 0.0 and distribution.low in (0, 1)
    return not distribution.log and (distribution.low == 0.0 if end == 0.0 else distribution.high == 1.0)


def _widened(distribution: Numeric, end: float) -> Numeric:
    """Return the range with more room at one end: a factor of ten on a log scale, else half of its width."""
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high = (low / 10.0, high) if end == 0.0 else (low, high * 10.0)
    else:
        room = 0.5 * (high - low)
        low, high = (max(low - room, 0.0) if low > 0.0 else low - room, high) if end == 0.0 else (low, high + room)
    if isinstance(distribution, FloatDistribution):
        step = distribution.step
        if step is not None:
            low, high = _on_grid(distribution.low, low, step), _on_grid(distribution.low, high, step)
        return FloatDistribution(float(f"{low:.4g}"), float(f"{high:.4g}"), log=distribution.log, step=step)
    least = 1.0 if distribution.log else 0.0 if distribution.low >= 0 else low
    ends = (_on_grid(distribution.low, bound, distribution.step) for bound in (low, high))
    whole = [int(bound) for bound in ends]
    whole[0] += distribution.step * max(math.ceil((least - whole[0]) / distribution.step), 0)
    return IntDistribution(whole[0], whole[1], log=distribution.log, step=distribution.step)


def _on_grid(start: float, value: float, step: float) -> float:
    """Return the point of the grid from ``start`` next to ``value``."""
    return start + round((value - start) / step) * step


# --- parameters and choices -----------------------------------------------------------------------------------------


def _idle(facts: StudyFacts, space: Mapping[str, BaseDistribution], importances: Mapping[str, float]) -> Iterator[Hint]:
    if len(facts.having(TrialState.COMPLETE)) < MIN_TRIALS_OF_IMPORTANCE or len(importances) < 2:
        return
    little = min(LITTLE, LITTLE_OF_EVEN / len(importances))
    free = {name for name, distribution in space.items() if not distribution.single()}
    idle = [(name, share) for name, share in importances.items() if share < little and name in free]
    least = set(sorted(idle, key=lambda one: one[1])[:MAX_IDLE])
    for name, share in (one for one in idle if one in least):
        yield Hint(name, f"{name}: it hardly mattered ({100 * share:.1f} % of the importance); fix it?")


def _failed(facts: StudyFacts, space: Mapping[str, BaseDistribution]) -> Iterator[Hint]:
    """Yield the choices that always failed where others did not."""
    ended = [r for r in facts.finished if LOST not in r.system_attrs]
    for name, distribution in space.items():
        if isinstance(distribution, CategoricalDistribution):
            having = [record for record in ended if name in record.layout.names]
            yield from _failed_of(name, distribution, having)


def _failed_of(name: str, distribution: CategoricalDistribution, having: Sequence[TrialRecord]) -> Iterator[Hint]:
    places = [distribution.position(record.params[name]) for record in having]
    lost = [record.state is TrialState.FAIL for record in having]
    for place, choice in enumerate(distribution.choices):
        mine = places.count(place)
        failed = sum(one for one, at in zip(lost, places, strict=True) if at == place)
        elsewhere, others = sum(lost) - failed, len(having) - mine
        rate = (elsewhere + 1.0) / (others + 2.0)
        if failed == mine >= MIN_FAILURES and rate**failed < BY_CHANCE:
            what = f"all of its {failed} trials failed, and {elsewhere} of {others} others"
            yield Hint(name, f"{name}={value_text(choice)}: {what}; drop it?")
