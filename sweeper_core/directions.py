"""The direction of an objective."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class StudyDirection(IntEnum):
    """Whether smaller or larger objective values are better (numbers as Optuna stores them)."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2

    @property
    def sign(self) -> float:
        """Factor that turns a raw value into one to be minimised."""
        return -1.0 if self is StudyDirection.MAXIMIZE else 1.0


def parse_direction(direction: str | StudyDirection) -> StudyDirection:
    """Return the direction meant by ``"minimize"``, ``"maximize"`` (any case) or a member of the enum.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(direction, StudyDirection) and direction is not StudyDirection.NOT_SET:
        return direction
    if isinstance(direction, str) and direction.lower() in ("minimize", "maximize"):
        return StudyDirection[direction.upper()]
    raise ValueError(f"A direction is 'minimize' or 'maximize', not {direction!r}. Please set either of them.")


def parse_directions(
    direction: str | StudyDirection | None, directions: Sequence[str | StudyDirection] | None
) -> tuple[StudyDirection, ...]:
    """Return the directions of a study from its two exclusive arguments; minimise when both are None."""
    if direction is not None and directions is not None:
        raise ValueError("Specify only one of `direction` and `directions`.")
    if directions is None:
        return (parse_direction(direction if direction is not None else "minimize"),)
    if isinstance(directions, str) or len(directions) < 1:
        raise ValueError(f"`directions` must be a non-empty sequence of directions, not {directions!r}.")
    return tuple(parse_direction(item) for item in directions)
