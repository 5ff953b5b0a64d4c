"""Every public name of Optuna's is here, with its arguments and defaults, or in the list of what is left out."""

from __future__ import annotations

import enum
import fnmatch
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

optuna = pytest.importorskip("optuna", minversion="5.0")

PAGE = Path(__file__).resolve().parent.parent / "docs" / "migration.md"
PATTERNS = [
    pattern
    for row in PAGE.read_text().partition("## Names of Optuna's that are left out")[2].splitlines()
    if row.startswith("| `")
    for pattern in re.findall(r"`([^`]+)`", row.split("|")[1])
]


def is_left_out(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in PATTERNS)


def modules() -> Iterator[str]:
    """Yield the names of Optuna's public modules, but for those of another package and of its own tests."""
    yield "optuna"
    for found in pkgutil.walk_packages(optuna.__path__, "optuna.", onerror=lambda name: None):
        private = any(part.startswith("_") for part in found.name.split("."))
        if not private and not found.name.startswith(("optuna.integration.", "optuna.testing.")):
            yield found.name


def names_of(module: ModuleType) -> list[str]:
    """Return what a module offers: ``__all__``, or else what it defines under public names."""
    offered = getattr(module, "__all__", None)
    if offered is not None:
        return list(offered)
    own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return [name for name, value in own.items() if getattr(value, "__module__", None) == module.__name__]


def missing_from(name: str, theirs: Any, ours: Any) -> Iterator[str]:
    """Yield what one of our objects lacks, which has the same name as one of Optuna's."""
    if inspect.isclass(theirs) and not issubclass(theirs, (enum.Enum, BaseException)):
        yield from missing_arguments(name, theirs.__init__, ours.__init__)
        for member in [each for each in dir(theirs) if not each.startswith("_")]:
            if not hasattr(ours, member):
                yield f"{name}.{member}"
            elif callable(getattr(theirs, member)):
                yield from missing_arguments(f"{name}.{member}", getattr(theirs, member), getattr(ours, member))
    elif callable(theirs) and not inspect.isclass(theirs):
        yield from missing_arguments(name, theirs, ours)


def missing_arguments(name: str, theirs: Any, ours: Any) -> Iterator[str]:
    """Yield the arguments that ours lacks or has another default for, and those that it does not take by position."""
    mine = inspect.signature(ours).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in mine.values())
    for argument, parameter in inspect.signature(theirs).parameters.items():
        if argument == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if argument not in mine:
            if not takes_all:
                yield f"{name}({argument})"
            continue
        own = mine[argument]
        if parameter.default not in (parameter.empty, own.default) and repr(own.default) != repr(parameter.default):
            yield f"{name}({argument}=)"
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and own.kind is own.KEYWORD_ONLY:
            yield f"{name}({argument}, by position)"


def missing() -> Iterator[str]:
    """Yield the name of everything that is in Optuna and not here."""
    for name in modules():
        try:
            ours = importlib.import_module(name.replace("optuna", "sweeper_core", 1))
        except ImportError:
            yield name
            continue
        theirs = importlib.import_module(name)
        for offered in names_of(theirs):
            if not hasattr(ours, offered):
                yield f"{name}.{offered}"
            else:
                yield from missing_from(f"{name}.{offered}", getattr(theirs, offered), getattr(ours, offered))


@pytest.mark.filterwarnings("ignore")
def test_every_public_name_is_here_or_listed_as_left_out() -> None:
    found = set(missing())
    assert sorted(name for name in found if not is_left_out(name)) == []
    unused = [pattern for pattern in PATTERNS if not any(fnmatch.fnmatchcase(name, pattern) for name in found)]
    assert unused == [], "listed as left out, but there"


def test_modules_are_reached_as_optunas_documentation_writes_them() -> None:
    program = """
import sweeper_core as optuna
optuna.samplers.nsgaii.SBXCrossover()
optuna.storages.journal.JournalFileBackend
optuna.search_space.intersection.intersection_search_space
optuna.visualization.matplotlib.plot_contour
try:
    optuna.samplers.nothing_of_this_name
except AttributeError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "module 'sweeper_core.samplers' has no attribute 'nothing_of_this_name'\n"
