"""Retention of a study's checkpoints: those of the best trials, and of trials that can be continued."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sweeper_core.checkpoints.store import Checkpoint, CheckpointStore, delete, usable

Fate = Literal["running", "paused", "ended"]
"""``paused``: the configuration is not running and may be continued."""
GB = 10**9


@dataclass(frozen=True)
class KeepRules:
    """Retention rules.

    Attributes:
        best: Number of best ended trials that keep their newest checkpoint.
        last: Number of checkpoints that a trial keeps while it can be continued.
        max_bytes: Above this size, paused trials lose their checkpoints, the least promising first; None: no limit.
    """

    best: int = 1
    last: int = 1
    max_bytes: float | None = None


@dataclass(frozen=True)
class Standing:
    """The status of a configuration.

    Attributes:
        merit: The smaller, the better: its value when it has ended, its last report when it is paused; None without one
            (and for an ended one that cannot be the best).
        awaited: Of a paused one, the step that it would report next; see
            :func:`~sweeper_core.checkpoints.store.usable`. Only repeat 0 reports.
    """

    fate: Fate
    merit: float | None = None
    awaited: int | None = None


Held = Mapping[int, Sequence[Sequence[Checkpoint]]]
"""The checkpoints of each configuration, by repeat, the newest last."""


def superfluous(held: Held, standings: Mapping[int, Standing], rules: KeepRules) -> list[Checkpoint]:
    """Return the checkpoints to be deleted, none of running or unknown configurations."""
    known = {number: standings[number] for number in held if number in standings}
    paused = [number for number, standing in known.items() if standing.fate == "paused"]
    ended = [number for number, standing in known.items() if standing.fate == "ended"]
    best = sorted((n for n in ended if known[n].merit is not None), key=lambda n: (_merit(known[n]), n))[: rules.best]
    kept = {number: [repeat[-1:] if number in best else [] for repeat in held[number]] for number in ended}
    kept |= {n: [_usable(repeat, known[n])[-rules.last :] for repeat in held[n]] for n in paused}
    if rules.max_bytes is not None:
        total = _size(kept.values()) + _size(held[number] for number in held if number not in kept)
        for number in sorted(paused, key=lambda n: (_merit(known[n]), n), reverse=True):
            if total <= rules.max_bytes:
                break
            total -= _size([kept[number]])
            kept[number] = []
    stays = {one.path for repeats in kept.values() for repeat in repeats for one in repeat}
    return [one for number in kept for repeat in held[number] for one in repeat if one.path not in stays]


def apply(store: CheckpointStore, standings: Mapping[int, Standing], rules: KeepRules) -> None:
    """Delete the checkpoints that are not retained, and drafts left by killed jobs of trials that are not running."""
    folders = store.folders()
    for number, repeats in folders.items():
        if number in standings and standings[number].fate != "running":
            for folder in repeats:
                folder.clear_drafts(all_of_them=True)
    held = {number: [folder.complete() for folder in repeats] for number, repeats in folders.items()}
    for one in superfluous(held, standings, rules):
        delete(one)
    for number, repeats in folders.items():
        if number in standings and standings[number].fate != "running":
            for folder in repeats:
                folder.remove_if_empty()


def _usable(repeat: Sequence[Checkpoint], standing: Standing) -> list[Checkpoint]:
    reports = bool(repeat) and repeat[0].path.parent.name == "0"
    return usable(repeat, standing.awaited if reports else None)


def _merit(standing: Standing) -> float:
    return math.inf if standing.merit is None or math.isnan(standing.merit) else standing.merit


def _size(held: Iterable[Sequence[Sequence[Checkpoint]]]) -> int:
    return sum(one.size for repeats in held for repeat in repeats for one in repeat)
