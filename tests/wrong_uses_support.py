"""Asking the settings' and the grammar's readers about a wrong use, as a sweep does before anything is composed."""

from __future__ import annotations

from omegaconf import OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._settings import read_settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan

ACCEPTED = "accepted"


def answer(kind: str, text: str) -> str:
    """Return the message of the ``ConfigError`` that a wrong use raises, or ``accepted``.

    Args:
        kind: ``set``: lines of YAML below ``hydra.sweeper``; ``par``: the YAML of ``hydra.sweeper.params``; ``arg``:
            arguments of the command line with ``;;`` between them.
        text: The wrong use; a line break is written ``\\n``.
    """
    lines = "" if kind == "arg" else text.replace("\\n", "\n") if kind == "set" else f"params: {text}"
    given = OmegaConf.create(lines) if lines else OmegaConf.create()
    config = OmegaConf.merge({"hydra": {"sweeper": {"sampler": "random", "direction": "minimize"}}}, {})
    config.hydra.sweeper = OmegaConf.merge(config.hydra.sweeper, given)
    try:
        settings = read_settings(config)  # type: ignore[arg-type]
        read_plan(text.split(" ;; ") if kind == "arg" else [], settings.params, None, config)  # type: ignore[arg-type]
    except ConfigError as error:
        return str(error)
    return ACCEPTED
