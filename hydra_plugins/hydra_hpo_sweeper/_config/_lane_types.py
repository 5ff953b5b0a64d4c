"""Lane types of users' own: by the name of an entry point, or by a mapping with ``_target_``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._algorithms import imported
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError

GROUP = "hydra_hpo_sweeper.lanes"
"""Entry points: the name for ``hydra.sweeper.lanes``, and a class or function that returns lanes."""


@dataclass(frozen=True)
class LaneType:
    """A user's lane type.

    Attributes:
        make: Called with a :class:`LaneSetup` and the arguments; returns the lanes.
    """

    name: str
    make: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_process(self) -> bool:
        """Whether jobs run in the sweep's own process and thread, so that Ctrl-C reaches them first."""
        return bool(getattr(self.make, "in_process", False))


def registered_lane_types() -> dict[str, EntryPoint]:
    """Return the lane types of installed packages."""
    return {point.name: point for point in entry_points(group=GROUP)}


def own_lane_type(value: Mapping[str, Any]) -> LaneType:
    """Read ``{_target_: dotted.path, argument: …}``.

    Raises:
        ConfigError: There is no ``_target_``, or it cannot be imported or called.
    """
    place, target = "hydra.sweeper.lanes", value.get("_target_")
    if not isinstance(target, str):
        raise ConfigError(f"{place}: a mapping needs _target_, the dotted path of a lane type, not {dict(value)!r}.")
    make = imported(target, f"{place}._target_")
    if not callable(make):
        raise ConfigError(f"{place}._target_: {target!r} is no class or function.")
    return LaneType(target, make, {str(key): item for key, item in value.items() if key != "_target_"})
