"""Names of a script that its configuration refers to: ``_target_: __main__.Net``.

A task function that is defined in a script is pickled by value, with the names that it uses itself. Names that only
the configuration refers to must be sent with it, or ``__main__`` of other processes would lack them.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, ListConfig, OmegaConf

MENTION = re.compile(r"\b__main__\.([A-Za-z_]\w*)")

MAX_FILES = 2_000
"""Maximum number of configuration files searched; a folder with more of them has other contents, too."""


def script_names(config: DictConfig, loader: ConfigLoader) -> dict[str, Any]:
    """Return the names of ``__main__`` that the configuration, or any part that a job could choose, refers to.

    Args:
        config: The composed configuration.
        loader: The config loader, with the sources of the parts: files, and the ``ConfigStore``.
    """
    defined = vars(sys.modules["__main__"])
    texts = [*_texts(config), *_texts(ConfigStore.instance().repo), *_files(loader)]
    mentioned = {name for text in texts for name in MENTION.findall(text)}
    return {name: defined[name] for name in sorted(mentioned) if name in defined}


def show_in_main(names: Mapping[str, Any]) -> None:
    """Add names to this process's ``__main__``, unless it has them."""
    main = vars(sys.modules["__main__"])
    for name, value in names.items():
        main.setdefault(name, value)


def _texts(content: Any) -> Iterator[str]:
    """Yield every text in nested containers and nodes of the ``ConfigStore``."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, (DictConfig, ListConfig)):
        yield from _texts(OmegaConf.to_container(content, resolve=False))
    elif isinstance(content, (dict, list, tuple)):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _texts(item)
    elif hasattr(content, "node"):
        yield from _texts(content.node)


def _files(loader: ConfigLoader) -> Iterator[str]:
    """Yield the text of every file in the application's own part of the search path."""
    for element in loader.get_search_path().get_path():
        if element.provider not in ("hydra", "schema"):
            for path in _yaml_files(element.path):
                yield path.read_text(encoding="utf-8", errors="replace")


def _yaml_files(place: str) -> Iterator[Path]:
    scheme, _, rest = place.rpartition("://")
    if scheme == "pkg":
        folders = _package_folders(rest)
    else:
        folders = [rest] if scheme in ("", "file") else []
    for folder in folders:
        for count, path in enumerate(Path(folder).rglob("*.yaml")):
            if count >= MAX_FILES:
                break
            if path.is_file():
                yield path


def _package_folders(name: str) -> list[str]:
    try:
        spec = importlib.util.find_spec(name.replace("/", "."))
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or ()) if spec is not None else []
