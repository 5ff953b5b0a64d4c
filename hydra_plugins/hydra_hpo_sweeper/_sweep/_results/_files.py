"""Results files and return value of a sweep: snapshots of the storage; each file is replaced atomically.

==========================  ==================================================================================
optimization_results.yaml   name, best_params, best_value, best_trial, job_dir; with several objectives ``solutions``,
                            each with params, values, trial and job_dir; ``stopped``, why hydra.sweeper.stop ended it;
                            ``hints``, what another run would do otherwise; ``expected`` by a model of the trials, or
                            ``confirmed`` after a confirmation
trials.csv                  one row a trial: number, state, values, parameters, constraints (kept when not above 0),
                            user attributes (fixed overrides and further metrics among them), cost (where costs are
                            heeded), duration, job directory,
                            and why it failed or was pruned
best_overrides.txt          the best trial's overrides, one a line, quoted for a shell:
                            ``xargs python train.py < best_overrides.txt`` runs it again
best_overrides.yaml         the same as a list of strings; with several objectives a list for each best trial
top_overrides.txt           with ``top_k``: the overrides of the ``top_k`` best trials, the best first, a line each:
                            ``xargs -L 1 python train.py < top_overrides.txt`` runs them again
top_overrides.yaml          the same as a list: trial, values and overrides of each
                            (after a confirmation that has ended these and best_config.yaml have its winner)
best_config.yaml            the best trial's whole configuration, interpolations not resolved (one objective):
                            ``python train.py --config-dir DIRECTORY --config-name best_config`` runs it
==========================  ==================================================================================

A value is written with its exact type and text: the string ``10`` is quoted, the number is not.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import shlex
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hydra.types import RunMode
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._hydra._public import hydra_overrides
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._results._best_config import NAME as BEST_CONFIG
from hydra_plugins.hydra_hpo_sweeper._sweep._results._best_config import Compose, best_config
from hydra_plugins.hydra_hpo_sweeper._sweep._results._confirmed import chosen, confirmed_as_data, lines_of
from hydra_plugins.hydra_hpo_sweeper._sweep._results._expected import HowSure
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._costs import as_data, costs_by_number
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._smaller import with_smaller
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import why_pruned
from sweeper_core._flock import locked
from sweeper_core.maths.pareto import pareto_front
from sweeper_core.report.hints import Hint
from sweeper_core.report.texts import cell_text
from sweeper_core.search_space.lists import ListParameter, with_lists
from sweeper_core.study._session.session import Session
from sweeper_core.study._session.stopping import end_of
from sweeper_core.study.confirm import Confirmation
from sweeper_core.trial.attrs import FAILURE, JOB_DIRECTORY, REPEATS, SMALLER
from sweeper_core.trial.best import best_first
from sweeper_core.trial.cluster import seconds_of
from sweeper_core.trial.record import TrialRecord, out_of_memory
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.table import MISSING, TrialTable

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

IN_WORDS = {"fail": "failed"}

SECONDS_BETWEEN = 1.0
SECONDS_BETWEEN_SHARED = 60.0
"""The same for the processes of which each is one of many that write into one directory."""
SHARE_OF_TIME = 0.02
"""Maximum share of a run's time for snapshots: large studies are written less often than once a second."""


@dataclass(frozen=True)
class SweepResult:
    """The return value of a sweep.

    Attributes:
        study_name: Name of the study in its storage.
        directory: The sweep directory.
        best: The best trial; the trials of the first Pareto front with several objectives; empty when no trial
            is complete and feasible.
        finished: How many trials of the study have ended, by state.
        stopped: Why ``hydra.sweeper.stop`` ended the study; None when it did not.
        out_of_memory: How many of those that failed ran out of memory.
        lists: The lists that parameters make up.
        confirmed: The confirmation of the best trials, where there was one.
        sure: What a model says of the best trial, once the sweep has ended.
    """

    study_name: str
    directory: Path
    best: tuple[TrialRecord, ...]
    n_objectives: int
    finished: dict[str, int]
    stopped: str | None = None
    out_of_memory: int = 0
    lists: tuple[ListParameter, ...] = ()
    confirmed: Confirmation | None = None
    sure: HowSure | None = None

    @property
    def best_trial(self) -> int | None:
        """Number of the best trial (one objective)."""
        return self.best[0].number if self.best and self.n_objectives == 1 else None

    def params_of(self, record: TrialRecord) -> dict[str, Any]:
        """Return the parameters of a trial, each list as one value."""
        return with_lists(record.params, self.lists)

    @property
    def best_params(self) -> dict[str, Any] | None:
        """Parameters of the best trial (one objective)."""
        return self.params_of(self.best[0]) if self.best and self.n_objectives == 1 else None

    @property
    def best_value(self) -> float | None:
        """Value of the best trial (one objective)."""
        return self.best[0].values[0] if self.best and self.n_objectives == 1 and self.best[0].values else None

    @property
    def best_values(self) -> list[tuple[float, ...]]:
        """Values of the best trials."""
        return [record.values or () for record in self.best]

    def lines(self) -> list[str]:
        """Return a summary for the log."""
        counts = ", ".join(f"{count} {IN_WORDS.get(state, state)}" for state, count in self.finished.items()) or "none"
        counts += f" ({self.out_of_memory} out of memory)" if self.out_of_memory else ""
        lines = [f"Trials: {counts}. Results: {self.directory}"]
        if not self.best:
            return [*lines, "No trial is complete and within its constraints."]
        if self.n_objectives > 1:
            lines.append(f"Number of Pareto solutions: {len(self.best)}")
            lines += [f"    Values: {_short(record.values)}, Params: {self.params_of(record)}" for record in self.best]
            return lines
        record = self.best[0]
        lines += [
            f"Best parameters: {self.params_of(record)}",
            f"Best value: {self.best_value} (trial {record.number})",
        ]
        if self.confirmed is not None:
            return lines + lines_of(self.confirmed, record.number)
        return lines if self.sure is None else lines + self.sure.lines(record.number)


def _short(values: Sequence[float] | None) -> list[float]:
    return list(values or ())


class Results:
    """Writes the snapshots of one study into one directory.

    Args:
        run: How the best trial is run again.
        compose: Makes the configuration of a job from its overrides.
        top_k: Of how many of the best trials the overrides are written; None for no such files.
    """

    def __init__(
        self,
        session: Session,
        plan: Plan,
        directory: Path,
        run: RunAgain,
        compose: Compose,
        top_k: int | None = None,
    ) -> None:
        self._session = session
        self._plan = plan
        self._directory = directory
        self._run = run
        self._compose = compose
        self._top_k = top_k
        self.hints: list[Hint] = []
        """What another run would do otherwise, known at the end of this one."""
        self._configured: int | None = None
        self._overrides: dict[int, list[str]] = {}
        self._next = 0.0
        self._warned = False
        self.confirmation: Callable[[], Confirmation] | None = None
        """Reads the confirmation, once that has begun."""
        self.sure: HowSure | None = None
        """What a model says, once the search has ended."""

    def refresh(self) -> None:
        """Write if the last time was long enough ago."""
        if time.monotonic() >= self._next:
            begun = time.monotonic()
            self.write()
            took = time.monotonic() - begun
            self._next = begun + max(SECONDS_BETWEEN, took / SHARE_OF_TIME)

    def refresh_shared(self) -> None:
        """Write if no other process has written for a while."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SECONDS_BETWEEN_SHARED
        with suppress(FileNotFoundError):
            if abs(time.time() - (self._directory / "trials.csv").stat().st_mtime) < SECONDS_BETWEEN_SHARED:
                return
        self.write()

    def write(self) -> None:
        """Write all files as of now; where that is impossible, warn once: everything can be made from the study."""
        try:
            self._write()
        except OSError as error:
            if not self._warned:
                log.warning("The results cannot be written now (%s); the study has everything.", error)
            self._warned = True
        else:
            self._warned = False

    def _write(self) -> None:
        with _locked(self._directory / ".results.lock"):
            self._session.log.sync()
            records = self._session.log.configurations
            best = self._best()
            session = self._session
            text = trials_csv(records, session.n_objectives, session.log.lists, costs_by_number(session))
            self._replace("trials.csv", text)
            if best:
                confirmed = self._confirmed()
                self._replace("optimization_results.yaml", dump(self._summary(best, confirmed)))
                self._write_overrides(best if confirmed is None else [chosen(confirmed) or best[0]])
                self._write_top(records)

    def result(self) -> SweepResult:
        """Return what is known now."""
        self._session.log.sync()
        states = [record.state for record in self._session.log.configurations]
        counts = {state.name.lower(): states.count(state) for state in TrialState if states.count(state)}
        study = self._session.study
        best, n_objectives, lists = tuple(self._best()), len(study.directions), self._session.log.lists
        short = out_of_memory(self._session.log.configurations)
        found = self._stopped(), short, lists, self._confirmed(), self.sure
        return SweepResult(study.name, self._directory, best, n_objectives, counts, *found)

    def _stopped(self) -> str | None:
        end = end_of(self._session.study, self._session.log.n_configurations)
        return None if end is None else end[0]

    def _confirmed(self) -> Confirmation | None:
        return None if self.confirmation is None else self.confirmation()

    def _best(self) -> list[TrialRecord]:
        log = self._session.log
        if self._session.n_objectives == 1:
            number = log.statistics.best.number
            return [] if number is None else [log.of_configuration(number)]
        history = log.history()
        rows = np.flatnonzero((history.states == TrialState.COMPLETE) & history.feasible)
        front = rows[pareto_front(history.values[rows])] if len(rows) else rows
        return [log.of_configuration(int(row)) for row in front]

    def _summary(self, best: Sequence[TrialRecord], confirmed: Confirmation | None) -> dict[str, Any]:
        priors = {name: prior.to_json() for name, prior in self._session.log.priors.items()}
        short = out_of_memory(self._session.log.configurations)
        hints = [hint.text for hint in self.hints]
        further = {"priors": priors, "stopped": self._stopped(), "hints": hints, "out_of_memory": short}
        further |= as_data(self._session)
        further["confirmed"] = None if confirmed is None else confirmed_as_data(confirmed)
        further["expected"] = None if self.sure is None else self.sure.as_data()
        return {**self._best_as_data(best), **{key: value for key, value in further.items() if value}}

    def _best_as_data(self, best: Sequence[TrialRecord]) -> dict[str, Any]:
        if self._session.n_objectives == 1:
            record = best[0]
            return {
                "name": self._run.name,
                "best_params": self._session.log.shown(record.params),
                "best_value": _short(record.values)[0],
                "best_trial": record.number,
                "job_dir": record.system_attrs.get(JOB_DIRECTORY),
            }
        return {"name": self._run.name, "solutions": [self._solution(record) for record in best]}

    def _solution(self, record: TrialRecord) -> dict[str, Any]:
        return {
            "params": self._session.log.shown(record.params),
            "values": _short(record.values),
            "trial": record.number,
            "job_dir": record.system_attrs.get(JOB_DIRECTORY),
        }

    def _lines(self, record: TrialRecord) -> list[str]:
        """Return the command line of a trial; it is looked up once."""
        if record.number not in self._overrides:
            self._overrides[record.number] = [*self._run.mode, *self._overrides_of(record)]
        return self._overrides[record.number]

    def _write_top(self, records: Sequence[TrialRecord]) -> None:
        if self._top_k is None:
            return
        top = best_first(records, self._session.study.directions, self._top_k)
        self._replace("top_overrides.txt", "".join(shlex.join(self._lines(record)) + "\n" for record in top))
        entries = [{"trial": r.number, "values": _short(r.values), "overrides": self._lines(r)} for r in top]
        self._replace("top_overrides.yaml", dump(entries))

    def _write_overrides(self, best: Sequence[TrialRecord]) -> None:
        lists = {record.number: self._lines(record) for record in best}
        if self._session.n_objectives > 1:
            self._replace("best_overrides.yaml", dump(lists))
            return
        (overrides,) = lists.values()
        self._replace("best_overrides.yaml", dump(overrides))
        self._replace("best_overrides.txt", "".join(shlex.quote(line) + "\n" for line in overrides))
        self._write_config(best[0], self._overrides_of(best[0]))

    def _write_config(self, best: TrialRecord, overrides: Sequence[str]) -> None:
        if best.number == self._configured:
            return
        folder = best.system_attrs.get(JOB_DIRECTORY)
        text = best_config(best.number, overrides, folder, self._run.saved, self._compose)
        if text is not None:
            self._replace(BEST_CONFIG, text)
            self._configured = best.number

    def _overrides_of(self, record: TrialRecord) -> list[str]:
        """Return what a trial ran with: in another run of the study, other things may have been fixed."""
        lines = with_smaller(self._plan.overrides(record.params), record.system_attrs.get(SMALLER))
        swept = set(lines) - {item.line for item in self._plan.items}
        folder = record.system_attrs.get(JOB_DIRECTORY)
        # A repeat's own overrides name its value of the repeated key.
        if folder is not None and self._run.saved is not None and REPEATS not in record.system_attrs:
            with suppress(OSError, TypeError, yaml.YAMLError):
                text = (Path(folder) / self._run.saved / "overrides.yaml").read_text(encoding="utf-8")
                saved = [str(line) for line in yaml.safe_load(text)]
                # Jobs may share a directory.
                if swept <= set(saved):
                    return saved
        return lines

    def _replace(self, name: str, text: str) -> None:
        path = self._directory / name
        temporary = path.with_name(f".{name}.{uuid.uuid4().hex}")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)


@dataclass(frozen=True)
class RunAgain:
    """The data of an application needed to run its best trial again.

    Attributes:
        name: The sweeper's, as the user asked for it.
        mode: Overrides that make a command a single run.
        saved: Where in a job's directory Hydra has saved its overrides; None when it has not.
    """

    name: str = "hpo"
    mode: tuple[str, ...] = ()
    saved: str | None = None


def single_run(config: DictConfig, name: str = "hpo") -> RunAgain:
    """Return how to run a trial again as a single run, also where the configuration itself asks for sweeps."""
    asked = "hydra.mode=MULTIRUN" in hydra_overrides(config)
    mode = () if asked or config.hydra.mode is not RunMode.MULTIRUN else ("hydra.mode=RUN",)
    return RunAgain(name, mode, config.hydra.output_subdir)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file: sweepers that share a directory write one after the other, each the newest state."""
    with open(path, "a") as handle, ExitStack() as stack:
        # Some network file systems have no locks; files are replaced whole there too.
        with suppress(OSError):
            stack.enter_context(locked(handle))
        yield


# --- text -----------------------------------------------------------------------------------------------------------


def trials_csv(
    records: Sequence[TrialRecord],
    n_objectives: int,
    lists: Sequence[ListParameter] = (),
    costs: Mapping[int, float] | None = None,
) -> str:
    """Return the table of trials; each list that parameters make up is one column.

    Args:
        costs: What configurations have cost, by number; None for a table without costs.
    """
    table = TrialTable(records, n_objectives, lists)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    wide = [f"params.{name}" for name in table.params] + [f"constraints.{name}" for name in table.constraints]
    wide += [f"user_attrs.{name}" for name in table.user_attrs]
    cost = ["cost"] if costs is not None else []
    writer.writerow(["number", "state", *table.values, *wide, *cost, "duration", "job_dir", "reason"])
    writer.writerows(_row(table, record, costs) for record in records)
    return buffer.getvalue()


def _row(table: TrialTable, record: TrialRecord, costs: Mapping[int, float] | None) -> list[Any]:
    values, constraints = (
        ["" if one is MISSING else repr(float(one)) for one in group]
        for group in (table.values_of(record), table.constraints_of(record))
    )
    params, attrs = (
        ["" if one is MISSING else cell(one) for one in group]
        for group in (table.params_of(record), table.user_attrs_of(record))
    )
    cost = [] if costs is None else [repr(costs[record.number]) if record.number in costs else ""]
    end = [*cost, _duration(record), record.system_attrs.get(JOB_DIRECTORY, ""), _reason(record)]
    return [record.number, record.state.name, *values, *params, *constraints, *attrs, *end]


def _reason(record: TrialRecord) -> str:
    if record.state is TrialState.PRUNED:
        return cell_text(in_short(why_pruned(record)))
    return cell_text(in_short(str(record.system_attrs.get(FAILURE, ""))))


def cell(value: Any) -> str:
    """Return a value as text: a string as it is, unless it could be taken for something else; the rest as JSON.

    A string that a spreadsheet would run as a formula is JSON, too.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _is_json(value) or value == "" else cell_text(value)
    return json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _duration(record: TrialRecord) -> str:
    span = seconds_of(record)
    return "" if span is None else f"{span:.3f}"


class _Dumper(yaml.SafeDumper):
    """Writes strings such that every YAML reader takes them for strings."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # "1e-5" is a string to YAML 1.1 and a number to OmegaConf and to YAML 1.2.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _is_number(text) else None)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True


_Dumper.add_representer(str, _string)


def dump(content: Any) -> str:
    """Return YAML."""
    return yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6
    )
