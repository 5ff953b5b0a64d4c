"""What Hydra's own parser must let pass on the command line, before any sweeper sees it.

``interval`` also takes ``log`` and ``step``, and ``choice`` also ``null``; every other input means what it meant.
"""

from typing import Any

from hydra._internal.grammar import grammar_functions
from hydra.core.override_parser.types import ChoiceSweep

_MARK = "_hydra_hpo_sweeper"


def extend_hydra() -> None:
    """Widen the two functions, once."""
    _replace("interval", _interval_of)
    _replace("choice", _choice_of)


def _replace(name: str, widen: Any) -> None:
    original = getattr(grammar_functions, name)
    if not hasattr(original, _MARK):
        wider = widen(original)
        setattr(wider, _MARK, True)
        setattr(grammar_functions, name, wider)


def _interval_of(original: Any) -> Any:
    def interval(start: int | float, end: int | float, log: bool = False, step: int | float | None = None) -> Any:
        sweep = original(start, end)
        if log:
            sweep.tags = {*sweep.tags, "log"}
        return sweep

    return interval


def _choice_of(original: Any) -> Any:
    # Hydra checks arguments against the annotation (plain types only), which is where None is let in.
    def choice(*args: str | int | float | bool | dict | list | ChoiceSweep | None) -> Any:  # type: ignore[type-arg]
        return original(*args)

    return choice
