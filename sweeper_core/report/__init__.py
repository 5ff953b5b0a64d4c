"""What a study has found, told in one HTML file that opens offline, and as facts in JSON."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "StudyFacts": "sweeper_core.report.facts",
        "write_report": "sweeper_core.report.page",
    },
)
