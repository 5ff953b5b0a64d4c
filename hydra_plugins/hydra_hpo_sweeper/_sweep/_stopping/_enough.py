"""Stopping a sweep by ``hydra.sweeper.stop``."""

from __future__ import annotations

from collections.abc import Callable

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import Setup
from sweeper_core.study._session.session import Session
from sweeper_core.study._session.stopping import Stopping
from sweeper_core.trial.state import TrialState


def stopping_of(setup: Setup, left: Callable[[], int | None]) -> Stopping:
    """Return what decides whether a sweep has seen enough trials.

    Args:
        left: Returns how many trials may still start; None for no limit.
    """
    by_code = setup.settings.custom_search_space is not None
    session = setup.opened.session
    return Stopping(
        session, setup.settings.stop, lambda: session.log.statistics.joint if by_code else setup.plan.space, left
    )


def check_target(settings: Settings, session: Session) -> None:
    """Refuse a target that every trial of the study has reached: the direction is the wrong one, or the target is.

    Raises:
        ConfigError: All of at least two complete trials have reached it.
    """
    rule = settings.stop
    complete = [r for r in session.log.configurations if r.state is TrialState.COMPLETE and r.values]
    if rule.target is None or len(complete) < 2:
        return
    (direction,) = settings.directions
    if all(record.values and rule.reached(record.values[0], direction) for record in complete):
        worst = max((record.values[0] for record in complete if record.values), key=lambda v: v * direction.sign)
        raise ConfigError(
            f"hydra.sweeper.stop.target={rule.target:g} was reached before the search began: with "
            f"hydra.sweeper.direction={direction.name.lower()} each of the study's {len(complete)} complete trials has "
            f"reached it (the worst with {worst:.6g}). Give a target that is better than these, or the other direction."
        )
