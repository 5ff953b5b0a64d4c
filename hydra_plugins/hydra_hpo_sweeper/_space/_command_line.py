"""Overrides of the command line that Hydra refuses before any sweeper gets them."""

from __future__ import annotations

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._entries import COMMAND_LINE
from hydra_plugins.hydra_hpo_sweeper._space._reader import Reader
from hydra_plugins.hydra_hpo_sweeper._space._refused import reason_of_refusal
from hydra_plugins.hydra_hpo_sweeper._space._syntax import expressions_without_quotes, is_call


def refusal(override: str, error: Exception) -> str | None:
    """Return one line on why Hydra refuses an override; None where it has nothing of the grammar of sweeps."""
    hint = expressions_without_quotes(override)
    if hint is not None or not is_call(override):
        return hint
    try:
        Reader(None).argument(override)
    except ConfigError as answer:
        return str(answer)
    key, _, value = override.partition("=")
    return f"{key.strip()!r} {COMMAND_LINE}: {reason_of_refusal(value.strip(), error)}."
