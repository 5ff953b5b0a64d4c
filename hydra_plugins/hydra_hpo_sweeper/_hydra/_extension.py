"""Patches of Hydra's code that runs before any sweeper gets the command line.

Its parser must let ``interval`` also take ``log`` and ``step``, ``choice`` also ``null``, and both and ``range`` a
prior, and there are ``permutation``, ``simplex`` and ``zip``; every other input keeps its meaning. An interpolation of
this sweeper's settings that does not resolve gives a one-line error, and so does an override with a sweep that the
parser refuses.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from hydra._internal.grammar import grammar_functions
from hydra.core.override_parser import overrides_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, QuotedString, ValueType
from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException, HydraException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

_OURS = ("hydra_plugins.hydra_hpo_sweeper.", "hydra_plugins.hydra_optuna_sweeper.")
_MARK = "_hydra_hpo_sweeper"


def extend_hydra() -> None:
    """Replace the functions, once."""
    _replace(grammar_functions, "interval", _interval_of)
    _replace(grammar_functions, "choice", _choice_of)
    _replace(grammar_functions, "range", _range_of)
    _replace(overrides_parser, "create_functions", _functions_of)
    _replace(Plugins, "instantiate_sweeper", _instantiate_of)
    if not hasattr(grammar_functions, "zip"):  # as Hydra plans to have
        _replace(OverridesParser, "parse_rule", _parse_rule_of)


def explain_refusals(explain: Callable[[str, Exception], str | None]) -> None:
    """Answer a refused override by what ``explain`` returns for it and the error, unless that is None."""
    _replace(OverridesParser, "parse_overrides", partial(_parse_overrides_of, explain))


def _replace(owner: Any, name: str, change: Any) -> None:
    original = getattr(owner, name)
    if not hasattr(original, _MARK):
        changed = change(original)
        setattr(changed, _MARK, True)
        setattr(owner, name, changed)


def _instantiate_of(original: Any) -> Any:
    # Hydra resolves all of a plugin's configuration when it instantiates the plugin, and fails with a traceback.
    def instantiate_sweeper(self: Any, **arguments: Any) -> Any:
        try:
            return original(self, **arguments)
        except OmegaConfBaseException as error:
            node = arguments["config"].hydra.sweeper
            if not str(node.get("_target_")).startswith(_OURS):
                raise
            key = next(_unresolvable(node), "hydra.sweeper")
            reason = str(error).partition("\n")[0]
            raise CompactHydraException(f"{key} cannot be resolved: {reason}.") from None

    return instantiate_sweeper


def _unresolvable(node: Any, prefix: str = "hydra.sweeper") -> Iterator[str]:
    """Yield the keys of values whose interpolations do not resolve."""
    keys: Any = node if isinstance(node, DictConfig) else range(len(node))
    for key in keys:
        try:
            value = None if OmegaConf.is_missing(node, key) else node[key]
        except OmegaConfBaseException:
            yield f"{prefix}.{key}"
        else:
            if isinstance(value, (DictConfig, ListConfig)):
                yield from _unresolvable(value, f"{prefix}.{key}")


def _interval_of(original: Any) -> Any:
    def interval(
        start: int | float,
        end: int | float,
        log: bool = False,
        step: int | float | None = None,
        prior: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
        confidence: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
    ) -> Any:
        sweep = original(start, end)
        if log:
            sweep.tags = {*sweep.tags, "log"}
        return sweep

    return interval


def _functions_of(original: Any) -> Any:
    def create_functions() -> Any:
        functions = original()
        for name in ("permutation", "simplex"):
            if name not in functions.definitions:
                functions.register(name=name, func=_sweep_of_lists)
        return functions

    return create_functions


def _sweep_of_lists(*args: Any) -> Any:
    # The sweeper reads the text again, and checks the arguments.
    return ChoiceSweep(list=_Unlisted(args))


class _Unlisted(list[Any]):
    """The arguments of ``permutation`` and ``simplex``, which are no choices for other sweepers."""

    def __iter__(self) -> Iterator[Any]:
        raise HydraException("permutation() and simplex() are understood by hydra/sweeper=hpo")


_ZIP = re.compile(r"\s*([+~]*[\w.@/]+)\s*=\s*zip\s*\(.*\)\s*", re.DOTALL)


class _Zip(Override):
    """``name=zip(…)``: a sweep that Hydra passes unchanged to the sweeper."""

    def sweep_iterator(self, *args: Any, **kwargs: Any) -> Any:
        raise HydraException(f"{self.input_line}: zip() is understood by hydra/sweeper=hpo.")

    sweep_string_iterator = sweep_iterator


def _parse_rule_of(original: Any) -> Any:
    # Hydra's grammar takes no dotted names inside of a function.
    def parse_rule(self: Any, s: str, rule_name: str) -> Any:
        found = _ZIP.fullmatch(s) if rule_name == "override" else None
        if found is None:
            return original(self, s, rule_name)
        values = ChoiceSweep(list=[s.partition("=")[2]])
        return _Zip(OverrideType.CHANGE, found[1], ValueType.CHOICE_SWEEP, values, input_line=s)

    return parse_rule


def _parse_overrides_of(explain: Callable[[str, Exception], str | None], original: Any) -> Any:
    def parse_overrides(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except OverrideParseException as error:
            answer = explain(error.override, error)
            if answer is None:
                raise
            raise OverrideParseException(error.override, answer) from None

    return parse_overrides


def _choice_of(original: Any) -> Any:
    # Hydra checks arguments against the annotation (plain types only), which is where None is let in. Wrong priors are
    # let through: the sweeper has a better answer.
    def choice(
        *args: str | int | float | bool | dict | list | ChoiceSweep | None,  # type: ignore[type-arg]
        prior: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
        confidence: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
    ) -> Any:
        return original(*args)

    return choice


def _range_of(original: Any) -> Any:
    def range(
        start: int | float,
        stop: int | float | None = None,
        step: int | float = 1,
        prior: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
        confidence: str | int | float | bool | dict | list | QuotedString | None = None,  # type: ignore[type-arg]
    ) -> Any:
        return original(start, stop, step)

    return range
