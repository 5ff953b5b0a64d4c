"""The versions that are promised, that are tested, and that the first page names are the same."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text()


def padded(version: str) -> tuple[int, ...]:
    """Return a version's three numbers."""
    parts = [int(part) for part in version.split(".")]
    return (*parts, *[0] * (3 - len(parts)))


def test_the_oldest_supported_versions_are_tested() -> None:
    lines = re.search(r"^dependencies = \[\n(.*?)^\]", PROJECT, re.MULTILINE | re.DOTALL)
    assert lines is not None
    promised = {name: padded(version) for name, version in re.findall(r'"([\w-]+)>=([\d.]+)', lines[1])}
    tested = {
        name: padded(version)
        for name, version in re.findall(
            r"^([\w-]+)==([\d.]+)$", (ROOT / ".ci" / "oldest.txt").read_text(), re.MULTILINE
        )
    }
    assert promised == tested


def test_the_first_page_names_the_versions_of_python() -> None:
    versions = re.findall(r"Programming Language :: Python :: (3\.\d+)", PROJECT)
    required = re.search(r'requires-python = ">=([\d.]+)"', PROJECT)
    assert required is not None
    assert required[1] == versions[0]
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text()
