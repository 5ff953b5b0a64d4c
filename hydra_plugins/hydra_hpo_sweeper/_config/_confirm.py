"""The reader of ``hydra.sweeper.confirm``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._readers import count, refuse_unknown, wrong
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError

EXAMPLE = "{top: 5, seeds: {seed: [1, 2, 3, 4, 5]}}"
SEEDS = "a mapping of one key to a list of different values, such as {seed: [1, 2, 3, 4, 5]}"
DEFAULT_TOP = 5


@dataclass(frozen=True)
class ConfirmOptions:
    """After the search its best trials run again with fresh values of a key.

    Attributes:
        key: The override's key.
        seeds: Its values, all different.
        top: Number of trials.
    """

    key: str
    seeds: tuple[Any, ...]
    top: int = DEFAULT_TOP


def confirm(key: str, value: Any) -> ConfirmOptions | None:
    """Read the setting; None means that nothing is confirmed."""
    if value is None or value is False:
        return None
    if not isinstance(value, dict):
        raise wrong(key, f"a mapping such as {EXAMPLE}", value)
    refuse_unknown(key, value, ("top", "seeds"))
    if value.get("seeds") is None:
        raise ConfigError(f"hydra.sweeper.{key} needs seeds, {SEEDS}.")
    top = count(1)(f"{key}.top", value.get("top", DEFAULT_TOP))
    return ConfirmOptions(*_seeds(f"{key}.seeds", value["seeds"]), top)


def _seeds(key: str, value: Any) -> tuple[str, tuple[Any, ...]]:
    if not isinstance(value, dict) or len(value) != 1:
        raise wrong(key, SEEDS, value)
    ((name, seeds),) = value.items()
    if not isinstance(seeds, list) or not seeds:
        raise wrong(key, SEEDS, value)
    texts = [json.dumps(seed, sort_keys=True, default=repr) for seed in seeds]
    twice = next((seed for seed, text in zip(seeds, texts, strict=True) if texts.count(text) > 1), None)
    if len(set(texts)) < len(texts):
        raise ConfigError(f"hydra.sweeper.{key}.{name} has {twice!r} twice; each value is one run of a trial.")
    odd = next((seed for seed in seeds if not isinstance(seed, (bool, int, float, str))), _FINE)
    if odd is not _FINE:
        raise wrong(f"{key}.{name}", "a list of numbers or texts", odd)
    return str(name), tuple(seeds)


_FINE = object()


def refuse_unfit(options: ConfirmOptions | None, n_objectives: int, repeated: Sequence[str]) -> None:
    """Raise where the setting contradicts others.

    Args:
        repeated: The key of ``hydra.sweeper.repeat``, if any.
    """
    if options is None:
        return
    if n_objectives > 1:
        raise ConfigError(
            "hydra.sweeper.confirm needs one objective: with several there is no one best trial to confirm "
            f"(hydra.sweeper.direction has {n_objectives})."
        )
    if options.key.lstrip("+") in [key.lstrip("+") for key in repeated]:
        raise ConfigError(
            f"hydra.sweeper.confirm: {options.key!r} is the key of hydra.sweeper.repeat, of which each trial has "
            "all values already; name another key."
        )
