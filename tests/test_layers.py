"""A file imports only from floors below its own, whatever form the import has; and there are no cycles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    {
        "_bounds",
        "_by_value",
        "_exit",
        "_flock",
        "_forks",
        "_garbage",
        "_lazy",
        "checkpoints",
        "_extras",
        "choices",
        "exceptions",
        "maths",
        "directions",
        "durations",
        "logging",
        "masking",
        "memory",
        "plain",
        "registry",
    },
    {"_changes", "_described", "distributions", "search_space"},
    {"trial"},
    {"storages", "samplers", "pruners"},
    {"schedulers", "stopping"},
    {"study"},
    {"importance", "visualization", "integrations", "transfer", "report", "cli", "testing", "terminator"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PLUGIN = "hydra_plugins.hydra_hpo_sweeper"
PLUGIN_FLOORS = [
    {"_errors"},
    {"_hydra"},
    {"config"},
    {"_space"},
    {"_config"},
    {"_lanes"},
    {"lanes"},
    {"_sweep"},
    {"sweeper"},
    {"_optuna_names"},
    {"compat"},
]
PLUGIN_FLOOR_OF = {room: floor for floor, rooms in enumerate(PLUGIN_FLOORS) for room in rooms}
FILES = sorted(
    path for package in ("sweeper_core", "hydra_plugins") for path in (ROOT / package).rglob("*.py") if path.is_file()
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imports_of(path: Path) -> set[str]:
    """Return the project's own modules that a file imports anywhere: in functions and for typing only too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            base = node.module or ""
            found.update(f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names)
    return {name for name in found if name in MODULES}


IMPORTS = {name: imports_of(path) for name, path in MODULES.items()}


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "sweeper_core" and len(parts) > 1 else None


@pytest.mark.parametrize("module", [name for name in MODULES if room(name)])
def test_a_module_imports_only_from_floors_below(module: str) -> None:
    own = room(module)
    assert own in FLOOR_OF, f"{module} is on no floor"
    for imported in IMPORTS[module]:
        other = room(imported)
        assert not imported.startswith("hydra_plugins"), f"{module} imports {imported}"
        if other is not None and other != own:
            below = FLOOR_OF[other] < FLOOR_OF[own]
            # The top floor's rooms and the first floor's files may lean on a neighbour; the third floor's never.
            same = FLOOR_OF[other] == FLOOR_OF[own] in (0, 1, 6)
            assert below or same, f"{module} (floor {FLOOR_OF[own]}) imports {imported} (floor {FLOOR_OF[other]})"


def plugin_room(module: str) -> str | None:
    return module.removeprefix(f"{PLUGIN}.").split(".")[0] if module.startswith(f"{PLUGIN}.") else None


@pytest.mark.parametrize("module", [name for name in MODULES if plugin_room(name)])
def test_a_module_of_the_plugin_imports_only_from_floors_below(module: str) -> None:
    own = plugin_room(module)
    assert own in PLUGIN_FLOOR_OF, f"{module} is on no floor of the plugin"
    for imported in IMPORTS[module]:
        other = plugin_room(imported)
        if other is not None and other != own:
            # compat.py names the sweeper a second time.
            same = PLUGIN_FLOOR_OF[other] == PLUGIN_FLOOR_OF[own] == len(PLUGIN_FLOORS) - 1
            below = PLUGIN_FLOOR_OF[other] < PLUGIN_FLOOR_OF[own]
            assert below or same, f"{module} imports {imported} from the same floor or one above"


def test_there_are_no_import_cycles() -> None:
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"import cycle: {' -> '.join((*trail, module))}"
        if module not in done:
            for imported in sorted(IMPORTS[module] - {module}):
                visit(imported, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_maths_knows_no_trials() -> None:
    for path in (ROOT / "sweeper_core" / "maths").rglob("*.py"):
        assert "trial" not in path.read_text().lower(), f"{path} speaks of trials"


@pytest.mark.parametrize("path", sorted((ROOT / "hydra_plugins" / "hydra_hpo_sweeper").glob("[!_]*.py")), ids=str)
def test_scanned_plugin_modules_import_nothing_heavy(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            # A table of dotted paths, which imports nothing.
            if name == "sweeper_core.registry":
                continue
            assert name.split(".")[0] not in {"numpy", "scipy", "sqlalchemy", "sweeper_core"}, f"{path}: {name}"


def package_of(path: Path) -> Path:
    """Return the room that a file is in: the second folder below the root, and below the plugin's own the third."""
    parts = path.relative_to(ROOT).parts
    depth = 3 if parts[0] == "hydra_plugins" else 2
    return ROOT.joinpath(*parts[: min(depth, len(parts) - 1)])


def defined_in(path: Path) -> set[str]:
    """Return every private name that a file defines: functions, classes, and what is assigned anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


OWN: dict[Path, set[str]] = {}
for _path in FILES:
    OWN.setdefault(package_of(_path), set()).update(defined_in(_path))

REACHING = {
    "sweeper_core/search_space/intersection.py": {"_study_id"},
    "sweeper_core/integrations/lightning.py": {"_checkpoint_connector"},
    "hydra_plugins/hydra_hpo_sweeper/_lanes/_process.py": {"_args_from_interpreter_flags"},
}
"""Private attributes for which there is no public name: Optuna's key of a study, what restores a
training of Lightning, and an interpreter's own flags."""


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_private_attribute_of_another_package(path: Path) -> None:
    if "_hydra" in path.parts:
        return  # the room for every private name of Hydra and of launchers
    reached = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }
    assert reached - OWN[package_of(path)] <= REACHING.get(path.relative_to(ROOT).as_posix(), set())


@pytest.mark.parametrize("room", ["samplers", "pruners"])
def test_samplers_and_pruners_know_what_a_study_is(room: str) -> None:
    for path in (ROOT / "sweeper_core" / room).rglob("*.py"):
        assert "study: Any" not in path.read_text(), f"{path}: use StudyLike"


MAX_FILE = 500
MAX_CLASS = 300


@pytest.mark.parametrize("path", [path for path in FILES if "testing" not in path.parts], ids=module_name)
def test_files_and_classes_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in classes}
    too_long = [name for name, length in lengths.items() if length > MAX_CLASS]
    assert len(text.splitlines()) <= MAX_FILE
    assert too_long == []


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    trees = [ast.parse(path.read_text()) for path in FILES if "testing" not in path.parts]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = sorted(length(node) for tree in trees for node in ast.walk(tree) if isinstance(node, kinds))
    assert lengths[len(lengths) // 2] <= 5
    assert lengths[len(lengths) * 9 // 10] <= 15
