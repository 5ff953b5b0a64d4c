"""What a study has found, as facts that can be shown and written as JSON."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "StudyFacts": "sweeper_core.report.facts",
    },
)
