"""What a report shows of a study, as JSON: columns of trials, and what has been worked out from them.

Numbers are rounded to what an eye can see, and times are counted in seconds from the first start, so that 50,000 trials
fit into a few megabytes.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.report.facts import (
    StudyFacts,
    is_feasible,
    moment,
    origin_of,
    reason_of,
)
from sweeper_core.report.further import drawn_curve, further_columns, further_curves
from sweeper_core.report.hints import hints_of
from sweeper_core.report.numbers import evenly, rounded
from sweeper_core.report.texts import json_ready, printable
from sweeper_core.search_space.priors import Prior, read_priors
from sweeper_core.trial.attrs import JOB_DIRECTORY, PRIORS
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from sweeper_core.report.model import Surface

MAX_CELLS = 600_000
"""Values in the table of trials: of larger studies a part of the trials is shown, the best ones always."""

MAX_CURVES = 120
"""Learning curves that are drawn."""

MAX_POINTS_OF_CURVE = 120

MAX_BARS = 2_000
"""Trials of the timeline: the last ones."""

MAX_SAMPLE = 4_000
"""Trials of which importances are worked out."""

MAX_VIEWS = 5
"""Objectives of which importances, slices and interactions are worked out."""

MAX_REASON = 300
"""Characters of a reason in the table; the groups of failures have all of it."""

MAX_FAILURES = 30


def study_json(
    facts: StudyFacts, directory: Path | None, command: str | None, sure: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the report shows of one study.

    Args:
        directory: Where the report will lie; links to job directories are relative to it.
        command: The command that runs the best trial.
        sure: Sentences on how sure the best trial is.
    """
    shown, drawn = shown_trials(facts), _drawn(facts)
    status = facts.status_json()
    view = _view(facts, 0)
    priors = read_priors(facts.study.system_attrs.get(PRIORS))
    for name in ("running", "failures", "best"):
        status.pop(name)
    return {
        **status,
        "study": printable(facts.study.name),
        "command": None if command is None else printable(command),
        "best": [record.number for record in facts.best],
        "sure": [printable(sentence) for sentence in sure],
        "best_params": json_ready(facts.shown(facts.best[0])) if facts.best and facts.single else None,
        "stopped": None if facts.stopped is None else printable(facts.stopped),
        "wall": facts.wall,
        "trials_total": len(facts.records),
        "params": [_parameter(name, it, priors.get(name)) for name, it in _latest(shown).items()],
        "trials": _columns(facts, shown, directory),
        **view,
        "hints": [printable(hint.text) for hint in hints_of(facts, importances=view["importances"])],
        "others": [_view(facts, objective) for objective in range(1, min(len(facts.directions), MAX_VIEWS))],
        "curves": _curves(drawn),
        "further_curves": further_curves(drawn),
        "further": further_columns(shown, {*facts.metrics, *facts.parameters}),
        "timeline": _timeline(facts),
        "failures": [
            {"reason": printable(group.reason), "count": len(group.numbers), "trials": group.numbers[:200]}
            for group in facts.failures[:MAX_FAILURES]
        ],
    }


def _view(facts: StudyFacts, objective: int) -> dict[str, Any]:
    """Return what is worked out for one objective; of the first one it stands at the top level."""
    from sweeper_core.report.model import fitted, strongest_pairs  # a sweep, which imports this file, seldom draws

    importances = importances_of(facts, objective)
    model = fitted(facts.having(TrialState.COMPLETE), facts.directions[objective].sign, objective)
    return {
        "importances": {name: rounded(share) for name, share in importances.items()},
        "slices": [] if model is None else [_surface(model.slice(name)) for name in model.names],
        "pairs": [] if model is None else [_surface(it) for it in strongest_pairs(model, list(importances))],
    }


# --- trials ---------------------------------------------------------------------------------------------------------


def shown_trials(facts: StudyFacts) -> Sequence[TrialRecord]:
    """Return the trials of the table: all, or of a very large study the best and a part of the others."""
    room = max(MAX_CELLS // (len(facts.parameters) + len(facts.directions) + 5), 100)
    if len(facts.records) <= room:
        return facts.records
    sign = facts.directions[0].sign
    ranked = heapq.nsmallest(
        room // 10, (r for r in facts.records if r.values), key=lambda r: (r.values or (0.0,))[0] * sign
    )
    kept = {record.number for record in [*ranked, *facts.best, *facts.running]}
    kept |= {record.number for record in evenly(facts.records, room - len(kept))}
    return [record for record in facts.records if record.number in kept]


def _latest(records: Iterable[TrialRecord]) -> dict[str, BaseDistribution]:
    """Return each parameter with the distribution that it had last."""
    layouts = dict.fromkeys(record.layout for record in records)
    return {name: it for layout in layouts for name, it in layout.as_dict().items()}


def _parameter(name: str, distribution: BaseDistribution, prior: Prior | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": printable(name), "kind": "number", "log": False}
    if prior is not None:
        choice = isinstance(distribution, CategoricalDistribution)
        given = rounded(prior.value) if isinstance(prior.value, (int, float)) else None
        found["prior"] = _label(prior.value) if choice else given
    if isinstance(distribution, (FloatDistribution, IntDistribution)):
        return {**found, "log": distribution.log, "low": distribution.low, "high": distribution.high}
    if isinstance(distribution, CategoricalDistribution):
        return {**found, "kind": "choice", "choices": [_label(choice) for choice in distribution.choices]}
    return found


def _label(value: Any) -> str:
    from sweeper_core.report.texts import value_text

    return value_text(value)


def _columns(facts: StudyFacts, shown: Sequence[TrialRecord], directory: Path | None) -> dict[str, Any]:
    start = min((r.started for r in shown if r.started is not None), default=None)
    reasons: dict[str, int] = {}
    origins: dict[str, int] = {}

    def index(texts: dict[str, int], text: str | None) -> int:
        return -1 if text is None else texts.setdefault(printable(text)[:MAX_REASON], len(texts))

    columns: dict[str, Any] = {
        "number": [record.number for record in shown],
        "state": "".join(record.state.name[0] for record in shown),
        "values": [[_value(record, place) for record in shown] for place in range(len(facts.directions))],
        "params": _values_of_params(shown),
        "seconds": [rounded(facts.seconds_of(record), 3) for record in shown],
        "started": [_since(start, record.started) for record in shown],
        "infeasible": [record.number for record in shown if not is_feasible(record)],
        "reason": [index(reasons, reason_of(record)) for record in shown],
        "origin": [index(origins, origin_of(record)) for record in shown],
        "jobs": _job_links(shown, directory),
        "start": moment(start),
    }
    return {**columns, "reasons": list(reasons), "origins": list(origins)}


def _value(record: TrialRecord, place: int) -> Any:
    return rounded(record.values[place]) if record.values and place < len(record.values) else None


def _since(start: datetime | None, when: datetime | None) -> Any:
    return None if start is None or when is None else rounded((when - start).total_seconds(), 8)


def _values_of_params(shown: Sequence[TrialRecord]) -> list[list[Any]]:
    """Return a column for each parameter: numbers, and for choices their index in the parameter's list."""
    return [_column(name, it, shown) for name, it in _latest(shown).items()]


def _column(name: str, distribution: BaseDistribution, shown: Sequence[TrialRecord]) -> list[Any]:
    convert = _converter(distribution)
    places = {layout: layout.names.index(name) for layout in {r.layout for r in shown} if name in layout.names}
    found: list[Any] = []
    for record in shown:
        place = places.get(record.layout)
        own = None if place is None else record.layout.distributions[place]
        if place is None or own is None:
            found.append(None)
        elif own == distribution:
            found.append(convert(record.internals[place]))
        else:
            found.append(_foreign(own.to_external_repr(record.internals[place]), distribution))
    return found


def _converter(distribution: BaseDistribution) -> Callable[[float], Any]:
    return int if isinstance(distribution, CategoricalDistribution) else rounded


def _foreign(value: Any, distribution: BaseDistribution) -> Any:
    """Return a value that a trial had under another distribution of the same name."""
    if isinstance(distribution, CategoricalDistribution):
        labels = [_label(choice) for choice in distribution.choices]
        return labels.index(_label(value)) if _label(value) in labels else None
    return rounded(float(value)) if isinstance(value, (int, float)) else None


def _job_links(shown: Sequence[TrialRecord], directory: Path | None) -> dict[str, Any]:
    """Return the job directories: what they have in common once, and the rest of each."""
    paths = [record.system_attrs.get(JOB_DIRECTORY) for record in shown]
    texts = [_link(path, directory) if isinstance(path, str) else None for path in paths]
    known = [text for text in texts if text is not None]
    common = _common_beginning(known)
    return {
        "base": printable(common),
        "rest": [None if text is None else printable(text[len(common) :]) for text in texts],
    }


def _link(path: str, directory: Path | None) -> str:
    """Return a path from the report's directory where the job lies below, so that both can be moved together."""
    if directory is not None:
        base = str(directory.absolute()).rstrip("/") + "/"
        if path.startswith(base):
            return path[len(base) :]
    return path


def _common_beginning(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    low, high = min(texts), max(texts)
    length = next(
        (place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:length]


# --- what is worked out ---------------------------------------------------------------------------------------------


def importances_of(facts: StudyFacts, objective: int = 0) -> dict[str, float]:
    """Return the parameters' importances for an objective, the largest first; empty where they cannot be told."""
    from sweeper_core.importance import get_param_importances
    from sweeper_core.samplers.random import RandomSampler
    from sweeper_core.storages import InMemoryStorage
    from sweeper_core.study.study import Study

    complete = [r for r in facts.having(TrialState.COMPLETE) if r.values and math.isfinite(r.values[objective])]
    if len(complete) < 2:
        return {}
    # A copy in memory: a sample of a large study is enough, and the sweep's own storage is left alone.
    storage = InMemoryStorage()
    copy = storage.create_or_open_study("report", facts.directions, exist_ok=False)
    storage.add_finished(copy.study_id, evenly(complete, MAX_SAMPLE))
    target = None if facts.single else _signed_value(objective, facts.directions[objective].sign)
    try:
        # The study never suggests; a sampler that it would choose itself takes long to import.
        return get_param_importances(Study("report", storage, RandomSampler()), target=target)
    except ValueError:
        return {}


def _signed_value(objective: int, sign: float) -> Callable[[Any], float]:
    return lambda trial: trial.values[objective] * sign


def _surface(surface: Surface) -> dict[str, Any]:
    return {
        "names": [printable(name) for name in surface.names],
        "ticks": [
            [rounded(t) if isinstance(t, (int, float)) and not isinstance(t, bool) else _label(t) for t in ticks]
            for ticks in surface.ticks
        ],
        "mean": [rounded(value, 5) for value in surface.mean.ravel().tolist()],
        "deviation": [rounded(value, 3) for value in surface.deviation.ravel().tolist()],
        "strength": rounded(surface.strength, 3),
    }


def _drawn(facts: StudyFacts) -> list[TrialRecord]:
    """Return the trials whose learning curves are drawn: the best, those that run, and others evenly chosen."""
    reported = [record for record in facts.records if len(record.reports) > 1]
    sign = facts.directions[0].sign
    best = heapq.nsmallest(
        MAX_CURVES // 4, (r for r in reported if r.values), key=lambda r: (r.values or (0.0,))[0] * sign
    )
    kept = {record.number for record in [*best, *[r for r in reported if r.state is TrialState.RUNNING]]}
    kept |= {record.number for record in evenly(reported, max(MAX_CURVES - len(kept), 0))}
    return [record for record in reported if record.number in kept]


def _curves(drawn: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    return [drawn_curve(record, evenly(record.reports, MAX_POINTS_OF_CURVE), rounded) for record in drawn]


def _timeline(facts: StudyFacts) -> dict[str, Any]:
    """Return for each of the last trials the lane it may have run in: the first one that was free."""
    timed = sorted((r for r in facts.records if r.started is not None), key=lambda r: r.started or facts.at)[-MAX_BARS:]
    start = timed[0].started if timed else None
    free: list[tuple[float, int]] = []
    idle: list[int] = []
    lanes, begins, spans = [], [], []
    for record in timed:
        begin = (record.started - start).total_seconds() if record.started is not None and start is not None else 0.0
        while free and free[0][0] <= begin + 0.001:
            heapq.heappush(idle, heapq.heappop(free)[1])
        lane = heapq.heappop(idle) if idle else len(free)
        span = facts.seconds_of(record) or 0.0
        heapq.heappush(free, (begin + span, lane))
        lanes.append(lane)
        begins.append(rounded(begin, 8))
        spans.append(rounded(span, 4))
    return {
        "start": moment(start),
        "trials": [record.number for record in timed],
        "states": "".join(record.state.name[0] for record in timed),
        "lanes": lanes,
        "begins": begins,
        "spans": spans,
    }
