"""From what a user writes (a sweep's directory, a file, a URL, or nothing) to the study that is meant.

Looking never creates: a path or URL with a typo is an error, not a new database.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sweeper_core.cli.options import ENVIRONMENT
from sweeper_core.masking import masked
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.overrides import in_shell, overrides_of
from sweeper_core.report.texts import one_line
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.url import StorageURL
from sweeper_core.trial.attrs import CONFIRM
from sweeper_core.trial.record import TrialRecord

SETTINGS = "multirun.yaml"
"""The file in a sweep's directory that has the sweep's configuration."""

DATABASE = "study.db"
"""A sweep's own storage."""

MAX_LISTED = 10
"""Studies or directories that an error names."""

DEPTH = 3
"""How far below the current directory sweeps are looked for: Hydra's own layout is multirun/DATE/TIME."""

PROGRAM = ("python", "train.py")
"""How an application is started, where nothing is known of it."""

_SQLITE = b"SQLite format 3\x00"
_DATABASES = (".db", ".sqlite", ".sqlite3")
_SUFFIXES = (*_DATABASES, ".log", ".journal")


@dataclass(frozen=True)
class Place:
    """A storage that exists, and the sweep's directory that it was found through.

    Attributes:
        url: What :func:`get_storage` takes.
        settings: The sweeper's settings as far as the directory tells them.
        program: The words that start the application.
    """

    url: str
    directory: Path | None
    settings: Mapping[str, Any]
    program: tuple[str, ...] = PROGRAM

    def open(self) -> Storage:
        """Return the storage."""
        return get_storage(self.url)

    @property
    def file(self) -> Path | None:
        """The file of the storage; None on a server."""
        path = StorageURL(self.url).path
        return None if path is None else Path(path)

    @property
    def budget(self) -> int | None:
        """How many trials the sweep is going to have, by its configuration."""
        found = [self.settings.get(name) for name in ("max_trials", "n_trials")]
        limits = [limit for limit in found if isinstance(limit, int)]
        return min(limits) if limits else None


@dataclass(frozen=True)
class Source:
    """An open study, and where it was found."""

    place: Place
    storage: Storage
    study: StudyRecord

    @property
    def directory(self) -> Path | None:
        """The sweep's directory; None for a bare storage."""
        return self.place.directory

    @property
    def shown_url(self) -> str:
        """The storage's URL without its password."""
        return masked(self.place.url)

    @property
    def expected(self) -> None:
        """Nothing: a report works out itself what a model expects."""

    def records(self) -> list[TrialRecord]:
        """Return all trials, in order of number."""
        return sorted(self.storage.changes(self.study.study_id)[0], key=lambda record: record.number)

    def facts(self) -> StudyFacts:
        """Return the study's facts as of now."""
        return StudyFacts.of(self.study, self.records(), self.place.budget)

    def command(self, facts: StudyFacts) -> str | None:
        """Return the command that runs the best trial; None with several, or where there is none."""
        if len(facts.best) != 1:
            return None
        words = [*self.place.program, *in_shell(overrides_of(self.directory, facts.best[0], facts.lists))]
        return " ".join(words)

    def trial(self, number: int) -> TrialRecord:
        """Return one trial.

        Raises:
            KeyError: The study has no such trial.
        """
        records = self.records()
        found = next((record for record in records if record.number == number), None)
        if found is None:
            span = f"0 to {len(records) - 1}" if records else "none"
            raise KeyError(f"Study {self.study.name!r} has no trial {number}; it has {span}.")
        return found


def find_study(where: str | None, name: str | None = None) -> Source:
    """Open the study that is meant.

    Args:
        where: A directory, a file or a URL; None for the current directory and those below.
        name: None takes the only study.

    Raises:
        KeyError: There is no such study.
        ValueError: Several could be meant, or nothing is there.
    """
    place = find_place(where)
    name = name or _configured(place)
    storage = place.open()
    studies = storage.list_studies()
    return Source(place, storage, _chosen(studies, name, place))


def _configured(place: Place) -> str | None:
    name = place.settings.get("study_name")
    return name if isinstance(name, str) and "${" not in name else None


def _chosen(studies: list[StudyRecord], name: str | None, place: Place) -> StudyRecord:
    names = _listed([repr(study.name) for study in studies]) or "none"
    if name is not None:
        found = next((study for study in studies if study.name == name), None)
        if found is None:
            plain = _listed([study.name for study in studies]) or "none"
            raise KeyError(f"There is no study {name!r} in this storage. Studies: {one_line(plain)}.")
        return found
    # Runs that confirm a study's best trials are no search of their own.
    studies = [study for study in studies if CONFIRM not in study.system_attrs] or studies
    if len(studies) != 1:
        what = "no study" if not studies else f"{len(studies)} studies; choose one with --study NAME: {one_line(names)}"
        raise ValueError(f"{masked(place.url)} has {what}.")
    return studies[0]


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


# --- places ---------------------------------------------------------------------------------------------------------


def find_place(where: str | None) -> Place:
    """Return the storage that is meant, which exists; see :func:`find_study`."""
    if where is None:
        return _below(Path())
    path = Path(where)
    if path.is_dir():
        return _in_directory(path)
    if path.is_file():
        return _file(path, None, {})
    if "://" in where:
        return Place(_existing(where), None, {})
    raise FileNotFoundError(
        f"{masked(where)!r} does not exist, and it is not a storage's URL. Give a sweep's directory, a storage's file, "
        "or a URL such as 'sqlite:///study.db'."
    )


def _in_directory(directory: Path) -> Place:
    hydra = _hydra(directory)
    settings, program = _part(hydra, "sweeper"), _program(hydra)
    files = list(_storage_files(directory))
    if len(files) > 1:
        names = _listed([path.name for path in files])
        raise ValueError(f"{directory} has {len(files)} storages; name one of its files: {names}.")
    if files:
        return _file(files[0], directory, settings, program)
    url = settings.get("storage")
    known = os.environ.get(ENVIRONMENT)
    if known is not None and masked(known) == url:
        url = known
    elif isinstance(url, str) and "***" in url:
        raise ValueError(
            f"{directory} keeps its study in {url}, whose password is not kept there; give the URL, as WHERE or in "
            "HPO_STORAGE."
        )
    if isinstance(url, str) and "${" not in url:
        return Place(_existing(url), directory, settings, program)
    others = [path.name for path in sorted(directory.iterdir()) if path.suffix in _DATABASES and path.is_file()]
    if others:
        raise ValueError(f"{directory} has no study: {_listed(others)} is no database of studies.")
    raise FileNotFoundError(
        f"{directory} has no study: no database, no journal, and no {SETTINGS} that names a storage."
    )


def _below(root: Path) -> Place:
    """Return the storage of a directory, or else the only one in the directories below."""
    if any(_storage_files(root)) or (root / SETTINGS).exists():
        return _in_directory(root)
    patterns = ["/".join(["*"] * depth) + "/" + name for depth in range(1, DEPTH + 1) for name in (SETTINGS, DATABASE)]
    found = list(dict.fromkeys(path.parent for pattern in patterns for path in islice(root.glob(pattern), 1000)))
    if len(found) == 1:
        return _in_directory(found[0])
    if not found:
        raise FileNotFoundError("There is no study here. Give a sweep's directory, a storage's file or a URL.")
    newest = sorted(found, key=lambda path: -path.stat().st_mtime)
    raise ValueError(f"There are {len(found)} sweeps here; name one of {_listed([str(path) for path in newest])}.")


def _storage_files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file() and (_is_database(path) or _is_journal(path)):
            yield path


def _is_database(path: Path) -> bool:
    """Return whether a file is a SQLite database with studies, or a broken one: that is said when it is opened."""
    if _beginning(path, len(_SQLITE)) != _SQLITE:
        return False
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as link:
            tables = link.execute("SELECT 1 FROM sqlite_master WHERE name = 'studies'").fetchall()
        link.close()
        return bool(tables)
    except sqlite3.Error:
        return True


def _is_journal(path: Path) -> bool:
    return b'"op_code"' in _beginning(path, 2000)


def _beginning(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _file(path: Path, directory: Path | None, settings: Mapping[str, Any], program: tuple[str, ...] = PROGRAM) -> Place:
    if _beginning(path, len(_SQLITE)) == _SQLITE or path.suffix in _DATABASES:
        if not _is_database(path):
            raise ValueError(f"{path} is not a database of studies.")
        return Place(f"sqlite:///{path.absolute()}", directory, settings, program)
    if not _is_journal(path):
        raise ValueError(f"{path} is neither a database nor a journal of studies.")
    return Place(f"journal:////{str(path.absolute()).lstrip('/')}", directory, settings, program)


def _existing(url: str) -> str:
    """Return a URL of a storage that is there.

    Raises:
        FileNotFoundError: It is not there.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "journal" or scheme.partition("+")[0] == "sqlite":
        path = Path(rest.removeprefix("/").partition("?")[0])
        if not path.is_file():
            raise FileNotFoundError(f"{masked(url)} does not exist: there is no file {path}.")
        if scheme != "journal" and not _is_database(path):
            raise ValueError(f"{path} is not a database of studies.")
        return url
    _check_server(url)
    return url


def _check_server(url: str) -> None:
    """Raise when a database server has no studies' tables; what else is wrong is said by the storage itself."""
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url)
        try:
            present = inspect(engine).has_table("studies")
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError):
        return
    if not present:
        raise FileNotFoundError(f"{masked(url)} has no studies: its database has no table of them.")


def _part(hydra: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = hydra.get(name)
    return part if isinstance(part, dict) else {}


def _program(hydra: Mapping[str, Any]) -> tuple[str, ...]:
    name = _part(hydra, "job").get("name")
    return ("python", f"{name}.py") if isinstance(name, str) and "${" not in name else PROGRAM


def _hydra(directory: Path) -> dict[str, Any]:
    """Return Hydra's part of the configuration that a directory holds, nothing resolved."""
    path = directory / SETTINGS
    if not path.is_file():
        return {}
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
        found = content["hydra"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}
    return dict(found) if isinstance(found, dict) else {}
