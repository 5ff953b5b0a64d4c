"""Packages whose public names load on first use."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy_module(
    package: str, attributes: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` for a package's ``__init__``.

    Args:
        package: The package's ``__name__``.
        attributes: Public name -> module that defines it.
        submodules: Modules of the package that are public under their own name.
    """
    modules = frozenset(submodules)
    names = sorted({*attributes, *modules})

    def load(name: str) -> Any:
        if name in attributes:
            value = getattr(importlib.import_module(attributes[name]), name)
        elif name in modules or _is_submodule(package, name):
            value = importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: names, names


def _is_submodule(package: str, name: str) -> bool:
    """Return whether a package has a public module of this name, which is not among its names but can be reached."""
    return not name.startswith("_") and importlib.util.find_spec(f"{package}.{name}") is not None
