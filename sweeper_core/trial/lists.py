"""The lists that parameters of a study make up, as the study's attributes have them.

Few studies have any, so what reads and shows lists is imported for those alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweeper_core.trial.attrs import LISTS

if TYPE_CHECKING:
    from sweeper_core.search_space.lists import ListParameter


def lists_of(attrs: Mapping[str, Any]) -> tuple[ListParameter, ...]:
    """Return the lists in a study's system attributes."""
    stored = attrs.get(LISTS)
    if not stored:
        return ()
    from sweeper_core.search_space.lists import read_lists

    return read_lists(stored)


def shown_params(params: dict[str, Any], lists: Sequence[ListParameter]) -> dict[str, Any]:
    """Return a trial's parameters with each list as one value, instead of the parameters that make it up."""
    if not lists:
        return params
    from sweeper_core.search_space.lists import with_lists

    return with_lists(params, lists)
