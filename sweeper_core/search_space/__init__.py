"""Search spaces: ordered parameters, the conditions under which they exist, and their unit-cube coordinates."""

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    {
        "Clause": "sweeper_core.search_space.conditions",
        "ExpressionError": "sweeper_core.search_space.expressions",
        "IntersectionSearchSpace": "sweeper_core.search_space.intersection",
        "ListParameter": "sweeper_core.search_space.lists",
        "Parameter": "sweeper_core.search_space.space",
        "Permutation": "sweeper_core.search_space.lists",
        "Relation": "sweeper_core.search_space.relations",
        "SearchSpace": "sweeper_core.search_space.space",
        "Simplex": "sweeper_core.search_space.lists",
        "intersection_search_space": "sweeper_core.search_space.intersection",
    },
)
