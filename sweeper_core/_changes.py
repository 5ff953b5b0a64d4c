"""What a parameter of a study may become while the study goes on."""

from __future__ import annotations

from sweeper_core._described import described
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, check_distribution_compatibility


def check_change(name: str, known: BaseDistribution, asked: BaseDistribution) -> None:
    """Check that a parameter may have another distribution from now on: choices may come and go, ranges may change.

    Args:
        known: What the study has of it; of choices, all that any trial could choose from.

    Raises:
        ValueError: It may not; the message names the parameter and both distributions.
    """
    if isinstance(known, CategoricalDistribution) and known.overlaps(asked):
        return
    try:
        check_distribution_compatibility(known, asked)
    except ValueError as error:
        raise ValueError(
            f"{error} The parameter {name!r} has been {described(known)} in this study, and is asked for as "
            f"{described(asked)}. Choices may be added and dropped while one of them stays; for anything else give the "
            "parameter another name."
        ) from None
