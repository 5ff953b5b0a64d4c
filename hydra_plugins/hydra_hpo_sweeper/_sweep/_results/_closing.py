"""The closing lines of a run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._output._reporting import hint_of_promotion
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import outside_of
from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import SweepResult
from hydra_plugins.hydra_hpo_sweeper._sweep._results._hints import command_in_wider_space
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._costs import closing_lines
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.hints import Hint
from sweeper_core.stopping.outlook import Outlook
from sweeper_core.study._session.session import Session
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def say_how_it_went(
    result: SweepResult,
    session: Session,
    plan: Plan,
    command: str | None,
    report: Path | None,
    outlook: Outlook | None = None,
    hints: Sequence[Hint] = (),
) -> None:
    """Log the results, and how to go on.

    Args:
        outlook: What going on is expected to bring; None when it is not known.
        hints: What another run would do otherwise.
        command: Goes on with the study; None where it ends with this process.
        report: Where the report is; None when there is none.
    """
    for line in [
        *result.lines(),
        *_of_gain(session),
        *closing_lines(session),
        *_of_pruned(result, session),
        *_of_outside(result, plan),
        *hint_of_promotion(session),
        *_of_end(result, outlook),
        *(f"Hint: {hint.text}" for hint in hints),
    ]:
        log.info(line)
    if report is not None:
        log.info("Report: %s", report)
    if command is None:
        log.info("The study was in memory and ends with this process; leave out hydra.sweeper.storage to keep it.")
    else:
        log.info("To continue: %s", command)
    wider = command_in_wider_space(command, hints)
    if wider is not None:
        log.info("To continue in the wider space: %s", wider)


def _of_end(result: SweepResult, outlook: Outlook | None) -> list[str]:
    """Return why the study stopped by itself, and what going on would be worth."""
    if result.stopped is not None:
        return [f"Stopped by hydra.sweeper.stop: {result.stopped}."]
    return [] if outlook is None else [f"Going on: {outlook}."]


def _of_gain(session: Session) -> list[str]:
    """Return how much better the best trial is than what the search began with."""
    facts = StudyFacts.of(session.study, session.log.records)
    if facts.gain is None or facts.gain <= 0 or facts.baseline is None or not facts.baseline[0].values:
        return []
    share = f"{100 * facts.gain:.0f}" if facts.gain >= 0.1 else f"{100 * facts.gain:.2g}"
    return [f"That is {share} % better than {facts.baseline[1]} ({facts.baseline[0].values[0]:.6g})."]


def _of_pruned(result: SweepResult, session: Session) -> list[str]:
    """Return the last reports of pruned trials, which may look better than the best value."""
    pruned = [
        record
        for record in session.log.configurations
        if record.state is TrialState.PRUNED and _reached(record) is not None
    ]
    if not pruned or result.n_objectives > 1:
        return []
    sign = session.study.directions[0].sign
    top = min(pruned, key=lambda record: (_reached(record) or 0.0) * sign)
    value, step = _reached(top), top.reports[-1][0]
    return [
        f"Pruned trials had reached {value:.6g} at best (trial {top.number}, stopped at step {step}). They do not "
        "count for the best: they were stopped before their end, and their values are those of unfinished runs."
    ]


def _reached(record: TrialRecord) -> float | None:
    """Return the last value that a trial reported, unless it is NaN."""
    value = record.reports[-1][1] if record.reports else None
    return None if value is None or value != value else value


def _of_outside(result: SweepResult, plan: Plan) -> list[str]:
    if result.n_objectives > 1 or not result.best:
        return []
    outside = outside_of(plan.space, result.best[0].params)
    if not outside:
        return []
    values = ", ".join(f"{name}={value}" for name, value in outside.items())
    return [f"The best trial is of an earlier run with another search space: {values} is outside of this run's."]
