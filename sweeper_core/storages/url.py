"""Storage URLs as users write them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from sweeper_core.masking import masked_url

JOURNAL_SUFFIXES = (".log", ".journal")


@dataclass(frozen=True)
class StorageURL:
    """The URL of a database or journal, or the path of a journal.

    Its ``repr`` masks the password.

    Args:
        text: ``sqlite:///study.db`` (relative), ``sqlite:////data/study.db``, ``postgresql://user@host/name``,
            ``mysql://user@host/name``, ``journal:///path``, a path that ends in ``.log`` or ``.journal``, or a scheme
            of an entry point.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"StorageURL({self.masked!r})"

    @cached_property
    def scheme(self) -> str:
        """The scheme without a driver; ``journal`` for a journal's path, "" for other texts without a scheme."""
        scheme, separator, _ = self.text.partition("://")
        if separator:
            return scheme.partition("+")[0].lower()
        return "journal" if self.text.endswith(JOURNAL_SUFFIXES) else ""

    @cached_property
    def path(self) -> str | None:
        """The file of the studies, as written; None for servers, memory and unknown schemes."""
        if self.scheme not in ("sqlite", "journal"):
            return None
        _, separator, rest = self.text.partition("://")
        if not separator:
            return self.text
        if self.scheme == "sqlite" and not rest.startswith("/"):
            return None  # this part is a host; opening the storage raises
        # Three slashes begin a relative path and four an absolute one.
        path, _, options = rest.removeprefix("/").partition("?" if self.scheme == "sqlite" else "\0")
        in_memory = not path or path.startswith((":memory:", "file:")) or "mode=memory" in options
        return None if in_memory else path

    @property
    def anchored(self) -> StorageURL:
        """The same storage after a change of the working directory: a file's path is absolute."""
        if self.path is None or os.path.isabs(self.path):
            return self
        before, separator, _ = self.text.partition("://")
        start = len(before) + len(":///") if separator else 0
        return StorageURL(self.text[:start] + os.path.abspath(self.path) + self.text[start + len(self.path) :])

    @property
    def masked(self) -> str:
        """The text with its password masked, for messages and files."""
        return masked_url(self.text)
