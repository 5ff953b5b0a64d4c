"""The private names of Hydra, OmegaConf and launchers that the plugin uses: listed in one place, and importable."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_plugins.hydra_hpo_sweeper._hydra._names import PRIVATE_NAMES, PrivateName

PLUGIN = Path(__file__).resolve().parent.parent / "hydra_plugins" / "hydra_hpo_sweeper"
ATTRIBUTES = {name.path.rpartition(".")[2].rpartition(":")[2] for name in PRIVATE_NAMES}
MODULES = {name.path.partition(":")[0] for name in PRIVATE_NAMES}
OF_PYTHON = {"_exit", "_args_from_interpreter_flags", "_reconstructor"}


def has(owner: Any, attribute: str) -> bool:
    """Return whether a class, or one of its instances by its annotations or ``__init__``, has an attribute."""
    if hasattr(owner, attribute) or attribute in getattr(owner, "__annotations__", {}):
        return True
    return inspect.isclass(owner) and f"self.{attribute}" in inspect.getsource(owner)


def of_ray(name: PrivateName) -> bool:
    """Return whether a name is the Ray launcher's, which has an environment of its own."""
    return "hydra_ray_launcher" in name.path


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.launcher) if of_ray(name) else name for name in PRIVATE_NAMES],
    ids=lambda name: f"ray-{name.path}" if of_ray(name) else name.path,
)
def test_a_private_name_is_there_on_the_installed_version(name: PrivateName) -> None:
    module, _, path = name.path.partition(":")
    *owners, last = path.split(".")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError:
        assert name.optional, f"{module} is gone: {name.when_gone}"
        pytest.skip(f"{module} is not installed")
    for owner in owners:
        found = getattr(found, owner)
    if name.optional and not has(found, last):
        pytest.skip(f"this version has no {name.path}: {name.when_gone}")
    assert has(found, last), f"{name.path} is gone: {name.when_gone}"


def foreign_attributes(tree: ast.AST) -> Iterator[str]:
    """Yield the private attributes of other objects than ``self`` and ``cls`` that a module uses."""
    for node in ast.walk(tree):
        private = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if private and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
            yield node.attr


@pytest.mark.parametrize("path", sorted(PLUGIN.rglob("*.py")), ids=lambda path: str(path.relative_to(PLUGIN)))
def test_every_private_name_that_is_used_is_listed(path: Path) -> None:
    tree = ast.parse(path.read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert set(foreign_attributes(tree)) <= ATTRIBUTES | OF_PYTHON | own
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hydra._internal"):
            names = {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
            assert names & MODULES or any(f"{node.module}:{alias.name}" in str(PRIVATE_NAMES) for alias in node.names)
            assert "_hydra" in path.parts, f"{path} imports {node.module}; that belongs into the room _hydra"
