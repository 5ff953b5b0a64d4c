"""A piped sweep without colours, without UTF-8 and on a dumb terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_support import command, surroundings

from hydra_plugins.hydra_hpo_sweeper._sweep._output._streams import decoded, tolerant_streams

PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_a_piped_sweep_is_plain_ascii_and_keeps_its_texts(tmp_path: Path) -> None:
    """The one real process here: encodings belong to a process."""
    line = command(
        "echo.py", tmp_path / "s", "+n=choice('ä','é')", "hydra.sweeper.n_trials=2", "hydra.sweeper.report=false"
    )
    done = subprocess.run(line, env={**surroundings(), **PLAIN}, capture_output=True, cwd=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert b"Traceback" not in said
    assert said.isascii()
    assert b"\x1b" not in said
    assert b"\r" not in said
    rows = (tmp_path / "s" / "trials.csv").read_text(encoding="utf-8")
    assert "ä" in rows
    assert "é" in rows


def test_arguments_that_arrive_as_bytes_are_the_texts_that_they_were() -> None:
    assert decoded("n='\udcc3\udca4'") == "n='ä'"
    assert decoded("n='ä'") == "n='ä'"
    assert decoded("n=\udcff") == "n=\udcff"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_streams_write_what_they_cannot_encode_as_escapes(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with tolerant_streams():
        print("→", flush=True)
    assert stream.errors == "strict"
    assert stream.buffer.getvalue().decode(encoding) == ("→\n" if encoding == "utf-8" else "\\u2192\n")  # type: ignore[attr-defined]
