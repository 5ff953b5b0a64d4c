"""Files of a study in a folder that a group shares: the others of the group can write them, too.

Without this, a file gets the permissions of its creator's umask, mostly read-only for the group, and the second user of
a study can only read it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress


def is_shared(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder is for a group to write, and not for everybody."""
    try:
        mode = os.stat(folder).st_mode
    except OSError:
        return False
    return bool(mode & stat.S_IWGRP) and not mode & stat.S_IWOTH


def share(path: str | os.PathLike[str]) -> None:
    """Give the group of a shared folder the owner's permissions for a file or folder in it, if it is this user's."""
    folder = os.path.dirname(os.path.abspath(path))
    if not is_shared(folder) or not hasattr(os, "geteuid"):
        return
    with suppress(OSError):
        found = os.stat(path)
        if found.st_uid != os.geteuid():
            return
        group = os.stat(folder).st_gid
        if found.st_gid != group:
            os.chown(path, -1, group)
        mode = stat.S_IMODE(found.st_mode)
        wanted = mode | (mode & stat.S_IRWXU) >> 3
        if wanted != mode:
            os.chmod(path, wanted)
