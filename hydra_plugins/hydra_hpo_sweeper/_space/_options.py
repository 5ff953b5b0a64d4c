"""The options of config groups: which choices of a group exist, and which ``glob`` finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Glob
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from hydra_plugins.hydra_hpo_sweeper._hydra._public import hydra_overrides


class Options:
    """Looks up the options of config groups.

    Args:
        config_loader: Hydra's; without one there are no groups.
        config: The sweep's configuration; the directories that it names are searched too.
    """

    def __init__(self, config_loader: Any, config: DictConfig | None) -> None:
        self._config_loader = config_loader
        self._config = config

    def of(self, group: str) -> list[str]:
        """Return the options of a group, in order; none when there is no such group."""
        # A key with dots names a value: groups are nested with slashes.
        if self._config_loader is None or "." in group:
            return []
        if self._config is None:
            return sorted(self._config_loader.get_group_options(group))
        # Both may name further directories of configurations.
        where = {"config_name": self._config.hydra.job.config_name, "overrides": hydra_overrides(self._config)}
        return sorted(self._config_loader.get_group_options(group, **where))

    def matching(self, group: str, glob: Glob) -> list[str]:
        """Return the options that a ``glob`` finds.

        Raises:
            ValueError: It finds none.
        """
        options = self.of(group)
        found = glob.filter(options)
        if not found:
            raise ValueError(
                f"glob() finds nothing in config group {group!r}; its options: "
                f"{', '.join(options) or 'none, or there is no such group'}"
            )
        return list(found)

    def check(self, group: str, values: Sequence[Any]) -> bool:
        """Return whether there is a group of that name.

        Raises:
            ValueError: A choice is no option of the group.
        """
        options = self.of(group)
        for value in values if options else ():
            for name in value if isinstance(value, list) else [value]:
                simple = isinstance(name, str) and "/" not in name and "${" not in name and "." not in name
                if simple and name not in options:
                    raise ValueError(
                        f"config group {group!r} has no option {name!r}; its options: "
                        f"{', '.join(options)}.{closest(name, options)}"
                    )
        return bool(options)

    def refuse_numbers(self, group: str) -> None:
        """Refuse to sweep a config group over numbers.

        Raises:
            ValueError: There is a group of that name.
        """
        options = self.of(group)
        if options:
            raise ValueError(
                f"{group!r} is a config group, whose options are names, not numbers; "
                f"write choice({', '.join(options)}) or glob(*)"
            )
