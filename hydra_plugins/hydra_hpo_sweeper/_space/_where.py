"""Relations between a sweep's parameters: ``hydra.sweeper.where``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._configured import chosen_options, configured, key_above, names_of
from hydra_plugins.hydra_hpo_sweeper._space._entries import Fixed, Listed, Placed, Swept, is_set_in_jobs
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
        self._set = [item.at.bare for item in items if is_set_in_jobs(item.entry)]
        self._config = config
        self._members = {
            key: item.at.key for item in items if isinstance(item.entry, Swept) for key in item.entry.member_keys
        }
        self._choices = chosen_options(config)
        self._keys = names_of(config)

    def known(self) -> list[str]:
        """Return the names outside of Hydra's own configuration."""
        lengths = {key: len(entry.shape.distributions) + 1 for key, entry in self._listed.items()}
        parts = [part_name(key, index) for key, length in lengths.items() for index in range(length)]
        groups = [str(key) for key in self._choices if not str(key).startswith("hydra")]
        return [*self._fixed, *parts, *groups, *self._keys]

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
        if (entry := self._listed.get(key_above(name, self._listed) or name)) is not None:
            raise ValueError(f"{entry.at.bare!r} is {entry.shape}, of which a relation can say nothing")
        if zipped := self._members.get(key_above(name, self._members) or name):
            raise ValueError(f"{name!r} is set by {zipped}=zip(…); leave rows out of it, or compare {zipped!r} itself")
        if above := key_above(name, self._set):
            raise ValueError(f"{name!r} depends on {above!r}, which the sweep sets; name {above!r} itself instead")
        return configured(self._config, name)
