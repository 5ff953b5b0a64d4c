"""Send an application to another process: its task function, its configuration, and Hydra's global state.

A task function of an importable module is pickled by name: the module is imported there, and the function found below
the decorators (``functools.wraps`` sets ``__wrapped__``). One that is defined in ``__main__`` is pickled by value, as
by Hydra's own launchers, so that the script does not run a second time; only when that is impossible (it uses an
object that cannot be pickled), the script is imported in the way of ``multiprocessing``'s *spawn*.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._lanes._script import script_names, show_in_main
from sweeper_core._by_value import file_names_kept

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MAX_DECORATORS = 20


@dataclass(frozen=True)
class Named:
    """A function by its importable name.

    Attributes:
        depth: Number of decorators around it.
    """

    module: str
    qualname: str
    depth: int

    def load(self) -> Any:
        """Import the module and return the function."""
        found: Any = importlib.import_module(self.module)
        for name in self.qualname.split("."):
            found = getattr(found, name)
        for _ in range(self.depth):
            found = found.__wrapped__
        return found


@dataclass(frozen=True)
class MainModule:
    """The program's ``__main__``: a script by its path, or a module by its name."""

    file: str | None
    name: str | None
    arguments: tuple[str, ...]

    @classmethod
    def of_this_process(cls) -> MainModule:
        """Return the description of this program."""
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        return cls(getattr(main, "__file__", None), None if spec is None else spec.name, tuple(sys.argv))

    def put_in_place(self) -> None:
        """Set this process's ``__main__`` to the program, for libraries that start further processes of it."""
        main = sys.modules["__main__"]
        if self.file is not None:
            main.__file__ = self.file
        if self.name is not None:
            main.__spec__ = ModuleSpec(self.name, None, origin=self.file)

    def run(self) -> None:
        """Import the program as *spawn* does: under another name than ``__main__``, then also known as that."""
        from multiprocessing import spawn

        if self.name is not None:
            spawn.prepare({"init_main_from_name": self.name})
        elif self.file is not None:
            spawn.prepare({"init_main_from_path": self.file})


@dataclass(frozen=True)
class Application:
    """An unpickled application in a worker process."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig


def pack(context: HydraContext, task: TaskFunction, config: DictConfig) -> bytes:
    """Return the application and Hydra's global state as bytes."""
    content = {"context": context, "config": config, "state": _portable_state()}
    named = _named(task)
    try:
        return _dumps({**content, "task": named or task, "names": script_names(config, context.config_loader)})
    except Exception as error:
        by_name = named or _named(task, main_too=True)
        if by_name is None:
            raise
        log.debug("What the script defines cannot be sent by value (%s); workers import it.", error)
        return _dumps({**content, "task": by_name, "names": {}})


def _dumps(content: Any) -> bytes:
    with file_names_kept():
        return bytes(cloudpickle.dumps(content))


def unpack(data: bytes, main: MainModule) -> Application:
    """Return the application, with Hydra's global state set in this process."""
    sys.argv[:] = main.arguments
    content: Mapping[str, Any] = cloudpickle.loads(data)
    task = content["task"]
    if isinstance(task, Named) and task.module == "__main__":
        main.run()
    else:
        main.put_in_place()
    if isinstance(task, Named):
        task = task.load()
    elif task.__module__ == "__main__":
        _show_globals(task)
    show_in_main(content["names"])
    Singleton.set_state(content["state"])
    return Application(content["context"], task, content["config"])


def _named(task: TaskFunction, main_too: bool = False) -> Named | None:
    """Return the name of a function, if it can be found again under it."""
    module, qualname = getattr(task, "__module__", None), getattr(task, "__qualname__", "")
    if module is None or "<" in qualname or (module == "__main__" and not main_too):
        return None
    for depth in range(MAX_DECORATORS):
        name = Named(module, qualname, depth)
        try:
            if name.load() is task:
                return name
        except (AttributeError, ImportError):
            return None
    return None


def _portable_state() -> Any:
    """Return Hydra's singletons and resolvers, without the resolvers that cannot be pickled."""
    state = Singleton.get_state()
    kept = {}
    for name, resolver in state["omegaconf_resolvers"].items():
        try:
            cloudpickle.dumps(resolver)
        except Exception as error:
            log.warning("The resolver %r cannot be sent to worker processes: %s", name, error)
        else:
            kept[name] = resolver
    return {**state, "omegaconf_resolvers": kept}


def _show_globals(task: Any) -> None:
    """Add the names sent with the function to ``__main__``, where unpickling by name finds them."""
    main = vars(sys.modules["__main__"])
    for name, value in getattr(task, "__globals__", {}).items():
        if not name.startswith("__"):
            main[name] = value
