"""Checkpoint folders on disk, keyed by configuration and repeat; safe against kills at any moment.

Layout below the store's root::

    12/0/step-7/                 a complete checkpoint of configuration 12, repeat 0
    12/0/step-7/.checkpoint      its manifest: the step, and every file with its size
    12/0/.saving-8-host-77-ab    one that is being written, by process 77 of that host
    12/0/.deleting-ab            one that is being deleted

A checkpoint is written under a ``.saving`` name, synced to disk, and renamed. It is valid when every file of its
manifest exists with at least the recorded size. Other files below the root are never touched.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = ".checkpoint"
_COMPLETE = re.compile(r"step-(\d+)(?:\.(\d+))?")
_SAVING = re.compile(r"\.saving-\d+-(.+)-(\d+)-[0-9a-f]{8}")
_DELETING = re.compile(r"\.deleting-[0-9a-f]{8}")
_NUMBER = re.compile(r"0|[1-9]\d*")
_NOT_SUPPORTED = {errno.EINVAL, errno.EBADF, errno.EACCES, errno.EPERM, errno.ENOTSUP}
"""Errors of file systems that do not support ``fsync`` for a kind of file."""


@dataclass(frozen=True)
class Checkpoint:
    """One complete checkpoint.

    Attributes:
        path: Its folder.
        step: The step after which it was saved.
        again: Number of earlier saves of the same step.
        size: Its length in bytes.
        is_first: Whether no other one was there when it was saved.
    """

    path: Path
    step: int
    again: int
    size: int
    is_first: bool = field(default=False, compare=False)


class CheckpointFolder:
    """The checkpoints of one configuration and repeat.

    Args:
        path: The folder that holds them; it is created with the first checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def complete(self) -> list[Checkpoint]:
        """Return the complete checkpoints, the newest last."""
        found = [_read(self.path / name) for name in _names(self.path) if _COMPLETE.fullmatch(name)]
        return sorted((one for one in found if one is not None), key=lambda one: (one.step, one.again))

    def newest(self) -> Checkpoint | None:
        """Return the newest complete checkpoint."""
        names = [
            (int(found[1]), int(found[2] or 0), found[0])
            for found in map(_COMPLETE.fullmatch, _names(self.path))
            if found
        ]
        candidates = (_read(self.path / name) for _, _, name in sorted(names, reverse=True))
        return next((one for one in candidates if one is not None), None)

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """Yield an empty folder, which becomes the checkpoint of ``step`` when the block ends without an exception.

        Raises:
            OSError: It cannot be written. Earlier checkpoints are not affected.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.path / f".saving-{step}-{_host()}-{os.getpid()}-{_token()}"
        draft.mkdir()
        try:
            yield draft
            _write_manifest(draft, step, is_first=self.newest() is None)
            _publish(draft, self.path, step)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def keep(self, count: int) -> None:
        """Delete all complete checkpoints but the newest ``count``."""
        complete = self.complete()
        for one in complete[: len(complete) - count]:
            delete(one)

    def clear_drafts(self, all_of_them: bool = False) -> None:
        """Delete checkpoints that killed processes left half-written or half-deleted.

        Args:
            all_of_them: Delete also drafts of live processes of this machine; no job of the configuration is running.
        """
        for name in _names(self.path):
            saving = _SAVING.fullmatch(name)
            if _DELETING.fullmatch(name) or (saving and (all_of_them or not _alive(saving[1], int(saving[2])))):
                shutil.rmtree(self.path / name, ignore_errors=True)

    def remove_if_empty(self) -> None:
        """Remove the folder, and that of the configuration, when they are empty."""
        with suppress(OSError):
            self.path.rmdir()
            self.path.parent.rmdir()


class CheckpointStore:
    """The checkpoints of one study.

    Args:
        root: The folder that holds them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, configuration: int, repeat: int = 0) -> CheckpointFolder:
        """Return the folder of a configuration's repeat, which need not exist."""
        return CheckpointFolder(self.root / str(configuration) / str(repeat))

    def folders(self) -> dict[int, list[CheckpointFolder]]:
        """Return the folders of each configuration that has any."""
        found = {}
        for name in _names(self.root):
            repeats = [part for part in _names(self.root / name) if _NUMBER.fullmatch(part)]
            if _NUMBER.fullmatch(name) and repeats:
                found[int(name)] = [self.folder(int(name), int(part)) for part in sorted(repeats, key=int)]
        return found


def usable(complete: Sequence[Checkpoint], awaited: int | None) -> list[Checkpoint]:
    """Return the checkpoints that a job may go on from, the newest last.

    A kill after a checkpoint was saved and before its step was reported would leave a gap in the learning curve: the
    job goes on from the checkpoint before then, or begins again if there was none.

    Args:
        complete: All of them, the newest last.
        awaited: The step whose report is missing; None if none is.
    """
    if not complete or complete[-1].step != awaited:
        return list(complete)
    before = [one for one in complete if one.step != awaited]
    return before if before or complete[0].is_first else list(complete)


def delete(checkpoint: Checkpoint) -> None:
    """Delete a checkpoint except for files that the user has added; never raises.

    It becomes invalid at once, even if the deletion is interrupted.
    """
    manifest = _manifest(checkpoint.path)
    if manifest is None:
        return
    with suppress(OSError):
        if _files(checkpoint.path).keys() - manifest["files"].keys():
            (checkpoint.path / MANIFEST).unlink()
            for name in manifest["files"]:
                (checkpoint.path / name).unlink(missing_ok=True)
            return
        aside = checkpoint.path.with_name(f".deleting-{_token()}")
        checkpoint.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def check_writable(root: Path) -> None:
    """Raise ``OSError`` when checkpoints cannot be saved below a folder; leave no files behind."""
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
    missing = [path for path in (root, *root.parents) if not path.exists()]
    root.mkdir(parents=True, exist_ok=True)
    probe = root / f".probe-{_token()}"
    try:
        probe.mkdir()
        probe.rmdir()
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _write_manifest(draft: Path, step: int, is_first: bool) -> None:
    files = _files(draft)
    for name in files:
        _sync(draft / name)
    path = draft / MANIFEST
    path.write_text(json.dumps({"step": step, "first": is_first, "files": files}), encoding="utf-8")
    _sync(path)
    for folder, _, _ in os.walk(draft):
        _sync(Path(folder))


def _publish(draft: Path, parent: Path, step: int) -> None:
    again = 0
    while True:
        target = parent / (f"step-{step}.{again}" if again else f"step-{step}")
        if not target.exists():
            try:
                draft.rename(target)
                break
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        again += 1
    _sync(parent)


def _read(path: Path) -> Checkpoint | None:
    """Return the complete checkpoint in a folder; None when a part is missing or the folder is no checkpoint."""
    found, manifest = _COMPLETE.fullmatch(path.name), _manifest(path)
    if found is None or manifest is None or path.is_symlink():
        return None
    for name, size in manifest["files"].items():
        try:
            if os.lstat(path / name).st_size < size:
                return None
        except OSError:
            return None
    size, is_first = sum(manifest["files"].values()), manifest.get("first") is True
    return Checkpoint(path, int(found[1]), int(found[2] or 0), size, is_first)


def _manifest(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("files"), dict):
            return content
    return None


def _files(folder: Path) -> dict[str, int]:
    """Return every file below a folder by its relative name, with its length in bytes; not the manifest."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            found[path.relative_to(folder).as_posix()] = os.lstat(path).st_size
    found.pop(MANIFEST, None)
    return found


def _sync(path: Path) -> None:
    """Sync a file or a folder's entries to disk.

    Raises:
        OSError: The sync failed.
    """
    if path.is_symlink() or (os.name == "nt" and path.is_dir()):
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _alive(host: str, pid: int) -> bool:
    """Return whether a process of this machine is alive; those of other machines count as dead."""
    if host != _host():
        return False
    if pid == os.getpid() or os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _host() -> str:
    import socket  # the core is imported in milliseconds

    return re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())


def _token() -> str:
    return os.urandom(4).hex()
