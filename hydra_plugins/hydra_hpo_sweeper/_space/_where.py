"""Relations between a sweep's parameters: ``hydra.sweeper.where``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._configured import chosen_options, configured
from hydra_plugins.hydra_hpo_sweeper._space._entries import Fixed, Listed, Placed, Swept
from sweeper_core.distributions import BaseDistribution
from sweeper_core.search_space.binding import relation
from sweeper_core.search_space.lists import part_name
from sweeper_core.search_space.relations import Relation

KEY = "hydra.sweeper.where"


def read_where(where: Sequence[str], items: Sequence[Placed], config: DictConfig | None) -> tuple[Relation, ...]:
    """Return the relations that a sweep's points have to satisfy.

    Args:
        where: As the user wrote it.
        items: What is swept and what is fixed.
        config: The sweep's configuration, whose values may be named.

    Raises:
        ConfigError: A relation is invalid; the message shows the place.
    """
    kinds: dict[str, list[tuple[str, BaseDistribution]]] = {}
    for item in items:
        if item.distribution is not None:
            kinds.setdefault(item.at.bare, []).append((item.name, item.distribution))
    names = _Constants(items, config)
    found = []
    for index, text in enumerate(where):
        try:
            found.append(relation(text, kinds, names.value, names.known()))
        except ValueError as error:
            raise ConfigError(f"{KEY}[{index}]: {error}") from error
    return tuple(found)


class _Constants:
    """The values that relations may name beside parameters: fixed overrides, chosen options, the configuration."""

    def __init__(self, items: Sequence[Placed], config: DictConfig | None) -> None:
        self._fixed = {item.at.bare: item for item in items if isinstance(item.entry, Fixed)}
        self._listed = {item.at.bare: item.entry for item in items if isinstance(item.entry, Listed)}
        self._groups = [item.at.bare for item in items if isinstance(item.entry, Swept) and item.entry.group]
        self._config = config
        self._members = {
            key: item.at.key for item in items if isinstance(item.entry, Swept) for key in item.entry.member_keys
        }
        self._choices = chosen_options(config)

    def known(self) -> list[str]:
        """Return the names outside of Hydra's own configuration, those of its first floors."""
        keys = [str(key) for key in (self._config or ()) if key != "hydra"]
        lengths = {key: len(entry.shape.distributions) + 1 for key, entry in self._listed.items()}
        parts = [part_name(key, index) for key, length in lengths.items() for index in range(length)]
        return [*self._fixed, *parts, *(str(key) for key in self._choices if not str(key).startswith("hydra")), *keys]

    def value(self, name: str) -> Any:
        """Return the value of a name; ``UNKNOWN`` where there is none.

        Raises:
            ValueError: It has several, depending on what is swept.
        """
        if (item := self._fixed.get(name)) is not None:
            if item.when:
                raise ValueError(f"{name!r} is fixed under a condition only; sweep over it, or fix it for all trials")
            assert isinstance(item.entry, Fixed)
            return item.entry.value
        if (entry := self._listed.get(name.partition("[")[0])) is not None:
            raise ValueError(f"{entry.at.bare!r} is {entry.shape}, of which a relation can say nothing")
        if name in self._members:
            zipped = self._members[name]
            raise ValueError(f"{name!r} is set by {zipped}=zip(…); leave rows out of it, or compare {zipped!r} itself")
        for group in self._groups:
            package = group.partition("@")[2] or group.replace("/", ".")
            if name.startswith(f"{package}."):
                raise ValueError(f"{name!r} depends on {group!r}, which is swept; name {group!r} itself instead")
        return configured(self._config, name)
