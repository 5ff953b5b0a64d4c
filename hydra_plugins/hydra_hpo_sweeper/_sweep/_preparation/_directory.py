"""The sweep directory: begun, marked as one study's, looked after while the sweep runs, and found again later."""

from __future__ import annotations

import copy
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, reason_of
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from sweeper_core.masking import masked
from sweeper_core.storages._permissions import is_shared, share, share_all_in

MARKER = ".study.json"
"""File in a sweep directory: which study's sweep it is."""

DEFAULT_FILE = "study.db"
"""The study's database, unless the user names a storage."""

KEY = "hydra.sweep.dir"
_NOW = re.compile(r"\$\{now:[^}]*\}")


class DirectoryLost(Exception):
    """The sweep directory was deleted or moved while the sweep ran.

    Attributes:
        moved: Where it is now; None when it has been deleted.
    """

    def __init__(self, directory: Path, moved: Path | None) -> None:
        how = "was deleted" if moved is None else f"was moved to {moved}"
        super().__init__(f"{KEY}={directory} {how} while the sweep ran, which ends here.")
        self.moved = moved


def directory_of(config: DictConfig) -> Path:
    """Return the sweep directory.

    Raises:
        ConfigError: It cannot be resolved.
    """
    try:
        return Path(str(config.hydra.sweep.dir))
    except OmegaConfBaseException as error:
        reason = str(error).partition("\n")[0]
        written = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"])  # type: ignore[index, call-overload]
        remedy = written.replace("${hydra:", "${hydra.")
        hint = f" Write {remedy}, which is known before the first job." if remedy != written else ""
        raise ConfigError(f"{KEY} cannot be resolved: {reason}. It is the same for all jobs.{hint}") from error


class SweepDirectory:
    """A directory in which a sweep runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.task: str | None = None
        """Digest of the sweep's task, for the marker."""
        self._handle: int | None = None
        self._known: dict[Path, tuple[int, int]] = {}

    def begin(self, config: DictConfig) -> None:
        """Make the directory and save the configuration in it.

        In a folder that a group shares, whatever jobs make in the directory from now on is the group's to write:
        another user of the study continues trials in the same job directories.
        """
        above = _existing(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if is_shared(above):
                self._share(above)
            # As a whole: several processes may begin in one directory, and others read it.
            temporary = self.path / f".multirun.{uuid.uuid4().hex}"
            OmegaConf.save(config, temporary)
            os.replace(temporary, self.path / "multirun.yaml")
        except OSError as error:
            raise ConfigError(f"{KEY}={self.path} cannot be written: {reason_of(error)}.") from error

    def _share(self, above: Path) -> None:
        """Share the directory and those above it that were made just now."""
        path = self.path.absolute()
        made = [folder for folder in (path, *path.parents) if above in folder.parents]
        for folder in reversed(made):
            share(folder)
        if not share_all_in(self.path):
            # Only the process's umask is left, which holds for files elsewhere, too.
            os.umask(os.umask(0o077) & ~0o070)

    @property
    def marked(self) -> dict[str, Any]:
        """The study whose sweep uses the directory; empty when it is unused."""
        with suppress(OSError, ValueError):
            found = json.loads((self.path / MARKER).read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}

    def mark(self, storage: str | None, study_name: str) -> None:
        """Mark the directory with the study.

        Raises:
            ConfigError: It is that of another study, whose results and job directories would be overwritten.
        """
        ours = {"storage": None if storage is None else masked(storage), "study_name": study_name}
        found = self.marked
        if found and {key: found.get(key) for key in ours} != ours:
            theirs = found.get("study_name")
            where = found.get("storage") or "its own storage"
            raise ConfigError(
                f"{KEY}={self.path} has the sweep of another study ({theirs!r} in {where}), whose results and job "
                f"directories would be overwritten. Give another {KEY}, or go on with that study."
            )
        if not found:
            with suppress(OSError):
                (self.path / MARKER).write_text(json.dumps({**ours, "task": self.task}), encoding="utf-8")

    def watch(self, file: Path | None) -> None:
        """Record the identity of the directory and the database file.

        Args:
            file: The study's; None where the study is elsewhere, and survives without the directory.
        """
        if file is None:
            return
        with suppress(OSError):
            self._handle = os.open(self.path, os.O_RDONLY)
        for path in (self.path.absolute(), file):
            with suppress(OSError):
                self._known[path] = _identity(path)

    def check(self) -> None:
        """Raise :class:`DirectoryLost` if the directory or the file was moved or deleted."""
        for path, identity in self._known.items():
            try:
                same = _identity(path) == identity
            except FileNotFoundError:
                same = False
            except OSError:
                continue  # an unreachable network file system does not mean that the directory was deleted
            if not same:
                raise DirectoryLost(self.path, self._whereabouts())

    def _whereabouts(self) -> Path | None:
        if self._handle is not None:
            with suppress(OSError):
                found = Path(os.readlink(f"/proc/self/fd/{self._handle}"))
                if found.is_dir() and found != self.path.absolute():
                    return found
        return None

    def close(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self._known.clear()


def _existing(path: Path) -> Path:
    """Return the path, or the closest folder above it that exists."""
    absolute = path.absolute()
    return next((one for one in (absolute, *absolute.parents) if one.exists()), absolute)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


# --- finding it again ------------------------------------------------------------------------------------------------


def in_last_directory(config: DictConfig) -> DictConfig:
    """Return the configuration with the directory of this application's last sweep; itself when there is none.

    Where ``hydra.sweep.dir`` has the time in it (``${now:…}``), the last sweep is that with the youngest study among
    all directories that it can be.
    """
    last = _last(config)
    if last is None:
        return config
    line = f"{KEY}={as_text(str(last), escape)}"
    changed = copy.deepcopy(config)
    with flag_override(changed, ["readonly", "struct"], False), flag_override(changed.hydra, "readonly", False):
        before = [str(one) for one in OmegaConf.to_container(changed.hydra.overrides.hydra, resolve=False)]  # type: ignore[union-attr]
        changed.hydra.overrides.hydra = [one for one in before if not one.lstrip("+").startswith(f"{KEY}=")] + [line]
        changed.hydra.sweep.dir = str(last)
    return changed


def _last(config: DictConfig) -> Path | None:
    found = (path for path in _like(config) or () if path.is_dir() and _is_of(path, str(config.hydra.job.name)))
    return max(found, key=_age, default=None)


def sweep_directories(config: DictConfig) -> Iterator[Path]:
    """Yield what may be sweep directories of this application: those of other times, or those beside this one."""
    found = _like(config)
    try:
        yield from directory_of(config).absolute().parent.iterdir() if found is None else found
    except OSError:
        return


def _like(config: DictConfig) -> Iterator[Path] | None:
    """Return the paths that ``hydra.sweep.dir`` has had at other times; None where it does not have the time in it."""
    raw: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    pattern = _NOW.sub("*", str(raw["dir"]))
    if pattern == str(raw["dir"]):
        return None
    changed = copy.deepcopy(config)
    with flag_override(changed, ["readonly", "struct"], False), flag_override(changed.hydra, "readonly", False):
        changed.hydra.sweep.dir = pattern
    whole = directory_of(changed)
    root = Path(whole.anchor)
    parts = whole.relative_to(root) if whole.is_absolute() else whole
    return root.glob(str(parts))


def _is_of(directory: Path, application: str) -> bool:
    """Return whether a directory has a sweep of an application."""
    if not (directory / MARKER).exists():
        return False
    with suppress(Exception):
        return str(OmegaConf.load(directory / "multirun.yaml").hydra.job.name) == application
    return False


def _age(directory: Path) -> float:
    files = [directory / name for name in (MARKER, DEFAULT_FILE, f"{DEFAULT_FILE}-wal", "trials.csv")]
    return max(file.stat().st_mtime for file in files if file.exists())
