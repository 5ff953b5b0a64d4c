"""The checkpoints of a sweep's trials: where they are, and which of them stay when trials end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from sweeper_core.checkpoints.keep import GB, KeepRules, Standing, apply
from sweeper_core.checkpoints.store import CheckpointStore
from sweeper_core.study._session.checkpoints import study_root
from sweeper_core.study._session.standing import standings

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

FOLDER = "checkpoints"
"""Below the sweep directory, unless the user names another place."""


class Checkpoints:
    """Deletes what the rules do not keep; costs nothing as long as no job has saved any.

    Args:
        directory: The sweep's.
    """

    def __init__(self, settings: Settings, opened: Opened, directory: Path) -> None:
        options = settings.checkpoints
        self._session = opened.session
        self._n_objectives = len(settings.directions)
        self._reports = settings.ladder is None
        limit = None if options.max_gb is None else options.max_gb * GB
        self._rules = KeepRules(options.keep_best, options.keep_last, limit)
        self.root = directory.absolute() / FOLDER if options.dir is None else _root_of(options.dir, opened)
        self.save_rules = {"every": options.every, "last": options.keep_last, "max_gb": options.max_gb}

    def tidy(self) -> None:
        """Delete what has to go now that a trial has ended."""
        if not self.root.exists():
            return
        self._session.log.sync()
        try:
            apply(CheckpointStore(self.root), self._standings(), self._rules)
        except OSError as error:
            log.warning("hydra.sweeper.checkpoints: what is superfluous in %s stays: %s", self.root, error)

    def forget(self, configuration: int) -> None:
        """Delete the checkpoints of a configuration that begins anew."""
        for folder in CheckpointStore(self.root).folders().get(configuration, []) if self.root.exists() else ():
            folder.keep(0)

    def _standings(self) -> Mapping[int, Standing]:
        return standings(self._session.log, self._session.rules.scheduler is not None, self._reports)


def _root_of(chosen: str, opened: Opened) -> Path:
    return study_root(Path(chosen).expanduser().absolute(), opened.session.storage, opened.session.study)
