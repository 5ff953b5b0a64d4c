"""Intervals, ranges and numeric mappings as distributions.

Every function raises ``ValueError`` with the reason and the remedy; the caller names the key.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import IntervalSweep

from hydra_plugins.hydra_hpo_sweeper._space._described import number
from hydra_plugins.hydra_hpo_sweeper._space._functions import Range
from sweeper_core.distributions import MAX_EXACT_INTEGER, BaseDistribution, FloatDistribution, IntDistribution


def of_interval(sweep: IntervalSweep) -> BaseDistribution:
    """Return the distribution of ``interval(…)``, cast or tagged or not."""
    return of_bounds(sweep.start, sweep.end, "log" in sweep.tags, getattr(sweep, "step", None))


def of_range(sweep: Range) -> BaseDistribution:
    """Return the distribution of ``range(…)``: ints, or floats on a grid."""
    first, step, count = sweep.exact()
    log = "log" in sweep.tags
    if count == 0:
        raise ValueError(
            f"range from {sweep.start} to {sweep.stop} in steps of {sweep.step} is empty (the stop is not included)"
        )
    last = first + step * (count - 1)
    low, high = min(first, last), max(first, last)
    if sweep.is_integral():
        check_exact(low, high)
        return of_bounds(int(low), int(high), log, abs(int(step)) if count > 1 else 1)
    _check_bounds(float(low), float(high), log)
    if log:
        raise ValueError(f"a logarithmic scale has no step, but a range has ({sweep.step}); use interval()")
    return FloatDistribution(float(low), float(high), step=float(abs(step)))


def of_bounds(low: Any, high: Any, log: bool, step: Any) -> BaseDistribution:
    """Return the distribution of all ints, or of all floats, between two bounds.

    Args:
        step: None for every number.
    """
    _check_bounds(low, high, log)
    if step is not None and step <= 0:
        raise ValueError(f"step must be above 0, not {number(step)}")
    if log and step not in (None, 1 if isinstance(low, int) else None):
        raise ValueError(f"a logarithmic scale has no step, but step is {step}; leave one of them out")
    if step is not None and low < high:
        high = _last_on_grid(low, high, step)
    if isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int)):
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low, high, log=log, step=step)


def _last_on_grid(low: Any, high: Any, step: Any) -> Any:
    """Return the largest number of a grid that is within its bounds: as decimals, the numbers that were written."""
    first, end, width = (Decimal(repr(value)) for value in (low, high, step))
    if width > end - first:
        raise ValueError(
            f"step={number(step)} is wider than the range from {number(low)} to {number(high)}, so that only "
            f"{number(low)} would be tried; make it smaller"
        )
    last = first + (end - first) // width * width
    return int(last) if isinstance(high, int) and isinstance(step, int) else float(last)


def check_exact(low: Any, high: Any) -> None:
    """Refuse ints that a float cannot hold."""
    if max(abs(low), abs(high)) > MAX_EXACT_INTEGER:
        raise ValueError("ints beyond ±2**53 are not kept exactly; sweep over an exponent, or give strings as choices")


def _check_bounds(low: Any, high: Any, log: bool) -> None:
    if low > high:
        raise ValueError(f"the lower bound {number(low)} is above the upper bound {number(high)}; swap them")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale needs bounds above 0, but the lower bound is {number(low)}")
