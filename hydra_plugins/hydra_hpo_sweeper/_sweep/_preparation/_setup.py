"""The set-up of a run."""

from __future__ import annotations

from dataclasses import dataclass

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._store import OPTUNA_SWEEPER
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._output._tally import Tally
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import SweepDirectory
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._results._command import command_to_continue
from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import Results
from hydra_plugins.hydra_hpo_sweeper._sweep._results._page import Page
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._time_limit import TimeLimit
from sweeper_core.study._session.stopping import end_of


@dataclass(frozen=True)
class App:
    """The application that Hydra passes to a sweeper."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig

    @property
    def under_optunas_name(self) -> bool:
        """Whether the user asked for ``hydra/sweeper=optuna``."""
        return str(self.config.hydra.sweeper.get("_target_")).startswith(OPTUNA_SWEEPER)


@dataclass(frozen=True)
class Setup:
    """The set-up of a run after its settings are read and its study is open."""

    app: App
    settings: Settings
    plan: Plan
    directory: SweepDirectory
    opened: Opened
    results: Results
    page: Page
    tally: Tally
    time_limit: TimeLimit

    def refresh(self) -> None:
        """Write the results and the report, if it is time; workers seldom, for all of them write the same files."""
        if self.settings.role == "worker":
            self.results.refresh_shared()
            return
        self.results.refresh()
        self.page.refresh()

    @property
    def studies(self) -> tuple[Opened, ...]:
        """The studies that a new storage has to have when the sweep directory is lost."""
        return (self.opened,)

    def command(self) -> str | None:
        """Return the command that goes on with this sweep, with the trials of this run that have not ended.

        None where the study ends with this process. When ``hydra.sweeper.stop`` ended it, the command does without.
        """
        session = self.opened.session
        stopped = end_of(session.study, session.log.n_configurations) is not None
        limit = self.settings.n_trials
        left = None if limit is None else max(0, limit - self.tally.finished)
        return command_to_continue(self.settings, self.opened, self.directory.path, left, stopped)
