"""Files of a study in a folder that a group shares: the others of the group can write them, too.

Without this, a file gets the permissions of its creator's umask, mostly read-only for the group, and the second user of
a study can only read it.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress

ACL_VERSION, NOBODY = 2, 0xFFFFFFFF
"""Of the attribute in which Linux keeps an access control list: its first field, and no user or group in particular."""
DEFAULT_ACL = "system.posix_acl_default"


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


def share_all_in(folder: str | os.PathLike[str]) -> bool:
    """Let what anybody makes in a folder from now on, and in folders in it, be the group's to write.

    It sets the folder's default access control list, which replaces the umask of whoever makes a file there (acl(5));
    a file that is made for its owner alone stays so. A list that is there stays. Returns False where the file system
    has no such lists, and in another user's folder without one.
    """
    if not hasattr(os, "setxattr"):
        return False
    with suppress(OSError):
        os.getxattr(folder, DEFAULT_ACL)
        return True
    others = stat.S_IRWXO & ~_umask()
    entries = b"".join(struct.pack("<HHI", tag, allowed, NOBODY) for tag, allowed in ((1, 7), (4, 7), (32, others)))
    try:
        os.setxattr(folder, DEFAULT_ACL, struct.pack("<I", ACL_VERSION) + entries)
    except OSError:
        return False
    return True


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
