"""Data stored with a trial while it runs, besides its state and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweeper_core.distributions import BaseDistribution
from sweeper_core.trial.record import NOTHING


class TrialData(NamedTuple):
    """Parameters, reports and attributes of a trial; false when there are none.

    Attributes:
        params: External values by name; each has its distribution in ``distributions``, which may hold more.
        distributions: Distributions by name.
        reports: ``(step, value)`` in the order of reporting; the first report of a step counts.
        user_attrs, system_attrs: JSON values by name.
    """

    params: Mapping[str, Any] = NOTHING
    distributions: Mapping[str, BaseDistribution] = NOTHING
    reports: Sequence[tuple[int, float]] = ()
    user_attrs: Mapping[str, Any] = NOTHING
    system_attrs: Mapping[str, Any] = NOTHING

    def __bool__(self) -> bool:
        return any(self)

    def with_distributions(self, distributions: Mapping[str, BaseDistribution]) -> TrialData:
        """Return the same data with other distributions."""
        return self if distributions is self.distributions else self._replace(distributions=distributions)

    def merged(self, later: TrialData) -> TrialData:
        """Return the merged data; for a name in both, the later value counts."""
        if not self:
            return later
        if not later:
            return self
        return TrialData(
            {**self.params, **later.params},
            {**self.distributions, **later.distributions},
            [*self.reports, *later.reports],
            {**self.user_attrs, **later.user_attrs},
            {**self.system_attrs, **later.system_attrs},
        )


NO_DATA = TrialData()
