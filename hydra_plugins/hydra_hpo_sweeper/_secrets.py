"""Keeping the storage's password out of what Hydra writes to disk.

Hydra saves the sweeper's configuration beside every job. Launchers therefore get a copy in which the
password is masked, in the value and in the list of overrides, such that composing a job's configuration from
that list gives the masked value again.
"""

from __future__ import annotations

import copy
import re

from omegaconf import DictConfig, OmegaConf, flag_override

_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^/@:\s]*:)(?P<password>[^@/\s]+|[^/\s]*?)(?=@)")
_KEY = "hydra.sweeper.storage"


def masked(text: str) -> str:
    """Return the text with ``***`` in place of every password in a URL."""
    return _PASSWORD.sub(r"\g<before>***", text)


def without_secrets(config: DictConfig) -> DictConfig:
    """Return the configuration for launchers: itself when there is nothing to hide, else a masked copy."""
    raw = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    storage = raw.get("storage") if isinstance(raw, dict) else None
    overrides = [str(line) for line in config.hydra.overrides.hydra]
    hidden = [masked(line) for line in overrides]
    secret = isinstance(storage, str) and masked(storage) != storage
    if not secret and hidden == overrides:
        return config
    if secret:
        text = masked(str(storage)).replace("\\", "\\\\").replace("'", "\\'")
        hidden = [line for line in hidden if line.split("=")[0].lstrip("+") != _KEY] + [f"++{_KEY}='{text}'"]
    clean = copy.deepcopy(config)
    with flag_override(clean, ["readonly", "struct"], False), flag_override(clean.hydra, "readonly", False):
        clean.hydra.overrides.hydra = hidden
        if secret:
            clean.hydra.sweeper.storage = masked(str(storage))
    return clean
