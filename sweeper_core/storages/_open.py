"""From what a user writes to a storage."""

from __future__ import annotations

import os

from sweeper_core.storages.base import Storage
from sweeper_core.storages.memory import InMemoryStorage

_JOURNAL_SUFFIXES = (".log", ".journal")


def get_storage(storage: str | os.PathLike[str] | Storage | None) -> Storage:
    """Return the storage that is meant.

    Args:
        storage: A storage; the URL of a database (``sqlite:///study.db``, ``postgresql://user@host/name``,
            ``mysql://user@host/name``); a journal, as ``journal:///path`` or as a path that ends in ``.log`` or
            ``.journal``; None for memory.

    Raises:
        ValueError: It is none of these.
    """
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, Storage):
        return storage
    if not isinstance(storage, (str, os.PathLike)):
        raise ValueError(f"A storage is a URL, a journal's path, a storage object or None, not {storage!r}.")
    text = os.fspath(storage)
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "journal":
        # Three slashes begin a relative path and four an absolute one, as in the URLs of SQLite.
        return _journal(rest.removeprefix("/"))
    if separator:
        from sweeper_core.storages.rdb import RDBStorage

        return RDBStorage(text)
    if text.endswith(_JOURNAL_SUFFIXES):
        return _journal(text)
    raise ValueError(
        f"{text!r} is not a storage. Give a URL such as 'sqlite:///study.db' or 'postgresql://user@host/name', "
        f"or the path of a journal that ends in {' or '.join(_JOURNAL_SUFFIXES)}."
    )


def _journal(path: str) -> Storage:
    from sweeper_core.storages.journal import JournalFileBackend, JournalStorage

    return JournalStorage(JournalFileBackend(path))
