"""Detect the kind of file system that a path lies on."""

from __future__ import annotations

import os
from pathlib import Path

_NETWORK = ("nfs", "lustre", "gpfs", "cifs", "smb", "9p", "ceph", "glusterfs", "beegfs", "afs", "pvfs", "orangefs",
            "panfs", "wekafs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse", "davfs",
            "quobyte", "ocfs2", "fhgfs", "virtiofs")  # fmt: skip


def is_on_network(path: str | os.PathLike[str], mounts: str = "/proc/self/mounts") -> str | None:
    """Return the kind of network file system on which a path lies or would lie; None for a local one.

    Args:
        path: Need not exist.
        mounts: The kernel's table of mounted file systems; where there is none, every path counts as local.
    """
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = Path(os.path.realpath(path))
    best, kind = -1, ""
    for line in lines:
        _, mounted, name, *_ = line.split(" ")
        point = Path(_unescaped(mounted))
        if (point == place or point in place.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), name
    return kind if kind.startswith(_NETWORK) else None


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
