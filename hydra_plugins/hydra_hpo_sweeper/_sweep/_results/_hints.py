"""Hints at the end of a sweep, and the command that goes on in a wider space."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from hydra_plugins.hydra_hpo_sweeper._space._described import described
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from sweeper_core.report.data import importances_of
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.hints import MIN_TRIALS_OF_IMPORTANCE, Hint, hints_of
from sweeper_core.study._session.session import Session


def hints_of_run(session: Session, plan: Plan) -> list[Hint]:
    """Return the hints that the study gives evidence for, about the space of this run."""
    facts = StudyFacts.of(session.study, session.log.records)
    told = facts.single and len(facts.finished) >= MIN_TRIALS_OF_IMPORTANCE
    return hints_of(facts, plan.space.distributions, importances_of(facts) if told else None)


def command_in_wider_space(command: str | None, hints: Sequence[Hint]) -> str | None:
    """Return the command that goes on with the ranges that the hints propose; None where there are none.

    Args:
        command: Goes on with the study; None where it ends with this process.
    """
    wider = {hint.parameter: hint.wider for hint in hints if hint.wider is not None}
    if command is None or command.startswith("the same call") or not wider:
        return None
    words = [word for word in shlex.split(command) if word.partition("=")[0] not in wider]
    return shlex.join([*words, *(f"{name}={described(one).replace(' ', '')}" for name, one in wider.items())])
