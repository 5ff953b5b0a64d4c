"""The report: one HTML file about a study, or about several side by side. It opens offline and asks for nothing.

The page is made of a template, a style sheet, a script, Plotly's script, and the data as JSON. Everything that is
stored is data: the JSON stands in a script element of a type that no browser runs, with no mark that could end it, and
the script sets texts, never HTML.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.linalg import LinAlgError

from sweeper_core.report.confirmed import how_sure
from sweeper_core.report.data import study_json
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.texts import printable
from sweeper_core.storages.base import Storage

if TYPE_CHECKING:
    from sweeper_core.study.expected import Expectation

SCHEMA = "hpo.report/1"

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Reported(Protocol):
    """A study that a report is about."""

    @property
    def directory(self) -> Path | None:
        """The sweep's directory."""

    @property
    def shown_url(self) -> str:
        """The storage's URL without its password."""

    @property
    def storage(self) -> Storage:
        """The storage, which may have runs that confirm the study's best trials."""

    @property
    def expected(self) -> Expectation | str | None:
        """What a model expects of the study's trials, or why there is none; None where it is still to be worked out."""

    def facts(self) -> StudyFacts:
        """Return the study's facts as of now."""

    def command(self, facts: StudyFacts) -> str | None:
        """Return the command that runs the best trial; None when there is none."""


def write_report(path: Path, studies: Sequence[Reported], advance: Callable[[int], Any] | None = None) -> None:
    """Write a report, the file replaced whole.

    Args:
        advance: Called with 1 after each study.

    Raises:
        OSError: The file cannot be written.
    """
    contents = []
    for study in studies:
        facts = study.facts()
        directory = None if study.directory is None else printable(study.directory.absolute())
        where = {"directory": directory, "storage": printable(study.shown_url)}
        contents.append(
            {**where, **study_json(facts, path.absolute().parent, study.command(facts), _sure(study, facts))}
        )
        if advance is not None:
            advance(1)
    text = page(contents)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise type(error)(error.errno, f"The report cannot be written: {error.strerror}", str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sure(study: Reported, facts: StudyFacts) -> list[str]:
    try:
        return how_sure(study.storage, facts, study.expected)
    except (ValueError, ArithmeticError, LinAlgError) as error:
        return [f"How sure the best trial is cannot be said ({type(error).__name__})."]


def page(studies: Sequence[dict[str, Any]]) -> str:
    """Return the HTML of a report about studies as :func:`study_json` describes them."""
    content = {"schema": SCHEMA, "studies": list(studies)}
    parts = {
        "style": _asset("report.css"),
        "plotly": _asset("plotly-cartesian.min.js"),
        "script": _asset("report.js"),
        "data": safe_json(content),
    }
    text = _asset("report.html")
    for name, part in parts.items():
        before, mark, after = text.partition(f"/*{name}*/")
        assert mark, name
        text = before + part + after
    return text


def safe_json(content: Any) -> str:
    """Return JSON that can stand inside a script element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for mark, escaped in _ESCAPES.items():
        text = text.replace(mark, escaped)
    return text


def _asset(name: str) -> str:
    return files("sweeper_core.report").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
