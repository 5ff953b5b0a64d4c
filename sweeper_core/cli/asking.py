"""Commands that run trials by hand: from shell scripts, other languages, or another scheduler."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sweeper_core.cli import term
from sweeper_core.cli.options import TrialNumber, place_options, study_options, where_of
from sweeper_core.cli.source import Source, find_study
from sweeper_core.distributions import BaseDistribution
from sweeper_core.report.texts import json_ready
from sweeper_core.trial.lists import lists_of, shown_params

SPACE = "hpo:cli_space"
"""Study attribute of the user's: the search space that ``create --space`` was given, for ``ask``."""

DIRECTIONS = ["minimize", "maximize"]


@click.command("create")
@place_options
@click.option("--study", "-s", metavar="NAME", help="Name of the study; made up when there is none.")
@click.option(
    "--direction", "-d", "directions", type=click.Choice(DIRECTIONS), multiple=True,
    help="Once for each objective; minimize when it is not given.",
)  # fmt: skip
@click.option("--space", metavar="JSON|FILE", help="The search space that `hpo ask` suggests from.")
@click.option("--exist-ok", is_flag=True, help="A study of this name may exist.")
def create_command(
    where: str | None,
    storage: str | None,
    study: str | None,
    directions: Sequence[str],
    space: str | None,
    exist_ok: bool,
) -> None:
    """Make a study, and its storage where there is none; print its name.

    \b
    Example:
      hpo create sqlite:///mine.db -s first --space '{"lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": true}}'
    """
    from sweeper_core.cli.moving import new_or_existing
    from sweeper_core.directions import parse_directions
    from sweeper_core.exceptions import DuplicatedStudyError

    target = where_of(where, storage)
    if target is None:
        raise click.UsageError("Where to? Give a URL, or the path of a journal that ends in .log.")
    described = None if space is None else _json_of(space)
    if described is not None:
        distributions_of(described)
    wanted = parse_directions(None, list(directions) or None)
    opened = new_or_existing(target)
    try:
        record = opened.create_or_open_study(study, wanted, exist_ok=exist_ok)
    except DuplicatedStudyError as error:
        raise ValueError(f"There is a study {study!r} already; --exist-ok keeps it, or choose another name.") from error
    if described is not None:
        opened.set_study_attrs(record.study_id, user={SPACE: described})
    click.echo(record.name)


def _json_of(text: str) -> Any:
    """Return JSON that is given as a text, or as the path of a file."""
    try:
        return json.loads(text if text.lstrip().startswith(("{", "[")) else Path(text).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{text!r} is not JSON: {error}") from error


def distributions_of(space: Any) -> dict[str, BaseDistribution]:
    """Return the distributions of a search space in JSON.

    Raises:
        ValueError: It is not one.
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError('A search space is a JSON object such as {"x": {"type": "float", "low": 0, "high": 1}}.')
    return {str(name): _distribution(str(name), entry) for name, entry in space.items()}


def _distribution(name: str, entry: Any) -> BaseDistribution:
    from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    kinds: dict[str, Any] = {"float": FloatDistribution, "int": IntDistribution, "categorical": CategoricalDistribution}
    if not isinstance(entry, Mapping) or entry.get("type") not in kinds:
        raise ValueError(f"Parameter {name!r} needs a type, one of {', '.join(kinds)}; got {entry!r}.")
    try:
        made: BaseDistribution = kinds[entry["type"]](**{key: item for key, item in entry.items() if key != "type"})
    except TypeError as error:
        raise ValueError(f"Parameter {name!r}: {error}") from error
    return made


@click.command("enqueue")
@click.argument("params", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--in", "where", metavar="WHERE", help="The sweep's directory, storage's file or URL.")
@click.option("--storage", metavar="URL", envvar="HPO_STORAGE", help="The same as --in.")
@click.option("--study", "-s", metavar="NAME", help="Name of the study; the only one needs none.")
def enqueue_command(params: Sequence[str], where: str | None, storage: str | None, study: str | None) -> None:
    """Add a point that is tried next, by a sweep that runs or by `hpo ask`; what it leaves out is suggested.

    \b
    Examples:
      hpo enqueue lr=0.001 depth=3 --in outputs/sweep
      hpo enqueue '{"lr": 0.001, "act": "relu"}' --in sqlite:///mine.db
    """
    from sweeper_core.search_space.lists import with_parts
    from sweeper_core.storages.base import Point

    point = _point(params)
    source = find_study(where_of(where, storage), study)
    wanted = with_parts(point, lists_of(source.study.system_attrs))
    _check_point(source, wanted)
    (number,) = source.storage.enqueue(source.study.study_id, [Point(wanted)])
    term.say(f"trial {number} waits with {json.dumps(point)}")


def _point(params: Sequence[str]) -> dict[str, Any]:
    if len(params) == 1 and params[0].lstrip().startswith("{"):
        found = _json_of(params[0])
        return dict(found)
    pairs = [entry.partition("=") for entry in params]
    bad = next((name for name, equals, _ in pairs if not equals), None)
    if bad is not None:
        raise ValueError(f"A point is NAME=VALUE…, or a JSON object; got {bad!r}.")
    return {name: _value(text) for name, _, text in pairs}


def _value(text: str) -> Any:
    """Return what a text means in JSON, or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_point(source: Source, point: Mapping[str, Any]) -> None:
    """Raise when a parameter is unknown to the study or cannot have this value."""
    known = space_of(source)
    for name, value in point.items():
        if known and name not in known:
            raise ValueError(f"The study has no parameter {name!r}; it has {', '.join(known)}.")
        if name in known and not _fits(known[name], value):
            raise ValueError(f"{name}={value!r} is not in {known[name]!r}.")


def _fits(distribution: BaseDistribution, value: Any) -> bool:
    from sweeper_core.distributions import FloatDistribution, IntDistribution

    try:
        internal = distribution.to_internal_repr(value)
    except (ValueError, TypeError):
        return False
    if isinstance(distribution, (FloatDistribution, IntDistribution)):
        return distribution.low <= internal <= distribution.high
    return True


def space_of(source: Source) -> dict[str, BaseDistribution]:
    """Return the search space given at the study's creation, or else the parameters that its trials have."""
    described = source.study.user_attrs.get(SPACE)
    if described is not None:
        return distributions_of(described)
    return {name: it for record in source.records() for name, it in record.layout.as_dict().items()}


@click.command("ask")
@study_options
@click.option("--space", metavar="JSON|FILE", help="The search space; by default the study's own.")
def ask_command(where: str | None, storage: str | None, study: str | None, space: str | None) -> None:
    """Begin a trial and print its number and parameters as JSON; `hpo tell` ends it.

    \b
    Example:
      hpo ask sqlite:///mine.db
    """
    from sweeper_core.study import load_study

    source = find_study(where_of(where, storage), study)
    distributions = space_of(source) if space is None else distributions_of(_json_of(space))
    if not distributions:
        raise ValueError("The study has no trials to take the search space from; give --space.")
    _check_exhausted(source, distributions)
    trial = load_study(study_name=source.study.name, storage=source.storage).ask(distributions)
    shown = shown_params(trial.params, lists_of(source.study.system_attrs))
    term.write_json({"number": trial.number, "params": json_ready(shown)})


def _check_exhausted(source: Source, distributions: Mapping[str, BaseDistribution]) -> None:
    from sweeper_core.exceptions import SearchSpaceExhausted
    from sweeper_core.search_space import SearchSpace
    from sweeper_core.trial.state import TrialState

    size = SearchSpace.of(distributions).cardinality
    records = source.records()
    if size is None or any(record.state is TrialState.WAITING for record in records):
        return
    tried = {repr(sorted(r.params.items(), key=str)) for r in records if set(r.layout.names) == set(distributions)}
    if len(tried) >= size:
        raise SearchSpaceExhausted(f"All {size} points of the search space have been tried.")


@click.command("tell")
@click.argument("trial", type=TrialNumber())
@study_options
@click.option("--value", "-v", "values", type=float, multiple=True, help="The result; once for each objective.")
@click.option("--state", type=click.Choice(["complete", "pruned", "fail"]), help="By default complete, given values.")
def tell_command(
    trial: int, where: str | None, storage: str | None, study: str | None, values: Sequence[float], state: str | None
) -> None:
    """End a trial with its value, or as pruned or failed.

    \b
    Examples:
      hpo tell 17 sqlite:///mine.db --value 0.93
      hpo tell 18 sqlite:///mine.db --state fail
    """
    from sweeper_core.study import load_study
    from sweeper_core.trial.state import TrialState

    if not values and state is None:
        raise click.UsageError("Give --value, or --state pruned or fail.")
    source = find_study(where_of(where, storage), study)
    source.trial(trial)
    found = load_study(study_name=source.study.name, storage=source.storage)
    found.tell(trial, list(values) or None, state=None if state is None else TrialState[state.upper()])
    term.say(f"trial {trial} {source.trial(trial).state.name}")
