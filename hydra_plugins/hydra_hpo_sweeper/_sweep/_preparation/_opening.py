"""Open the study from the settings."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._readers import AUTO
from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, EarlierStudy, Settings
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import DEFAULT_FILE, SweepDirectory
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._earlier import EarlierStudies, history_of
from sweeper_core.masking import masked
from sweeper_core.plain import plain
from sweeper_core.search_space.lists import ListParameter, lists_to_json, shape_from_json
from sweeper_core.search_space.priors import Prior, read_priors
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import get_storage, this_process
from sweeper_core.storages.base import Lease, Point, Storage, StudyRecord
from sweeper_core.storages.url import StorageURL
from sweeper_core.study._session.costs import store_plan
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import BASELINE, LISTS, METRIC_NAMES, PRIORS, WHERE
from sweeper_core.trial.history import History
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

DEFAULT_STUDY = "hpo"


@dataclass(frozen=True)
class Opened:
    """A study that is open for this run.

    Attributes:
        url: By which jobs reach the storage; None for one that has no URL.
        lease: The lease of this process's trials; None when the storage does not outlive the process.
        file: The study's database in the sweep directory; None for a storage that the user has named.
        begun: The trials that run the configuration's own values (``config``) and those of the priors (``prior``),
            where this process has enqueued them.
    """

    session: Session
    url: str | None
    lease: Lease | None
    file: Path | None = None
    begun: Mapping[str, int] = field(default_factory=dict)


def open_study(
    settings: Settings, directory: SweepDirectory, *, elsewhere: bool = False, earlier: EarlierStudies | None = None
) -> Opened:
    """Open or create the study, fail stale trials of a dead run, and enqueue the user's points.

    Args:
        elsewhere: Whether jobs outlive this process.
    """
    where = place_of(settings, directory)
    storage = _storage(where, "storage") if isinstance(where, str) else where
    url = where if isinstance(where, str) else None
    study = _create_or_open(storage, settings, directory)
    check_directions(study, settings)
    if settings.metric is not None and METRIC_NAMES not in study.system_attrs:
        names = {METRIC_NAMES: list(settings.metric)}
        storage.set_study_attrs(study.study_id, system=names)
        study = replace(study, system_attrs={**study.system_attrs, **names})
    _enqueue(storage, study, settings)
    study = _store_priors(storage, study, settings.priors)
    study = _store_lists(storage, study, settings.lists)
    sources = _sources(storage, study, settings, earlier)
    objective, scheduler = objective_of(settings) or 0, settings.scheduler
    session = Session.open(
        storage, study, settings.sampler, settings.pruner, sources=sources, objective=objective, scheduler=scheduler
    )
    if settings.cost is not None:
        store_plan(session.log, settings.cost)
        session.heed_costs(settings.cost)
    session.log.sync()
    begun = _enqueue_start(session, settings)
    _reclaim(session, settings.max_retries)
    file = directory.path.absolute() / DEFAULT_FILE if settings.storage is None else None
    lease = this_process(elsewhere=elsewhere) if storage.outlives_process else None
    return Opened(session, url, lease, file, begun)


def place_of(settings: Settings, directory: SweepDirectory) -> str | Storage:
    """Return the storage of the study: its URL, where it has one."""
    return settings.storage or f"sqlite:///{directory.path.absolute() / DEFAULT_FILE}"


def objective_of(settings: Settings) -> int | None:
    """Return which objective reports are about; None when several could be meant."""
    if len(settings.directions) == 1:
        return 0
    if settings.pruning_metric is None or settings.metric is None:
        return None
    return settings.metric.index(settings.pruning_metric)


def _storage(url: str, key: str, *, create: bool = True) -> Storage:
    try:
        return get_storage(url, create=create)
    except (ValueError, ImportError, FileNotFoundError) as error:
        raise ConfigError(f"hydra.sweeper.{key}: {error}") from error


def known_name(settings: Settings, directory: SweepDirectory) -> str | None:
    """Return the study's name; None for a new study that gets one by itself."""
    if settings.study_name is not None or settings.storage is None:
        return settings.study_name or DEFAULT_STUDY
    # In a storage of the user's own, a study without a name is a new one, unless the directory has one's sweep.
    found = directory.marked
    ours = isinstance(settings.storage, str) and found.get("storage") == masked(settings.storage)
    return found.get("study_name") if ours else None


def _create_or_open(storage: Storage, settings: Settings, directory: SweepDirectory) -> StudyRecord:
    named = known_name(settings, directory)
    url = settings.storage if isinstance(settings.storage, str) else None
    if named is not None and storage.outlives_process:
        directory.mark(url, named)
    study = storage.create_or_open_study(named, settings.directions, exist_ok=True)
    if named is None and storage.outlives_process:
        directory.mark(url, study.name)
    return study


def check_directions(study: StudyRecord, settings: Settings) -> None:
    """Refuse a study with other objectives."""
    if tuple(study.directions) != tuple(settings.directions):
        stored, wanted = (_names(directions) for directions in (study.directions, settings.directions))
        raise ConfigError(
            f"hydra.sweeper.direction: study {study.name!r} exists with {stored}, but the configuration says {wanted}. "
            "Give another study_name (or sweep directory), or the direction of the study."
        )


def _names(directions: Sequence[object]) -> str:
    return ", ".join(str(getattr(direction, "name", direction)).lower() for direction in directions)


def _reclaim(session: Session, max_retries: int) -> None:
    lost = session.storage.fail_stale(session.study.study_id)
    if not lost:
        return
    session.log.sync()
    again = [number for number in lost if session.continuations.may_retry(number, max_retries)]
    for numbers, what in (
        (again, "they go on where they stopped"),
        ([number for number in lost if number not in again], "they have failed: hydra.sweeper.max_retries is used up"),
    ):
        if numbers:
            names = ", ".join(str(session.log.attempts.id_of(number)) for number in numbers)
            log.info("Trials %s were left by a run that died; %s.", names, what)


def _enqueue(storage: Storage, study: StudyRecord, settings: Settings) -> None:
    """Enqueue the user's points once, however many processes share the study."""
    if settings.enqueue:
        points = [Point(dict(params)) for params in settings.enqueue]
        text = json.dumps([dict(params) for params in settings.enqueue], sort_keys=True, default=repr)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        storage.enqueue(study.study_id, points, idempotency_key=f"enqueue:{digest}")


def _enqueue_start(session: Session, settings: Settings) -> dict[str, int]:
    """Enqueue the points that a study which has run nothing begins with; return their numbers by key.

    These are the configuration's own point, and that of the priors. However many processes begin the study together,
    the first one's points are the study's.
    """
    points = {}
    if settings.baseline is not None:
        points["config"] = Point(dict(settings.baseline), system_attrs={BASELINE: True})
    if settings.prior_point is not None and settings.prior_point != settings.baseline:
        points["prior"] = Point(dict(settings.prior_point))
    if not points or any(record.state is not TrialState.WAITING for record in session.log.records):
        return {}
    enqueued = {
        key: session.storage.enqueue(session.study.study_id, [point], idempotency_key=f"start:{key}")
        for key, point in points.items()
    }
    session.log.sync()
    return {key: numbers[0] for key, numbers in enqueued.items() if numbers}


def _store_priors(storage: Storage, study: StudyRecord, priors: Mapping[str, Prior]) -> StudyRecord:
    """Store the priors beside those that the study has; return the study with all of them."""
    if not priors:
        return study
    known = {name: prior.to_json() for name, prior in read_priors(study.system_attrs.get(PRIORS)).items()}
    stored = {**known, **{name: plain(prior.to_json()) for name, prior in priors.items()}}
    storage.set_study_attrs(study.study_id, system={PRIORS: stored})
    return replace(study, system_attrs={**study.system_attrs, PRIORS: stored})


def _store_lists(storage: Storage, study: StudyRecord, lists: Sequence[ListParameter]) -> StudyRecord:
    """Store how parameters make up lists beside what the study has; return the study with all of it.

    Raises:
        ConfigError: The study's trials have another list of that name, so that its parameters mean something else.
    """
    if not lists:
        return study
    known = dict(study.system_attrs.get(LISTS) or {})
    for one in lists:
        if one.name in known and plain(one.shape.to_json()) != known[one.name]:
            raise ConfigError(
                f"{one.name!r} is {one.shape}, but in study {study.name!r} it is {shape_from_json(known[one.name])}. "
                "Give another hydra.sweeper.study_name (or hydra.sweep.dir), or the list of the study."
            )
    stored = {**known, **plain(lists_to_json(lists))}
    storage.set_study_attrs(study.study_id, system={LISTS: stored})
    return replace(study, system_attrs={**study.system_attrs, LISTS: stored})


def _sources(storage: Storage, study: StudyRecord, settings: Settings, earlier: EarlierStudies | None) -> list[History]:
    """Return the histories of the earlier studies to learn from; mark the study for later ones."""
    own_storage = settings.storage is None
    if earlier is not None and not own_storage and storage.outlives_process:
        earlier.mark(storage, study)
    if isinstance(settings.warm_start, tuple):
        return [_earlier(source) for source in settings.warm_start]
    if earlier is None or not storage.outlives_process:
        return []
    if settings.warm_start == AUTO:
        return earlier.histories(storage, study, own_storage=own_storage)
    if storage.best(study.study_id) is None and not storage.changes(study.study_id)[0]:
        earlier.hint(None if own_storage else storage, study)
    return []


def _earlier(source: EarlierStudy) -> History:
    """Return the history of an earlier study."""
    storage = _storage(source.storage, "warm_start", create=False)
    try:
        return history_of(storage, source.study_name)
    except KeyError:
        names = ", ".join(known.name for known in storage.list_studies()) or "none"
        place = StorageURL(source.storage).masked
        raise ConfigError(
            f"hydra.sweeper.warm_start: there is no study {source.study_name!r} in {place}; it has {names}."
        ) from None
    finally:
        storage.close()


def greet(opened: Opened, settings: Settings, directory: SweepDirectory, command: str | None) -> None:
    """Log the study, its storage, and how to resume it after an interruption."""
    session = opened.session
    states = [record.state for record in session.log.configurations]
    finished = sum(state.is_finished() for state in states)
    sampler = type(settings.sampler).__name__
    later = "it ends with this process (its storage is memory)" if command is None else f"to go on later: {command}"
    log.info(
        "hydra-hpo-sweeper: study %r, sampler %s, directory %s; %s", session.study.name, sampler, directory.path, later
    )
    if settings.ladder is not None:
        log.info("Jobs run at first with the lowest of these values, the best ones with more: %s", settings.ladder)
    if finished:
        log.info("Continuing: %d trials are finished, %d wait.", finished, states.count(TrialState.WAITING))


def tell_of_other_spaces(opened: Opened, space: SearchSpace) -> None:
    """Warn when trials that the study has already vary in what this run does not sweep, or lie outside of its space."""
    records = opened.session.log.records
    name = opened.session.study.name
    layouts = {record.layout for record in records}
    known = {name.lstrip("+") for name in space.names}
    others = {name: None for layout in layouts for name in layout.names if name.lstrip("+") not in known}
    if others:
        log.warning(
            "Study %r has trials with parameters that this run does not sweep (%s). The best of all of them is looked "
            "for; for a study of its own, give another hydra.sweep.dir or hydra.sweeper.study_name.",
            name,
            ", ".join(sorted(others)),
        )
    outside = [record.number for record in records if record.state.is_finished() and outside_of(space, record.params)]
    if outside and not others:
        log.warning(
            "Study %r has %d trials outside of this run's search space (such as trial %d). They count for its best; "
            "for a study of its own, give another hydra.sweep.dir or hydra.sweeper.study_name.",
            name,
            len(outside),
            outside[0],
        )


def keep_where(opened: Opened, space: SearchSpace) -> None:
    """Store the relations that the run's points satisfy, and warn when the study's trials knew others."""
    session = opened.session
    told = other_relations(session.study.name, session.study.system_attrs, session.log.records, space)
    if told is not None:
        log.warning("%s", told)
    written = [str(relation) for relation in space.where]
    if written != (session.study.system_attrs.get(WHERE) or []):
        session.storage.set_study_attrs(session.study.study_id, system={WHERE: written})


def other_relations(
    name: str, attrs: Mapping[str, Any], records: Sequence[TrialRecord], space: SearchSpace
) -> str | None:
    """Return how many trials of a study that began with other relations break those of a space; None for the same."""
    written, before = [str(relation) for relation in space.where], attrs.get(WHERE) or []
    if not records or written == before:
        return None
    broken = sum(not space.allows(space.active_only(record.params)) for record in records if record.params)
    return (
        f"Study {name!r} began with other relations ({'; '.join(before) or 'none'}); {broken} of its {len(records)} "
        f"trials break those of this run ({'; '.join(written) or 'none'}). They count as evidence, and for its best."
    )


def outside_of(space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a search space has the parameters of, but does not contain."""
    return {
        name: value for name, value in params.items() if name in space and not space[name].distribution.contains(value)
    }
