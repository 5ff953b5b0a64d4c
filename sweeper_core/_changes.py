"""What a parameter of a study may become while the study goes on."""

from __future__ import annotations

from sweeper_core._described import described
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, check_distribution_compatibility


def check_change(name: str, known: BaseDistribution, asked: BaseDistribution, within_trial: bool = False) -> None:
    """Check that a parameter may have another distribution from now on: choices may come and go, ranges may change.

    Args:
        known: What the study has of it; of choices, all that any trial could choose from.
        within_trial: ``known`` is what the same trial has chosen from: choices may be added, but not dropped.

    Raises:
        ValueError: It may not; the message names the parameter and both distributions.
    """
    if isinstance(known, CategoricalDistribution) and isinstance(asked, CategoricalDistribution):
        kept = [asked.position(choice) is not None for choice in known.choices]
        if all(kept) if within_trial else any(kept):
            return
    try:
        check_distribution_compatibility(known, asked)
    except ValueError as error:
        where, free = ("trial", "added") if within_trial else ("study", "added and dropped while one of them stays")
        raise ValueError(
            f"{error} The parameter {name!r} has been {described(known)} in this {where}, and is asked for as "
            f"{described(asked)}. Choices may be {free}; for anything else give the parameter another name."
        ) from None
