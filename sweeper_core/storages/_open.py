"""Open the storage that a user names, including schemes registered by other packages."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points

from sweeper_core.storages.base import Storage
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.storages.url import JOURNAL_SUFFIXES, StorageURL

GROUP = "sweeper_core.storages"
"""Entry points for custom storages: the name is the URL's scheme, the object a callable ``(url) -> Storage``."""

_OF_DATABASES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")


def get_storage(
    storage: str | os.PathLike[str] | StorageURL | Storage | None, *, create: bool = True, known: bool = False
) -> Storage:
    """Return the storage that the argument names.

    Args:
        storage: A storage; what :class:`StorageURL` takes; None for memory.
        create: Whether to create a missing file.
        known: Whether the server was reached before: an unreachable one is then waited for.

    Raises:
        FileNotFoundError: There is no such file, and it is not to be made.
        ValueError: It is none of these.
    """
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, Storage):
        return storage
    if isinstance(storage, StorageURL):
        return _open(storage, create, known)
    if not isinstance(storage, (str, os.PathLike)):
        raise ValueError(f"A storage is a URL, a journal's path, a storage object or None, not {storage!r}.")
    return _open(StorageURL(os.fspath(storage)), create, known)


def _open(url: StorageURL, create: bool, known: bool) -> Storage:
    if not create and url.path is not None and not os.path.exists(url.path):
        raise FileNotFoundError(f"There is no file {url.path}, so {url.masked} holds no studies.")
    if url.scheme == "journal":
        return _journal(url)
    opener = None if not url.scheme or url.scheme in _OF_DATABASES else _registered(url.scheme)
    if opener is not None:
        return opener(url.text)
    if url.scheme:
        from sweeper_core.storages.rdb import RDBStorage

        return RDBStorage(url.text, known=known)
    raise ValueError(
        f"{url.masked!r} is not a storage. Give a URL such as 'sqlite:///study.db' or 'postgresql://user@host/name', "
        f"or the path of a journal that ends in {' or '.join(JOURNAL_SUFFIXES)}."
    )


def _journal(url: StorageURL) -> Storage:
    from sweeper_core.storages.journal import JournalFileBackend, JournalStorage

    if url.path is None:
        raise ValueError(f"{url.masked!r} names no file. Write journal:///path, or a path that ends in .log.")
    return JournalStorage(JournalFileBackend(url.path))


def _registered(scheme: str) -> Callable[[str], Storage] | None:
    for point in entry_points(group=GROUP, name=scheme):
        opener: Callable[[str], Storage] = point.load()
        return opener
    return None
