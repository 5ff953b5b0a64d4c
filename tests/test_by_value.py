"""Functions of a script keep their file's name on their way to other processes, whatever version of cloudpickle."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import cloudpickle
import pytest

from sweeper_core._by_value import file_names_kept

SCRIPT = """
import functools

def plain(x):
    raise ValueError("plain")  # here

def nested(x):
    def inner():
        raise ValueError("nested")  # here
    return inner()

shortened = lambda x: [1 / y for y in [0]]  # here

class Model:
    def __init__(self, x):
        self.x = x

    @property
    def fails(self):
        return (lambda: int("no number"))()  # here

    @classmethod
    def made(cls, x):
        return cls(x).fails

def decorated(function):
    @functools.wraps(function)
    def around(x):
        return function(x)
    return around

@decorated
def method(x):
    return Model.made(x)

def generating(x):
    return list(1 / 0 for _ in range(2))  # here
"""
FUNCTIONS = ["plain", "nested", "shortened", "method", "generating"]


@pytest.fixture
def script(tmp_path: Path) -> dict[str, Any]:
    """Return what a script defines that no other process could import."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    names: dict[str, Any] = {"__name__": "a_script_that_nobody_can_import"}
    exec(compile(SCRIPT, str(path), "exec"), names)
    return names


def sent(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function as another process gets it."""
    with file_names_kept():
        packed = cloudpickle.dumps(function)
    copy: Callable[[Any], Any] = pickle.loads(packed)
    assert copy is not function
    return copy


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traceback_shows_the_lines_of_the_script(script: dict[str, Any], name: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)) as caught:
        sent(script[name])(1)
    text = "".join(traceback.format_exception(caught.value))
    assert "  # here" in text, text
    assert "<dynamic-code>" not in text


def test_the_pickler_is_left_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    original = cloudpickle.CloudPickler.dispatch_table[CodeType]

    def lossy(code: CodeType) -> tuple[Any, ...]:
        rebuild, arguments = original(code)
        return rebuild, tuple("<lost>" if item in (code.co_filename, "<dynamic-code>") else item for item in arguments)

    monkeypatch.setitem(cloudpickle.CloudPickler.dispatch_table, CodeType, lossy)
    code = compile("", "named.py", "exec")

    def name() -> str:
        rebuilt: CodeType = pickle.loads(cloudpickle.dumps(code))
        return rebuilt.co_filename

    left = threading.Event()
    entered = threading.Event()

    def use() -> None:
        with file_names_kept():
            entered.set()
            left.wait()

    other = threading.Thread(target=use)
    assert name() == "<lost>"
    with file_names_kept():
        other.start()
        entered.wait()
        assert name() == "named.py"
    assert name() == "named.py", "another thread still needs the names"
    left.set()
    other.join()
    assert name() == "<lost>"
    assert cloudpickle.CloudPickler.dispatch_table[CodeType] is lossy
