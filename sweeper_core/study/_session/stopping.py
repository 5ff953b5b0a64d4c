"""Stopping a study by a rule: the check after each trial, and what the study stores of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Union

from sweeper_core.plain import plain
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping.check import StopCheck
from sweeper_core.stopping.outlook import Outlook
from sweeper_core.stopping.progress import ENDED
from sweeper_core.stopping.rule import EXAMPLE, StopRule
from sweeper_core.storages.base import StudyRecord
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import END

Stop = Union[StopRule, Mapping[str, Any], Callable[[Any], Any]]
"""A rule, its mapping, or a function of the study that returns whether (or as a text, why) it is to stop."""


class Stopping:
    """Decides for one process whether a study starts further trials. Thread-safe.

    Args:
        session: The study at work.
        rule: The rule; None never stops.
        space: Returns the search space of the next trials; None where it is not known.
        left: Returns how many trials may still start; None for no limit.
    """

    def __init__(
        self,
        session: Session,
        rule: StopRule | None,
        space: Callable[[], SearchSpace | None],
        left: Callable[[], int | None],
    ) -> None:
        self._session = session
        self._rule = rule if rule is not None and rule.active else None
        self._check = None if self._rule is None else StopCheck(self._rule, session.study.directions)
        self._space = space
        self._left = left
        self._ended = -1
        self._reason: str | None = None
        self._lock = threading.Lock()

    @property
    def outlook(self) -> Outlook | None:
        """What going on is expected to bring, as of the latest check; None where the rule does not ask for it."""
        return None if self._check is None else self._check.outlook

    def reason(self) -> str | None:
        """Return why no further trial starts; None while there is no reason. The first reason is stored."""
        if self._check is None:
            return None
        with self._lock:
            if self._reason is None:
                self._reason = self._found(self._check)
            return self._reason

    def _found(self, check: StopCheck) -> str | None:
        log = self._session.log
        log.sync()
        history = log.history()
        ended = len(history.having(*ENDED))
        if ended == self._ended:
            return None
        first, self._ended = self._ended < 0, ended
        known = end_of(log.study, log.n_configurations)
        if first and known is not None and known[1] == str(self._rule):
            return known[0]  # the same rule has stopped this study before, and nothing has run since
        reason = check.reason(history, self._space(), self._left())
        if reason is not None:
            store_end(self._session, reason, str(self._rule))
        return reason


def store_end(session: Session, reason: str, rule: str = "") -> None:
    """Store with the study why it stopped."""
    end = {"reason": reason, "configurations": session.log.n_configurations, "rule": rule}
    session.storage.set_study_attrs(session.study.study_id, system={END: end})
    session.log.refresh()


def end_of(study: StudyRecord, configurations: int) -> tuple[str, str] | None:
    """Return why a study stopped, and by which rule; None when it did not, or has gone on since.

    Args:
        configurations: How many it has now.
    """
    end = study.system_attrs.get(END)
    if not isinstance(end, Mapping) or end.get("configurations") != configurations:
        return None
    return str(end.get("reason")), str(end.get("rule", ""))


def stopping_of(session: Session, stop: Stop | None, left: Callable[[], int | None]) -> Callable[[], str | None] | None:
    """Return the check behind ``Study.optimize(…, stop=…)``; None without one.

    Raises:
        TypeError: ``stop`` is neither a mapping nor a function.
        ValueError: The rule is wrong.
    """
    if stop is None:
        return None
    ask: Any = getattr(stop, "should_terminate", stop)
    if callable(ask):
        return _asked(session, ask)
    try:
        rule = StopRule.of(stop)
        return Stopping(session, rule, lambda: session.log.statistics.joint, left).reason
    except TypeError:
        raise TypeError(
            f"`stop` must be a mapping such as {EXAMPLE}, a StopRule, or a function of the study, but got {stop!r}."
        ) from None
    except ValueError as error:
        raise ValueError(f"`stop`{error}") from None


def _asked(session: Session, ask: Callable[[Any], Any]) -> Callable[[], str | None]:
    lock = threading.Lock()
    found: list[str] = []

    def reason() -> str | None:
        with lock:
            if found:
                return found[0]
            answer = ask(session.view)
            if not answer:
                return None
            found.append(answer if isinstance(answer, str) else f"{getattr(ask, '__qualname__', ask)} said so")
            store_end(session, plain(found[0]))
            return found[0]

    return reason
