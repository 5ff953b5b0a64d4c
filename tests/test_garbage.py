"""The garbage collector is left out while much is made, and never for longer."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sweeper_core._garbage import uncollected


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_it_comes_back_when_the_last_of_several_is_done() -> None:
    first, second = ExitStack(), ExitStack()  # as two threads, of which neither knows of the other
    first.enter_context(uncollected())
    second.enter_context(uncollected())
    first.close()
    assert not gc.isenabled()
    second.close()
    assert gc.isenabled()


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_who_has_turned_it_off_finds_it_so() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_has_it() -> None:
    with uncollected():
        child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() else 1)
        _, status = os.waitpid(child, 0)
        assert not gc.isenabled()
    assert status == 0
