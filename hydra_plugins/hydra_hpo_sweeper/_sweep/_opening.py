"""From the settings to an open study, and from there to the command that goes on with it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, EarlierStudy, Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from sweeper_core.masking import masked
from sweeper_core.storages import get_storage, this_process
from sweeper_core.storages.base import Lease, Point, Storage, StudyRecord
from sweeper_core.storages.url import StorageURL
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import METRIC_NAMES
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

DEFAULT_STUDY = "hpo"
DEFAULT_FILE = "study.db"


@dataclass(frozen=True)
class Opened:
    """A study that is open for this run.

    Attributes:
        lease: In whose name trials are run; None when the storage dies with this process anyway.
    """

    session: Session
    url: str
    lease: Lease | None


def open_study(settings: Settings, directory: Path) -> Opened:
    """Open or create the study, take up what a dead run left, and enqueue the user's points."""
    url = storage_url(settings, directory)
    storage = _storage(url, "storage")
    study = _create_or_open(storage, settings)
    _check_directions(study, settings)
    if settings.metric is not None and METRIC_NAMES not in study.system_attrs:
        storage.set_study_attrs(study.study_id, system={METRIC_NAMES: list(settings.metric)})
    _reclaim(storage, study, settings.max_retries)
    _enqueue(storage, study, settings)
    sources = [_earlier(source) for source in settings.warm_start]
    session = Session.open(storage, study, settings.sampler, settings.pruner, sources=sources)
    session.log.sync()
    _greet(session)
    return Opened(session, url, this_process() if storage.outlives_process else None)


def storage_url(settings: Settings, directory: Path) -> str:
    """Return where the study lives: in the sweep directory unless the user says otherwise."""
    url = settings.storage
    assert url is None or isinstance(url, str)
    return url or f"sqlite:///{directory.absolute() / DEFAULT_FILE}"


def _storage(url: str, key: str, *, create: bool = True) -> Storage:
    try:
        return get_storage(url, create=create)
    except (ValueError, ImportError, FileNotFoundError) as error:
        raise ConfigError(f"hydra.sweeper.{key}: {error}") from error


def _create_or_open(storage: Storage, settings: Settings) -> StudyRecord:
    # In a storage of the user's own, a study without a name is a new one.
    name = settings.study_name or (None if settings.storage else DEFAULT_STUDY)
    return storage.create_or_open_study(name, settings.directions, exist_ok=True)


def _check_directions(study: StudyRecord, settings: Settings) -> None:
    if tuple(study.directions) != tuple(settings.directions):
        stored, wanted = (_names(directions) for directions in (study.directions, settings.directions))
        raise ConfigError(
            f"hydra.sweeper.direction: study {study.name!r} exists with {stored}, but the configuration says {wanted}. "
            "Give another study_name (or sweep directory), or the direction of the study."
        )


def _names(directions: Sequence[object]) -> str:
    return ", ".join(str(getattr(direction, "name", direction)).lower() for direction in directions)


def _reclaim(storage: Storage, study: StudyRecord, max_retries: int) -> None:
    lost = storage.fail_stale(study.study_id, max_retries=max_retries)
    if lost:
        numbers = ", ".join(map(str, lost))
        log.info("Trials %s were left by a run that died; their parameters will be tried again.", numbers)


def _enqueue(storage: Storage, study: StudyRecord, settings: Settings) -> None:
    """Enqueue the user's points once, however many processes share the study."""
    if settings.enqueue:
        points = [Point(dict(params)) for params in settings.enqueue]
        text = json.dumps([dict(params) for params in settings.enqueue], sort_keys=True, default=repr)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        storage.enqueue(study.study_id, points, idempotency_key=f"enqueue:{digest}")


def _earlier(source: EarlierStudy) -> History:
    """Return what an earlier study has found out."""
    storage = _storage(source.storage, "warm_start", create=False)
    try:
        study = storage.create_or_open_study(source.study_name, None, exist_ok=True)
    except KeyError:
        names = ", ".join(known.name for known in storage.list_studies()) or "none"
        place = StorageURL(source.storage).masked
        raise ConfigError(
            f"hydra.sweeper.warm_start: there is no study {source.study_name!r} in {place}; it has {names}."
        ) from None
    ledger = TrialTable(study.directions)
    ledger.fold(storage.changes(study.study_id)[0])
    storage.close()
    return ledger.history()


def _greet(session: Session) -> None:
    states = [record.state for record in session.log.records]
    finished = sum(state.is_finished() for state in states)
    waiting = states.count(TrialState.WAITING)
    log.info("hydra-hpo-sweeper: study %r, sampler %s", session.study.name, type(session.sampler).__name__)
    if finished:
        log.info("Continuing: %d trials are finished, %d wait.", finished, waiting)


def tell_of_other_spaces(opened: Opened, swept: Sequence[str]) -> None:
    """Warn when trials that the study has already vary in what this run does not sweep: two sweeps may be mixed up."""
    layouts = {record.layout for record in opened.session.log.records}
    known = {name.lstrip("+") for name in swept}
    others = {name: None for layout in layouts for name in layout.names if name.lstrip("+") not in known}
    if others:
        log.warning(
            "Study %r has trials with parameters that this run does not sweep (%s). The best of all of them is looked "
            "for; for a study of its own, give another hydra.sweep.dir or hydra.sweeper.study_name.",
            opened.session.study.name,
            ", ".join(sorted(others)),
        )


def command_to_continue(settings: Settings, opened: Opened, directory: Path) -> str:
    """Return the command line that goes on with this study, ready for a shell."""
    words = [masked(word) for word in sys.orig_argv]
    words[0] = sys.executable if os.path.isabs(words[0]) else words[0]
    if settings.storage is None:
        _add(words, "hydra.sweep.dir", _shorter(directory))
    else:
        _add(words, "hydra.sweeper.study_name", opened.session.study.name)
    return shlex.join(words)


def _add(words: list[str], key: str, value: str) -> None:
    """Let the words of a command give a value, unless they do; what is resolved anew each time, does not."""
    given = [word for word in words if word.lstrip("+").startswith(f"{key}=")]
    if given and "${" not in given[-1]:
        return
    words[:] = [word for word in words if word not in given]
    words.append(f"{key}={as_text(value, escape)}")


def _shorter(directory: Path) -> str:
    absolute = directory.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
