"""Choices as a distribution, distinct by type and value; an override must be able to express each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.errors import HydraException

from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import parser_with
from hydra_plugins.hydra_hpo_sweeper._hydra._values import has_interpolation, unescape
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Swept
from hydra_plugins.hydra_hpo_sweeper._space._functions import FUNCTIONS
from hydra_plugins.hydra_hpo_sweeper._space._numbers import check_exact
from sweeper_core.distributions import MAX_EXACT_INTEGER, CategoricalDistribution, choice_key


def of_choices(at: Address, values: Sequence[Any], ordered: bool = False, group: bool = False) -> Swept:
    """Return a swept entry with choices, escaped texts among them as the job will see them.

    Raises:
        ValueError: A choice cannot be written as an override.
    """
    if ordered and all(type(value) in (int, float) for value in values):
        values = sorted(values)
    references = {choice_key(text) for value in values for text in _strings(value) if has_interpolation(text)}
    unique = {choice_key(value): value for value in map(_unescaped, values)}
    distribution = CategoricalDistribution(list(unique.values()))
    entry = Swept(at, distribution, ordered=ordered, group=group, references=frozenset(references))
    for value in unique.values():
        _check(entry, value)
    return entry


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _unescaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_unescaped(part) for part in value]
    if isinstance(value, dict):
        return {key: _unescaped(part) for key, part in value.items()}
    return unescape(value) if isinstance(value, str) and not has_interpolation(value) else value


def _check(entry: Swept, value: Any) -> None:
    """Reject values that an override cannot express, so that all others arrive unchanged."""
    if any(text == "???" for text in _strings(value)):
        raise ValueError("'???' cannot be a choice: it is OmegaConf's mark for a missing value")
    if type(value) is int and abs(value) > MAX_EXACT_INTEGER and entry.ordered:
        check_exact(value, value)
    if isinstance(value, (list, dict)) and not _arrives(entry, value):
        raise ValueError(f"the choice {value!r} cannot be written as an override; use plain words as its keys")


def _arrives(entry: Swept, value: Any) -> bool:
    text = entry.line(value)[len(entry.at.key) + 1 :]
    try:
        back = parser_with(FUNCTIONS).parse_rule(f"x={text}", "override")
        return bool(choice_key(_unescaped(back.value())) == choice_key(value))
    except (HydraException, ValueError, TypeError):
        return False
