"""Reads ``hydra.sweeper.stop``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._numbers import without_quotes
from hydra_plugins.hydra_hpo_sweeper._config._readers import wrong
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core.directions import StudyDirection
from sweeper_core.stopping.rule import EXAMPLE, StopRule


def stop_rule(key: str, value: Any) -> StopRule:
    """Return the stop rule; the empty one for null and false."""
    if without_quotes(value) is None or value is False:
        return StopRule()
    if not isinstance(value, Mapping):
        raise wrong(key, f"a mapping such as {EXAMPLE}", value)
    try:
        return StopRule.of({str(name): without_quotes(given) for name, given in value.items()})
    except ValueError as error:
        raise ConfigError(f"hydra.sweeper.{key}{error}") from error


def check_objectives(rule: StopRule, directions: Sequence[StudyDirection]) -> None:
    """Refuse a condition that needs a single objective for a sweep with several."""
    try:
        rule.check_objectives(directions)
    except ValueError as error:
        raise ConfigError(f"hydra.sweeper.stop{error}") from error
