"""Conditions that are expressions, reduced to tests of the parameter that they look at.

The language is that of relations (:mod:`sweeper_core.search_space.expressions`): ``2 * depth > 9``, ``log(lr) < -3``,
``1 < depth <= base``. A search space knows tests of one parent only, and so does Optuna.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._space._entries import Condition
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from sweeper_core.search_space.binding import bound
from sweeper_core.search_space.conditions import has_few_values
from sweeper_core.search_space.expressions import Junction, Node, Word, parse, words
from sweeper_core.search_space.relations import Columns, Relation

EXPRESSION = "expression"
"""The operator of a condition that is an expression; its text is the parent."""
POINTS = 4097
"""Places of a continuous parameter at which an expression is evaluated, to see in which range it holds."""
HALVINGS = 80
"""Bisections between two of these places: down to neighbouring floating point numbers."""


_ARITHMETIC = re.compile(
    r"[*/%+]|\w\s*-\s|(^|[<>=(,])\s*-\s*[A-Za-z_(]|\b(abs|log|sqrt|min|max)\s*\(|[<>]=?\s*[\w.]+\s*[<>]"
)


def is_expression(text: str) -> bool:
    """Return whether a text that is no test in Hydra's grammar may be an expression: it computes, or compares twice."""
    if not _ARITHMETIC.search(text):
        return False
    try:
        return not isinstance(parse(text), Word)
    except ValueError:
        return False


def tests(
    text: str,
    distribution_of: Callable[[str], BaseDistribution | None],
    constant: Callable[[str], Any],
    known: Sequence[str],
) -> tuple[Condition, ...] | None:
    """Return the tests, all of which must hold, that are equivalent to an expression; None where it never holds.

    Args:
        distribution_of: Returns the distribution of a swept key; None for other names.
        constant: Returns the value of a name that is not swept.
        known: Names, to recognise those that look like arithmetic.

    Raises:
        ValueError: It cannot be read, looks at several parameters, or holds in several ranges of one.
    """
    found: list[Condition] = []
    for part in _conjuncts(parse(text, known)):
        kinds = {name: kind for name in dict.fromkeys(words(part)) if (kind := distribution_of(name)) is not None}
        truth = bound(text, part, {name: [(name, kind)] for name, kind in kinds.items()}, constant, known)
        if len(kinds) > 1:
            raise ValueError(
                f"the condition {text!r} computes with {' and '.join(kinds)}, but a condition looks at one parameter "
                "(several are joined by 'and'); what several satisfy together belongs into hydra.sweeper.where"
            )
        if not kinds and not truth.evaluate(Columns({}, {}, 1))[0][0]:
            return None
        found += [test for name, kind in kinds.items() for test in _of_one(text, truth, name, kind)]
    return tuple(found)


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, Junction) and node.operator == "and":
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _of_one(text: str, truth: Relation, name: str, kind: BaseDistribution) -> list[Condition]:
    """Return the tests of one parameter that are equivalent to an expression."""
    holds = _Holds(truth, name, kind)
    if not has_few_values(kind):
        return _of_range(text, holds, name, kind)
    values = list(kind.values())
    held = [index for index, good in enumerate(holds(map(kind.to_internal_repr, values))) if good]
    if not held:
        raise ValueError(f"the condition {text!r} never holds")
    first, last = held[0], held[-1]
    if isinstance(kind, CategoricalDistribution) or len(held) <= last - first:
        return [Condition(name, "in", tuple(values[index] for index in held))]
    found = [Condition(name, ">=", values[first])] if first > 0 else []
    if last < len(values) - 1:
        found.append(Condition(name, "<=", values[last]))
    return found or [Condition(name, ">=", values[first])]


class _Holds:
    """Evaluates an expression at (internal) values of its parameter."""

    def __init__(self, truth: Relation, name: str, kind: BaseDistribution) -> None:
        self._truth, self._name, self._kind = truth, name, kind

    def __call__(self, values: Any) -> list[bool]:
        import numpy as np

        raw = np.array(list(values), dtype=float)
        columns = Columns({self._name: self._kind}, {self._name: raw}, len(raw))
        return [bool(good) for good in self._truth.evaluate(columns)[0]]


def _of_range(text: str, holds: _Holds, name: str, kind: BaseDistribution) -> list[Condition]:
    """Return the tests of a parameter with many values: the expression has to hold in one range of them."""
    import numpy as np

    values = [float(value) for value in kind.axis.from_unit(np.linspace(0.0, 1.0, POINTS))]
    good = holds(values)
    inside = [index for index, one in enumerate(good) if one]
    if not inside:
        raise ValueError(f"the condition {text!r} never holds")
    first, last = inside[0], inside[-1]
    if len(inside) <= last - first:
        raise ValueError(f"the condition {text!r} holds in several ranges of {name!r}; write a block for each of them")
    found = []
    whole = isinstance(kind, IntDistribution)
    if first > 0:
        end = _end(holds, values[first], values[first - 1])
        found.append(Condition(name, ">=", math.ceil(end) if whole else end))
    if last < POINTS - 1:
        end = _end(holds, values[last], values[last + 1])
        found.append(Condition(name, "<=", math.floor(end) if whole else end))
    return found or [Condition(name, ">=", kind.to_external_repr(values[0]))]


def _end(holds: _Holds, inside: float, outside: float) -> float:
    """Return the last value, on the way from one that is inside to one that is not, at which an expression holds."""
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        if middle in (inside, outside):
            break
        inside, outside = (middle, outside) if holds([middle])[0] else (inside, middle)
    return inside
