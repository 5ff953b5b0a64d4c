"""Storing priors beside a study."""

from __future__ import annotations

from typing import Any

from sweeper_core.distributions import BaseDistribution
from sweeper_core.plain import plain
from sweeper_core.search_space.priors import Prior
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.attrs import PRIORS


def store_prior(log: TrialLog, name: str, value: Any, confidence: str) -> None:
    """Store a parameter's prior; see :meth:`Study.set_prior`."""
    kind = _kind_of(log, name)
    if kind is not None and value is not None and not kind.contains(value):
        raise ValueError(f"The prior {value!r} of {name!r} is not one of its values; it is {kind}.")
    stored = {key: prior.to_json() for key, prior in log.priors.items() if key != name}
    if value is not None or (kind is not None and kind.contains(None)):
        stored[name] = plain(Prior(value, confidence).to_json())
    log.storage.set_study_attrs(log.study_id, system={PRIORS: stored})
    log.refresh()


def _kind_of(log: TrialLog, name: str) -> BaseDistribution | None:
    """Return the distribution that the study's last trial with a parameter has; None where no trial has it."""
    log.sync()
    layouts = [record.layout for record in log.records if name in record.layout.names]
    return layouts[-1].distributions[layouts[-1].names.index(name)] if layouts else None
