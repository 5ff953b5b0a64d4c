"""The packages' names load lazily, and type checkers read them from stubs: both say the same."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parent.parent / "sweeper_core"
STUBS = sorted(CORE.rglob("__init__.pyi"))


def package_of(stub: Path) -> str:
    return ".".join(stub.parent.relative_to(CORE.parent).parts)


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_a_stub_names_what_the_package_offers(stub: Path) -> None:
    package = importlib.import_module(package_of(stub))
    stated = {}
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            stated |= {alias.asname: (node.module, alias.name) for alias in node.names}
    assert set(stated) - {"__version__"} == set(package.__all__)
    for name, (module, _) in stated.items():
        found = getattr(package, str(name))
        assert found is getattr(importlib.import_module(str(module)), str(name)), name


def test_unknown_names_are_attribute_errors() -> None:
    import sweeper_core

    with pytest.raises(AttributeError, match="nonsense"):
        _ = sweeper_core.nonsense  # type: ignore[attr-defined]
    assert "Study" in dir(sweeper_core)


def test_importing_the_core_loads_nothing_heavy() -> None:
    code = (
        "import sys, sweeper_core, hydra_plugins.hydra_hpo_sweeper.config, hydra_plugins.hydra_hpo_sweeper.sweeper; "
        "print([name for name in ('numpy', 'scipy', 'sqlalchemy', 'pandas', 'optuna') if name in sys.modules])"
    )
    root = str(CORE.parent)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
