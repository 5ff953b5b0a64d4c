"""``pair=zip(model=choice(resnet,vit), training.batch_size=choice(32,64))``: one dimension that sets several overrides.

The name, ``pair``, is that of the dimension alone: no key of the configuration and no config group. Its choices are
texts, the overrides of one row each, so that a study shows what a trial was. Hydra's own grammar takes no dotted names
inside of a function, so the members are taken apart here, and only their values are read by its parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import plain
from hydra_plugins.hydra_hpo_sweeper._space._brackets import Outside
from hydra_plugins.hydra_hpo_sweeper._space._configured import chosen_options
from hydra_plugins.hydra_hpo_sweeper._space._entries import COMMAND_LINE, PARAMS, Address, Entry, Swept
from hydra_plugins.hydra_hpo_sweeper._space._functions import ListSweep, Range
from sweeper_core.distributions import CategoricalDistribution

MIN_MEMBERS = 2
_ZIP = re.compile(r"\s*zip\s*\((.*)\)\s*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


def inside_of_zip(text: str) -> str | None:
    """Return what stands inside ``zip(…)``; None for a text that is something else."""
    found = _ZIP.fullmatch(text)
    return None if found is None else found[1]


def members_of(inside: str) -> list[tuple[str, str]]:
    """Return keys and texts of the members of a zip.

    Raises:
        ValueError: A member is no ``key=values``, or a bracket or quote is not closed.
    """
    members = []
    for part in _split(inside):
        key, sign, text = part.partition("=")
        if not sign or not key.strip() or not text.strip():
            raise ValueError(f"zip() takes members such as model=choice(a,b), not {part.strip()!r}")
        members.append((key.strip(), text.strip()))
    return members


def _split(text: str) -> list[str]:
    """Return the parts between commas that are in no brackets and no quotes."""
    parts, begin = [], 0
    outside = Outside(text)
    for index in outside:
        if text[index] == ",":
            parts.append(text[begin:index])
            begin = index + 1
    if outside.awaited:
        raise ValueError(f"expected {outside.awaited[-1]!r} before the end of zip({text})")
    return [*parts, text[begin:]]


def values_of(key: str, value: Any) -> list[Any]:
    """Return the values of a member in order.

    Args:
        key: Of the member.
        value: What the parser made of its text.

    Raises:
        ValueError: It is no finite list.
    """
    if isinstance(value, ListSweep):
        raise ValueError(f"the member {key!r} of zip() needs choice(…), range(…) or a list, not {value.function}()")
    if isinstance(value, ChoiceSweep):
        return [plain(item) for item in value.list]
    if isinstance(value, Range):
        return list(value.values())
    if isinstance(value, list):
        return [plain(item) for item in value]
    what = "an interval" if hasattr(value, "start") else repr(plain(value))
    raise ValueError(f"the member {key!r} of zip() needs choice(…), range(…) or a list, not {what}")


def zipped(at: Address, members: Sequence[tuple[Swept, Sequence[Any]]]) -> Swept:
    """Return the dimension that sets all members together.

    Args:
        at: The name.
        members: Each with its values, one of each row.

    Raises:
        ValueError: There are fewer than two, one is there twice, or they have different numbers of values.
    """
    if not _NAME.fullmatch(at.key):
        raise ValueError(
            "the name of a zip is one word, neither a key nor a config group and without +, such as pair=zip(…)"
        )
    keys = [member.at.bare for member, _ in members]
    if len(members) < MIN_MEMBERS:
        raise ValueError(f"zip() needs two members at least, not {len(members)}")
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"the member {twice!r} is in zip() twice")
    lengths = {key: len(values) for key, (_, values) in zip(keys, members, strict=True)}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} has {count}" for key, count in lengths.items())
        raise ValueError(f"the members of zip() need equally many values, but {counts}")
    rows = zip(*(values for _, values in members), strict=True)
    return of_rows(at, [member for member, _ in members], [dict(zip(keys, row, strict=True)) for row in rows])


def of_rows(at: Address, members: Sequence[Swept], rows: Sequence[Mapping[str, Any]]) -> Swept:
    """Return the dimension whose choices are rows: values by the members' keys, with their prefix or without.

    A row may lack a member: its override is then left out.
    """
    table = {}
    for row in rows:
        values = {key.lstrip("+~"): value for key, value in row.items()}
        lines = tuple(member.line(values[member.at.bare]) for member in members if member.at.bare in values)
        table[" ".join(lines)] = lines, values
    return Swept(
        at,
        CategoricalDistribution(list(table)),
        rows={label: each for label, (each, _) in table.items()},
        members={label: values for label, (_, values) in table.items()},
    )


def refuse_twice(entries: Sequence[Entry], config: DictConfig | None) -> None:
    """Refuse a zip whose member is given besides, or whose name is a key of the configuration.

    Raises:
        ConfigError: One is.
    """
    zips = [entry for entry in entries if isinstance(entry, Swept) and entry.rows]
    others = {entry.at.bare: entry.at for entry in entries if not (isinstance(entry, Swept) and entry.rows)}
    for place, entry in enumerate(zips):
        for key in entry.member_keys:
            other = next((z.at for z in zips[:place] if key in z.member_keys and not z.conditions), others.get(key))
            if other is not None:
                raise ConfigError(f"{entry.at}: its member {key!r} is given besides ({other}); keep one of them.")
        known = chosen_options(config)
        named = entry.at.place in (COMMAND_LINE, PARAMS)
        if named and (entry.at.key in known or (config is not None and entry.at.key in config)):
            raise ConfigError(f"{entry.at} is a key of the configuration; a zip has a name of its own.")


def labels_of(entry: Swept, values: dict[str, Any]) -> list[str]:
    """Return the choices of a zip whose members have the given values, by key without prefix."""
    found = [
        (label, row)
        for label, row in entry.members.items()
        if all(key in row and type(row[key]) is type(value) and row[key] == value for key, value in values.items())
    ]
    whole = [label for label, row in found if len(row) == len(values)]
    return whole or [label for label, _ in found]
