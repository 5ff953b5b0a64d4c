"""Hydra's override parser, and the private parts of it that reading a search space needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hydra._internal.grammar import grammar_functions
from hydra._internal.grammar.utils import escape_special_characters
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import Override

CASTS: Mapping[str, Callable[[Any], Any]] = {
    "int": grammar_functions.cast_int,
    "float": grammar_functions.cast_float,
    "str": grammar_functions.cast_str,
    "bool": grammar_functions.cast_bool,
}
"""Hydra's own casts of one value."""


def parser_with(functions: Mapping[str, Callable[..., Any]], config_loader: Any = None) -> OverridesParser:
    """Return a parser of overrides with Hydra's functions, overridden by the given ones.

    Args:
        config_loader: Hydra's loader, in which ``glob`` looks up config groups.
    """
    table = create_functions()
    for name, function in functions.items():
        table.definitions[name] = inspect.signature(function)
        table.functions[name] = function
    return OverridesParser(functions=table, config_loader=config_loader)


def parsed_value(override: Override) -> Any:
    """Return what the parser made of the text to the right of ``=``: a sweep, or a value with its quotes."""
    return override._value


def plain(value: Any) -> Any:
    """Return a parsed value as plain Python: quoted strings as the strings that they hold."""
    return Override._convert_value(value)


def escape_key(text: str) -> str:
    """Return the key of a mapping as it is written inside an override."""
    return escape_special_characters(text)
