"""Parameters described by a mapping: ``{type: float, low: 1e-5, high: 1e-2, log: true}``.

Every function raises ``ValueError`` with the reason and the remedy; the caller names the key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from hydra_plugins.hydra_hpo_sweeper._space._choices import of_choices
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Listed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._functions import Stated
from hydra_plugins.hydra_hpo_sweeper._space._lists import permuted, weighted
from hydra_plugins.hydra_hpo_sweeper._space._numbers import check_exact, of_bounds
from sweeper_core.distributions import BaseDistribution

KINDS: dict[str, tuple[str, ...]] = {
    "float": ("type", "low", "high", "log", "step", "when", "prior", "confidence"),
    "int": ("type", "low", "high", "log", "step", "when", "prior", "confidence"),
    "categorical": ("type", "choices", "ordered", "when", "prior", "confidence"),
    "permutation": ("type", "choices", "when"),
    "simplex": ("type", "size", "when"),
}
ELSEWHERE = {
    **dict.fromkeys(("min", "lower", "start", "from", "minimum", "lo"), "low"),
    **dict.fromkeys(("max", "upper", "end", "stop", "to", "maximum", "hi"), "high"),
    **dict.fromkeys(("values", "options", "categories", "items"), "choices"),
    **dict.fromkeys(("scale", "log_scale", "logscale"), "log"),
    **dict.fromkeys(("q", "quantum", "increment"), "step"),
    **dict.fromkeys(("n", "dim", "dimension", "length"), "size"),
    **dict.fromkeys(("if", "where", "condition", "conditions", "active_if", "only_if"), "when"),
}
"""Keys of other tools, with the key that means the same here."""

_SPEC_KEYS = {key for keys in KINDS.values() for key in keys}


def is_spec(mapping: Mapping[str, Any]) -> bool:
    """Return whether a mapping describes one parameter rather than holds several."""
    kind = mapping.get("type")
    return (
        kind in KINDS
        or "sweep" in mapping
        or "choices" in mapping
        or {"low", "high"} <= mapping.keys()
        or ("type" in mapping and isinstance(kind, str) and mapping.keys() <= _SPEC_KEYS)
    )


def only_keys(spec: Mapping[str, Any], allowed: Sequence[str], subject: str) -> None:
    """Refuse a mapping with other keys than those allowed."""
    for key in spec:
        if key not in allowed:
            same = ELSEWHERE.get(str(key).lower())
            hint = f" Did you mean {same!r}?" if same in allowed else closest(str(key), allowed)
            raise ValueError(f"unknown key {key!r} of {subject}.{hint} Allowed: {', '.join(allowed)}")


def of_spec(at: Address, spec: dict[str, Any]) -> Swept | Listed:
    """Return the parameter that a mapping describes, without its ``when``."""
    kind = spec.get("type", "categorical" if "choices" in spec else None)
    if kind not in KINDS:
        known, lists = ", ".join(list(KINDS)[:-2]), " or ".join(list(KINDS)[-2:])
        said = "has no 'type'" if kind is None else f"has the unknown type {kind!r}"
        raise ValueError(
            f"the parameter {said}; a type is one of {known}.{closest(str(kind), KINDS)} For lists: {lists}"
        )
    only_keys(spec, KINDS[kind], f"a parameter of type {kind}")
    if kind == "categorical":
        choices = spec.get("choices")
        if not isinstance(choices, list) or not choices:
            raise ValueError(f"'choices' must be a list with at least one value, not {choices!r}")
        return replace(of_choices(at, choices, _boolean(spec, "ordered")), prior=_prior(spec))
    if kind == "permutation":
        return permuted(at, spec.get("choices"))
    if kind == "simplex":
        return weighted(at, spec.get("size"))
    return Swept(at, _numeric(kind, spec), prior=_prior(spec))


def _prior(spec: Mapping[str, Any]) -> Stated | None:
    if "prior" in spec:
        return Stated(spec["prior"], spec.get("confidence"))
    if spec.get("confidence") is not None:
        raise ValueError(f"'confidence' ({spec['confidence']!r}) says how sure a prior is; give 'prior', too")
    return None


def _numeric(kind: str, spec: Mapping[str, Any]) -> BaseDistribution:
    number = _int if kind == "int" else _float
    low, high = (number(spec, name) for name in ("low", "high"))
    step = None if spec.get("step") is None else number(spec, "step")
    return of_bounds(low, high, _boolean(spec, "log"), step)


def _boolean(spec: Mapping[str, Any], name: str) -> bool:
    value = spec.get(name)
    if isinstance(value, str):
        # Interpolations (${oc.env:LOG}) are texts.
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if value is not None and type(value) is not bool:
        raise ValueError(f"{name!r} must be true or false, not {value!r}")
    return bool(value)


def _float(spec: Mapping[str, Any], name: str) -> float:
    value = spec.get(name)
    try:
        # Some YAML readers take 1e-5 for a text.
        number = float(value) if type(value) in (int, float, str) else math.nan  # type: ignore[arg-type]
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name!r} must be a finite number, not {value!r}")
    return number


def _int(spec: Mapping[str, Any], name: str) -> int:
    number = _float(spec, name)
    if number != int(number):
        raise ValueError(f"{name!r} of a parameter of type int must be an integer, not {spec.get(name)!r}")
    check_exact(int(number), int(number))
    return int(number)
