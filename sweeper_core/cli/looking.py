"""Commands that look at studies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from sweeper_core.cli import term
from sweeper_core.cli.options import (
    Names,
    TrialNumber,
    is_older_name,
    json_option,
    place_options,
    study_options,
    where_of,
)
from sweeper_core.cli.source import Source, find_place, find_study
from sweeper_core.report.facts import StudyFacts, origin_of, reason_of, trial_json
from sweeper_core.report.overrides import in_shell, overrides_of, without_quotes
from sweeper_core.report.texts import duration_text, number, one_line, printable, value_text
from sweeper_core.trial.attrs import CONFIRM, CONFIRM_SUFFIX, JOB_DIRECTORY, SUGGESTION, TRACEBACK
from sweeper_core.trial.best import best_first
from sweeper_core.trial.cluster import seconds_of
from sweeper_core.trial.lists import lists_of, shown_params
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

STATES = [state.name.lower() for state in TrialState]

ROWS = 40
"""Trials that ``trials`` shows on a terminal unless told otherwise."""


@click.command("studies")
@place_options
@json_option
def studies_command(where: str | None, storage: str | None, as_json: bool) -> None:
    """List the studies of a directory or storage."""
    opened = find_place(where_of(where, storage)).open()
    rows = []
    for study in opened.list_studies():
        counts = Counter(record.state.name for record in opened.changes(study.study_id)[0])
        rows.append(
            (study.name, [direction.name.lower() for direction in study.directions], dict(sorted(counts.items())))
        )
    if as_json:
        term.write_json([{"study": name, "directions": ways, "counts": counts} for name, ways, counts in rows])
        return
    cells = [
        [name, ", ".join(ways), ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trials"]
        for name, ways, counts in rows
    ]
    term.table(["study", "directions", "trials"], cells, header=False)


@click.command("trials")
@study_options
@click.option("--state", type=Names(STATES), multiple=True, help="Only trials in this state; may be repeated.")
@click.option("--best", "best_first", is_flag=True, help="The best first, instead of by number.")
@click.option("-n", "limit", type=click.IntRange(min=1), help=f"At most so many; {ROWS} on a terminal.")
@click.option("--all", "everything", is_flag=True, help="All of them, on a terminal too.")
@json_option
def trials_command(
    where: str | None,
    storage: str | None,
    study: str | None,
    state: Sequence[str],
    best_first: bool,
    limit: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    """List the trials of a study: the last ones on a terminal, all elsewhere.

    \b
    Examples:
      hpo trials outputs/sweep --best -n 10
      hpo trials outputs/sweep --state fail
      hpo trials outputs/sweep --json | jq 'select(.state == "COMPLETE")'
    """
    facts = find_study(where_of(where, storage), study).facts()
    records = [r for r in facts.records if not state or r.state.name.lower() in state]
    if best_first:
        records = sorted((r for r in records if r.values), key=lambda r: _rank(facts, r))
    if limit is None and term.is_terminal() and not everything and not as_json:
        limit = ROWS
    shown = records if limit is None else records[:limit] if best_first else records[-limit:]
    if as_json:
        term.write_json_lines(facts.trial_json(record) for record in shown)
        return
    _print_trials(facts, shown)
    if len(shown) < len(records) and term.is_terminal():
        term.note(f"{len(shown)} of {len(records)} trials; --all shows all")


def _rank(facts: StudyFacts, record: TrialRecord) -> tuple[float, ...]:
    values = record.values or ()
    return tuple(value * direction.sign for value, direction in zip(values, facts.directions, strict=False))


def _print_trials(facts: StudyFacts, records: Sequence[TrialRecord]) -> None:
    layouts = dict.fromkeys(record.layout for record in records)
    names = list(dict.fromkeys(name for layout in layouts for name in facts.shown_names(layout.names)))
    columns = ["trial", "state", *facts.metrics, *names, "time"]
    term.table(columns, [_row(facts, record, names) for record in records])


def _row(facts: StudyFacts, record: TrialRecord, names: Sequence[str]) -> list[str]:
    params = facts.shown(record)
    values = [number(value) for value in record.values or ()]
    values += [""] * (len(facts.directions) - len(values))
    span = facts.seconds_of(record)
    return [
        str(record.number),
        record.state.name,
        *values,
        *[value_text(params[name]) if name in params else "" for name in names],
        "" if span is None else duration_text(span),
    ]


@click.command("best")
@study_options
@json_option
@click.option("--overrides", "as_overrides", is_flag=True, help="As overrides for a command line of Hydra's.")
@click.option("--quote", is_flag=True, help="With --overrides: one a line, quoted for a shell or xargs.")
@click.option("--top", type=click.IntRange(min=1), metavar="K", help="The K best trials that differ, the best first.")
def best_command(
    where: str | None,
    storage: str | None,
    study: str | None,
    as_json: bool,
    as_overrides: bool,
    quote: bool,
    top: int | None,
) -> None:
    """Show the best trial, or those of the Pareto front.

    With --top and --overrides, each trial is a line, quoted for `xargs -L 1`.

    \b
    Examples:
      hpo best outputs/sweep
      python train.py $(hpo best --overrides outputs/sweep)
      hpo best --overrides --quote outputs/sweep | xargs python train.py
      hpo best --top 5 --overrides outputs/sweep | xargs -L 1 python train.py
    """
    source = find_study(where_of(where, storage), study)
    facts = source.facts()
    best = facts.best if top is None else best_first(facts.records, facts.directions, top)
    if not best:
        raise ValueError(f"Study {facts.study.name!r} has no complete trial within its constraints.")
    if is_older_name() and not as_overrides:
        for record in best:
            click.echo(json.dumps({"number": record.number, "values": record.values, "params": facts.shown(record)}))
    elif as_json:
        term.write_json_lines(facts.trial_json(record) for record in best)
    elif top is not None and (as_overrides or quote):
        for record in best:
            click.echo(" ".join(in_shell(overrides_of(source.directory, record, facts.lists))))
    elif as_overrides or quote:
        _print_overrides(source, best, quote)
    elif top is not None:
        _print_trials(facts, best)
    else:
        _print_best(facts)
        _print_confirmation(source, facts)


def _print_confirmation(source: Source, facts: StudyFacts) -> None:
    """Print what runs that confirm the best trials have found, if there are any."""
    name = facts.study.name + CONFIRM_SUFFIX
    if all(study.name != name or CONFIRM not in study.system_attrs for study in source.storage.list_studies()):
        return
    from sweeper_core.report.confirmed import lines_of_confirmation
    from sweeper_core.study.confirm import stored_confirmation

    found = stored_confirmation(source.storage, facts.study, facts.records)
    for line in () if found is None else lines_of_confirmation(found):
        term.say(line)


def _print_overrides(source: Source, best: Sequence[TrialRecord], quote: bool) -> None:
    if len(best) > 1:
        numbers = ", ".join(str(record.number) for record in best[:10])
        raise ValueError(
            f"The Pareto front has {len(best)} trials ({numbers}); `hpo why N` shows one of them, "
            f"and --top {len(best)} prints a line for each."
        )
    overrides = overrides_of(source.directory, best[0], lists_of(source.study.system_attrs))
    click.echo("\n".join(in_shell(overrides)) if quote else " ".join(without_quotes(overrides)))


def _print_best(facts: StudyFacts) -> None:
    if facts.single:
        record = facts.best[0]
        term.say(
            f"Best {facts.metrics[0]}: {number((record.values or (None,))[0], 8)} (trial {record.number}){_gain(facts)}"
        )
        rows = [[name, value_text(value)] for name, value in facts.shown(record).items()]
        term.table(["parameter", "value"], rows)
        return
    term.say(f"Pareto front: {len(facts.best)} trials")
    _print_trials(facts, facts.best)


def _gain(facts: StudyFacts) -> str:
    if facts.gain is None or facts.baseline is None or facts.gain <= 0:
        return ""
    return f", {facts.gain:.0%} better than {facts.baseline[1]}"


@click.command("show")
@study_options
def show_command(where: str | None, storage: str | None, study: str | None) -> None:
    """Draw the history and the importances in the terminal."""
    from sweeper_core.report.data import importances_of
    from sweeper_core.report.pictures import bars, history_picture

    facts = find_study(where_of(where, storage), study).facts()
    counts = ", ".join(f"{count} {state.lower()}" for state, count in facts.counts.items()) or "no trials"
    term.say(f"Study {facts.study.name}: {counts}; {duration_text(facts.spent)} of jobs")
    if not facts.best:
        term.say("No trial is complete and within its constraints.")
        return
    if facts.single:
        for line in history_picture(facts, min(term.width(), 110), 12, unicode=term.speaks_unicode()):
            click.echo(line)
    _print_best(facts)
    found = importances_of(facts)
    if found:
        term.say("Importances")
        for line in bars(found, min(term.width(), 80), unicode=term.speaks_unicode()):
            click.echo(line)


@click.command("why")
@click.argument("trial", type=TrialNumber())
@study_options
@json_option
def why_command(trial: int, where: str | None, storage: str | None, study: str | None, as_json: bool) -> None:
    """Tell why a trial was suggested, pruned or failed, and where its job ran.

    \b
    Example:
      hpo why 17 outputs/sweep
    """
    source = find_study(where_of(where, storage), study)
    record, lists = source.trial(trial), lists_of(source.study.system_attrs)
    from sweeper_core.report.facts import now

    trace = record.system_attrs.get(TRACEBACK)
    if as_json:
        safe = None if trace is None else printable(trace)
        term.write_json({**trial_json(record, now(), lists), "why": _why(record), "traceback": safe})
        return
    term.say(f"Trial {record.number}: {record.state.name.lower()}{_ended(record)}")
    for name, text in _account(record, shown_params(record.params, lists)):
        term.say(f"{name:<14}{text}")
    if trace:
        click.echo(printable(trace).rstrip())


def _ended(record: TrialRecord) -> str:
    span = seconds_of(record)
    values = "" if record.values is None else " with " + ", ".join(number(value, 8) for value in record.values)
    return values + ("" if span is None else f" after {duration_text(span)}")


def _why(record: TrialRecord) -> str | None:
    suggestion = record.system_attrs.get(SUGGESTION)
    why = suggestion.get("why") if isinstance(suggestion, dict) else None
    return None if why is None else one_line(why)


def _account(record: TrialRecord, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    last = record.reports[-1] if record.reports else None
    found = [
        ("suggested by", origin_of(record)),
        ("because", _why(record)),
        ("parameters", " ".join(f"{name}={value_text(value)}" for name, value in params.items())),
        ("reports", None if last is None else f"{len(record.reports)}, last {number(last[1])} at step {last[0]}"),
        ("constraints", ", ".join(f"{name}={number(value)}" for name, value in record.constraints.items())),
        ("reason", reason_of(record)),
        ("job", record.system_attrs.get(JOB_DIRECTORY)),
    ]
    return [(name, str(text)) for name, text in found if text]


@click.command("diff")
@click.argument("one", type=TrialNumber())
@click.argument("other", type=TrialNumber())
@study_options
@json_option
def diff_command(
    one: int, other: int, where: str | None, storage: str | None, study: str | None, as_json: bool
) -> None:
    """Compare two trials: what differs in parameters and results.

    \b
    Example:
      hpo diff 3 17 outputs/sweep
    """
    source = find_study(where_of(where, storage), study)
    pair = [source.trial(trial) for trial in (one, other)]
    facts = StudyFacts.of(source.study, pair)
    sides = [_facts_of(facts, record) for record in pair]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    rows = [(name, sides[0].get(name), sides[1].get(name)) for name in names]
    if as_json:
        found = [{"name": name, "values": [a, b]} for name, a, b in rows if a != b]
        term.write_json({"trials": [one, other], "differences": json_of(found)})
        return
    changed = [
        [name, value_text(a) if a is not None else "", value_text(b) if b is not None else ""]
        for name, a, b in rows
        if a != b
    ]
    term.table(["", f"trial {one}", f"trial {other}"], changed)
    same = [name for name, a, b in rows if a == b]
    if same and term.is_terminal():
        term.note(f"The same: {', '.join(same)}")


def json_of(value: Any) -> Any:
    """Return a value as strict JSON can say it."""
    from sweeper_core.report.texts import json_ready

    return json_ready(value)


def _facts_of(facts: StudyFacts, record: TrialRecord) -> dict[str, Any]:
    values = dict(zip(facts.metrics, record.values or (), strict=False))
    span = seconds_of(record)
    return {
        "state": record.state.name,
        **values,
        **facts.shown(record),
        **{f"constraint {name}": value for name, value in record.constraints.items()},
        "seconds": span,
        "reason": reason_of(record),
    }
