"""Stop rules: when a study has seen enough trials, and why."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "StopRule": "sweeper_core.stopping.rule",
        "StopCheck": "sweeper_core.stopping.check",
        "Outlook": "sweeper_core.stopping.outlook",
        "outlook_of": "sweeper_core.stopping.outlook",
    },
)
