"""Detect the syntax of other tools, and texts that only look like a sweep, and suggest the form to use here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Sweep

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from hydra_plugins.hydra_hpo_sweeper._space._described import number
from hydra_plugins.hydra_hpo_sweeper._space._syntax import KNOWN

_CALL = re.compile(r"\b(interval|range|choice|glob|tag)\s*\(")
_BRACKETS = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)

ELSEWHERE = {
    "uniform": "interval(low, high)",
    "real": "interval(low, high)",
    "loguniform": "interval(low, high, log=true)",
    "log_uniform": "interval(low, high, log=true)",
    "log": "interval(low, high, log=true)",
    "logspace": "interval(low, high, log=true)",
    "quniform": "interval(low, high, step=…)",
    "discrete_uniform": "interval(low, high, step=…)",
    "linspace": "range(start, stop, step)",
    "arange": "range(start, stop, step)",
    "randint": "int(interval(low, high))",
    "integer": "int(interval(low, high))",
    "suggest_float": "interval(low, high)",
    "suggest_int": "int(interval(low, high))",
    "suggest_categorical": "choice(a, b)",
    "categorical": "choice(a, b)",
    "options": "choice(a, b)",
    "choices": "choice(a, b)",
    "grid": "choice(a, b)",
    "one_of": "choice(a, b)",
    "sample": "choice(a, b)",
}
"""Functions of other tools, with the form that means the same here."""

_NEVERGRAD = {"init", "lower", "upper", "log", "step", "integer"}
_AX = {"type", "bounds", "values", "value", "value_type", "log_scale", "is_ordered", "sort_values", "digits"}
_WANDB = {"distribution", "min", "max", "values", "value", "q", "mu", "sigma", "probabilities"}


def no_function(name: str) -> str:
    """Return that the grammar has no function of a name, and which one may be meant."""
    hint = f" Write {ELSEWHERE[name.lower()]}." if name.lower() in ELSEWHERE else closest(name, KNOWN)
    hint = hint or " A text with brackets has to be in quotes."
    return f"there is no function {name!r}.{hint} Available: {', '.join(KNOWN)}"


def refuse_foreign(spec: Mapping[str, Any]) -> None:
    """Refuse a mapping that describes a parameter in the form of Nevergrad, Ax or Weights & Biases.

    Raises:
        ValueError: It does; the message holds the mapping to write instead.
    """
    if "prior" in spec and spec.keys() <= {"prior", "confidence", "when"}:
        raise ValueError("a prior belongs to what is swept; add low and high, or choices")
    if any(isinstance(value, Mapping) or _is_sweep(value) for value in spec.values()):
        return
    for tool, recognised, rewrite in _TOOLS:
        if recognised(spec):
            raise ValueError(f"the mapping has the form of {tool}; write {rewrite(spec)}")


def _is_sweep(value: Any) -> bool:
    return isinstance(value, str) and bool(_CALL.search(value))


def _numeric(spec: Mapping[str, Any], *names: str) -> bool:
    return all(type(spec.get(name)) in (int, float) for name in names)


def _is_nevergrad(spec: Mapping[str, Any]) -> bool:
    bounds = _numeric(spec, "lower", "upper")
    return spec.keys() <= _NEVERGRAD and (bounds or (_numeric(spec, "init") and len(spec) > 1))


def _is_ax(spec: Mapping[str, Any]) -> bool:
    described = {"range": "bounds", "choice": "values", "fixed": "value"}.get(str(spec.get("type")))
    return spec.keys() <= _AX and (described in spec if "type" in spec else isinstance(spec.get("bounds"), list))


def _is_wandb(spec: Mapping[str, Any]) -> bool:
    described = isinstance(spec.get("values"), list) or _numeric(spec, "min", "max") or "distribution" in spec
    return spec.keys() <= _WANDB and described


def _of_nevergrad(spec: Mapping[str, Any]) -> str:
    kind = "int" if spec.get("integer") is True else "float"
    return _bounds(kind, spec.get("lower"), spec.get("upper"), spec.get("log") is True)


def _of_ax(spec: Mapping[str, Any]) -> str:
    bounds = spec.get("bounds")
    if isinstance(bounds, list) and len(bounds) == 2:
        whole = spec.get("value_type") == "int" or all(type(bound) is int for bound in bounds)
        low, high = bounds
        return _bounds("int" if whole else "float", low, high, spec.get("log_scale") is True)
    if isinstance(spec.get("values"), list):
        return _choices(spec["values"])
    return "the value itself"


def _of_wandb(spec: Mapping[str, Any]) -> str:
    if isinstance(spec.get("values"), list):
        return _choices(spec["values"])
    if "min" not in spec and "max" not in spec:
        return "{type: float, low: …, high: …}"
    distribution = str(spec.get("distribution", ""))
    whole = "int" in distribution or (not distribution and all(type(spec.get(key)) is int for key in ("min", "max")))
    return _bounds("int" if whole else "float", spec.get("min"), spec.get("max"), "log" in distribution)


def _bounds(kind: str, low: Any, high: Any, log: bool) -> str:
    ends = ", ".join(f"{name}: {'…' if end is None else number(end)}" for name, end in (("low", low), ("high", high)))
    return f"{{type: {kind}, {ends}{', log: true' if log else ''}}}"


def _choices(values: list[Any]) -> str:
    return f"{{type: categorical, choices: [{', '.join(map(str, values))}]}}"


_TOOLS = (
    ("Nevergrad", _is_nevergrad, _of_nevergrad),
    ("Ax", _is_ax, _of_ax),
    ("Weights & Biases", _is_wandb, _of_wandb),
)


def refuse_sweep_inside(value: Any) -> None:
    """Reject a list or a mapping with an item that looks like a sweep.

    Raises:
        ValueError: It does.
    """
    if isinstance(value, (list, dict)) and any(_CALL.search(text) for text in _texts(value)):
        kind = "list" if isinstance(value, list) else "mapping"
        raise ValueError(
            f"a {kind} cannot hold a sweep; sweep over the element's own key (key.0=interval(0, 1)), or over whole "
            f"{kind}s (choice([1, 2], [3]))"
        )


def looks_like_more(texts: Iterator[str]) -> str | None:
    """Return a hint when a quoted text looks like a list, a mapping or a sweep; None otherwise."""
    for text in texts:
        if _CALL.match(text) or _BRACKETS.fullmatch(text.strip()):
            return f"{text!r} is a text, since it has quotes; without them it is read as what it looks like."
    return None


def without_commas(choices: Sequence[Any]) -> str | None:
    """Return a hint when the only choice is a text of several words."""
    if len(choices) == 1 and isinstance(choices[0], str) and len(choices[0].split()) > 1:
        return f"{choices[0]!r} is the only choice; between choices there are commas."
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Sweep):
        yield "choice("


def two_numbers(function: str, values: list[Any], text: str) -> str | None:
    """Return a hint when a cast of two numbers, which sweeps over these two, may be meant as an interval."""
    if not text.replace(" ", "").startswith(f"{function}(") or len(values) != 2 or not _ascending(values):
        return None
    low, high = map(number, values)
    between = f"interval({low}, {high})" if function == "float" else f"int(interval({low}, {high}))"
    return f"{text} sweeps over the two values {low} and {high}. Did you mean {between}, every number between them?"


def _ascending(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values) and bool(values[0] < values[1])
