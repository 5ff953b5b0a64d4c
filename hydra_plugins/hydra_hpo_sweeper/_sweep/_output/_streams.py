"""Text beyond ASCII where the locale has none (``LC_ALL=C`` in cron jobs and containers)."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override


def decoded(argument: str) -> str:
    """Return an argument as the UTF-8 that it is: with an ASCII locale its bytes arrive as surrogates."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def decode_config(config: DictConfig | ListConfig) -> None:
    """Decode all texts of a configuration in place, as :func:`decoded` does; Hydra keeps its overrides there."""
    with flag_override(config, ["readonly", "struct"], False):
        for key in list(config) if isinstance(config, DictConfig) else range(len(config)):
            if OmegaConf.is_missing(config, key) or OmegaConf.is_interpolation(config, key):
                continue
            value = config[key]
            if isinstance(value, (DictConfig, ListConfig)):
                decode_config(value)
            elif isinstance(value, str) and decoded(value) != value:
                config[key] = decoded(value)


@contextmanager
def tolerant_streams() -> Iterator[None]:
    """Let output streams that do not know UTF-8 write other characters as escapes, instead of failing."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        encoding, errors = getattr(stream, "encoding", None), getattr(stream, "errors", None)
        limited = encoding is not None and codecs.lookup(encoding).name != "utf-8"
        if limited and errors in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            changed.append((stream, errors))
    try:
        yield
    finally:
        for stream, errors in changed:
            stream.reconfigure(errors=errors)
