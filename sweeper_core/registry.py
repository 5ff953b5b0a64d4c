"""Samplers, pruners and schedulers by name: one line each, and nothing is imported until one of them is used.

``hydra/sweeper/sampler=<name>``, ``pruner=<name>`` and ``scheduler=<name>``, the conformance tests and the tables of
the documentation are made from these tables.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["sampler", "pruner", "scheduler"]


@dataclass(frozen=True)
class Entry:
    """A sampler, pruner or scheduler that a sweep can choose by name.

    Attributes:
        path: Dotted path of its class.
        summary: What it is for, as the documentation's table says it.
        preset: Arguments whose default in a sweep differs from the class's.
        finite: Whether it takes finite search spaces only.
        needed: Arguments that the user has to give, with an example of each; the conformance tests use it.
    """

    path: str
    summary: str = ""
    preset: Mapping[str, Any] = field(default_factory=dict)
    finite: bool = False
    needed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def load(self) -> Any:
        """Import the class and return it."""
        module, _, name = self.path.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def arguments(self) -> tuple[str, ...]:
        """Return the names of the class's arguments, from its source where the class is not imported yet."""
        module, _, name = self.path.rpartition(".")
        found = None if module in sys.modules else _stated(module, name)
        return tuple(inspect.signature(self.load()).parameters) if found is None else found

    def config(self) -> dict[str, Any]:
        """Return the configuration: the class, its arguments (None: the class's own default) and the preset."""
        package = self.path.split(".")
        # Of ours the public name, as the documentation has it.
        target = ".".join([*package[:2], package[-1]]) if package[0] == "sweeper_core" else self.path
        return {"_target_": target, **dict.fromkeys(self.arguments()), **self.preset}


SAMPLERS: dict[str, Entry] = {
    "auto": Entry(
        "sweeper_core.samplers.auto.AutoSampler",
        "every study (the default of sweeps): picks one of the following as the study goes",
    ),
    "gp": Entry(
        "sweeper_core.samplers.gp.GPSampler",
        "up to about a thousand trials, of any kind of parameters; the most from each trial",
    ),
    "tpe": Entry(
        "sweeper_core.samplers.tpe.TPESampler",
        "thousands of trials, conditions, several objectives, at a millisecond a suggestion",
    ),
    "cmaes": Entry(
        "sweeper_core.samplers.cmaes.CmaEsSampler", "hundreds of trials and more, of numbers; one objective"
    ),
    "nsgaii": Entry("sweeper_core.samplers.nsgaii.NSGAIISampler", "several objectives and thousands of trials"),
    "nsgaiii": Entry("sweeper_core.samplers.nsgaiii.NSGAIIISampler", "four objectives and more, thousands of trials"),
    "qmc": Entry("sweeper_core.samplers.qmc.QMCSampler", "even coverage"),
    "random": Entry("sweeper_core.samplers.random.RandomSampler", "a baseline"),
    "grid": Entry("sweeper_core.samplers.grid.GridSampler", "every point of a finite space, in order", finite=True),
    "bruteforce": Entry(
        "sweeper_core.samplers.brute_force.BruteForceSampler",
        "every point of a finite space, also of one that conditions or code define",
        finite=True,
    ),
}
"""``hydra/sweeper/sampler=<name>``."""

PRUNERS: dict[str, Entry] = {
    "none": Entry("sweeper_core.pruners.nop.NopPruner", "never (the default of sweeps)"),
    "median": Entry(
        "sweeper_core.pruners.percentile.MedianPruner",
        "its best report so far is worse than the median of the complete trials at its step",
    ),
    "percentile": Entry(
        "sweeper_core.pruners.percentile.PercentilePruner",
        "the same with another share: `percentile=25` keeps the best quarter",
        preset={"percentile": 25.0},
    ),
    # Half of the trials go on at each rung: with Optuna's quarter, too many of the best are lost (docs/pruning.md).
    "asha": Entry(
        "sweeper_core.pruners.successive_halving.SuccessiveHalvingPruner",
        "it is not among the better half (`reduction_factor=2`) of all that have reached a rung",
        preset={"reduction_factor": 2},
    ),
    "successive_halving": Entry(
        "sweeper_core.pruners.successive_halving.SuccessiveHalvingPruner",
        "the same with Optuna's default, the best quarter (`reduction_factor=4`)",
    ),
    "hyperband": Entry(
        "sweeper_core.pruners.hyperband.HyperbandPruner",
        "the same, in several brackets that begin at different rungs",
    ),
    "patient": Entry(
        "sweeper_core.pruners.patient.PatientPruner",
        "it has not improved for `patience` reports, and `wrapped_pruner` agrees (if there is one)",
        preset={"patience": 5},
    ),
    "threshold": Entry(
        "sweeper_core.pruners.threshold.ThresholdPruner",
        "its last report is below `lower`, above `upper`, or NaN",
        needed={"upper": 1.0},
    ),
    "wilcoxon": Entry(
        "sweeper_core.pruners.wilcoxon.WilcoxonPruner",
        "it is worse than the best trial on the steps that both have reported (steps are cases, not time)",
    ),
    "extrapolate": Entry(
        "sweeper_core.pruners.extrapolation.ExtrapolationPruner",
        "its curve, followed to its end, gives it less than a twentieth of a new trial's chance to beat the best "
        "(after 5 reports, and 5 complete trials)",
    ),
}
"""``hydra/sweeper/pruner=<name>``."""

SCHEDULERS: dict[str, Entry] = {
    "stop": Entry("sweeper_core.schedulers.stop.StopScheduler", "never: the pruner's word is final (the default)"),
    "asha": Entry(
        "sweeper_core.schedulers.asha.ASHAScheduler",
        "it is among the better half (`reduction_factor=2`) of all that have come as far",
    ),
    "hyperband": Entry(
        "sweeper_core.schedulers.hyperband.HyperbandScheduler",
        "the same, in several brackets whose trials pause for the first time at different steps",
    ),
    "freeze_thaw": Entry(
        "sweeper_core.schedulers.freeze_thaw.FreezeThawScheduler",
        "its next steps are expected to gain more than those of a new trial, by a model of the curves",
    ),
    "auto": Entry("sweeper_core.schedulers.auto.AutoScheduler", "the rule that fits the study, which is `asha`"),
}
"""``hydra/sweeper/scheduler=<name>``."""

TABLES: Mapping[Kind, dict[str, Entry]] = {"sampler": SAMPLERS, "pruner": PRUNERS, "scheduler": SCHEDULERS}


def config_of(kind: Kind, name: str) -> dict[str, Any]:
    """Return the configuration of ``hydra/sweeper/<kind>=<name>``."""
    return TABLES[kind][name].config()


def documentation(kind: Kind) -> str:
    """Return the documentation's table of all samplers, pruners or schedulers, in Markdown."""
    heading = {"sampler": "for", "pruner": "stops a trial when", "scheduler": "continues a paused trial when"}[kind]
    rows = [f"| `{name}` | `{entry.class_name}` | {entry.summary} |" for name, entry in TABLES[kind].items()]
    return "\n".join([f"| `hydra/sweeper/{kind}=` | class | {heading} |", "|---|---|---|", *rows, ""])


# --- arguments without an import -------------------------------------------------------------------------------------


def _stated(module: str, name: str) -> tuple[str, ...] | None:
    """Return a class's arguments as its source states them; None where only an import can tell.

    Composing a configuration happens at each start of an application, when the class's imports (NumPy, SciPy) would
    cost a second.
    """
    tree = _source(module)
    found = None if tree is None else next((node for node in tree.body if _is_class(node, name)), None)
    if tree is None or not isinstance(found, ast.ClassDef) or found.decorator_list:
        return None
    for node in found.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return _names(node.args)
    return _inherited(module, tree, found)


def _source(module: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(module)
        path = None if spec is None else spec.origin
        return None if path is None else ast.parse(Path(path).read_text(encoding="utf-8"))
    except (ImportError, OSError, SyntaxError, ValueError):
        return None


def _is_class(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == name


def _names(arguments: ast.arguments) -> tuple[str, ...] | None:
    if arguments.vararg is not None or arguments.kwarg is not None:
        return None
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return tuple(argument.arg for argument in named[1:])


def _inherited(module: str, tree: ast.Module, found: ast.ClassDef) -> tuple[str, ...] | None:
    """Return the arguments that a class takes over from the first of its base classes that has any."""
    for base in found.bases:
        names = _of_base(tree, module, base)
        if names is None or names:
            return names
    return ()


def _of_base(tree: ast.Module, module: str, base: ast.expr) -> tuple[str, ...] | None:
    if not isinstance(base, ast.Name):
        return None
    if base.id == "ABC":
        return ()
    if any(_is_class(node, base.id) for node in tree.body):
        return _stated(module, base.id)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == base.id for alias in node.names):
            return _stated(str(node.module), base.id)
    return None
