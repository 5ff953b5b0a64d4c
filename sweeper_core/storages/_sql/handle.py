"""State shared by all operations on one database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sweeper_core.exceptions import UpdateFinishedTrialError
from sweeper_core.storages._rules import no_study, no_trial
from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.storages._sql.dialect import End, Key, Target
from sweeper_core.storages._sql.limits import Limits
from sweeper_core.storages._sql.rows import HEADING, Heading, Reader, heading
from sweeper_core.storages._sql.tables import Parts, Row, Table
from sweeper_core.storages._stale import StaleTrials
from sweeper_core.storages.base import Claim
from sweeper_core.trial.state import TrialState

_MAX_KEYS = 10_000
"""Maximum number of cached keys of trials reserved here; a trial whose key is not cached is looked up."""

_MAX_ROWS = 200
"""Maximum number of rows in one message; more are written in steps."""


class NotOursError(UpdateFinishedTrialError):
    """The server lost the reservation in a crash."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Trial {number} is not this process's any more: the server crashed right after it was reserved, and has "
            "forgotten it. Its number may be another's now."
        )


class Handle:
    """A database and this process's caches for it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sql = database.sql
        self.reader = Reader()
        self.limits = Limits(database)
        self.stale = StaleTrials()
        self._keys: dict[tuple[int, int], Key] = {}

    def remember(self, study_id: int, claim: Claim) -> None:
        """Cache the key of a trial that was reserved here."""
        assert claim.started is not None
        if len(self._keys) >= _MAX_KEYS:
            self._keys.clear()
        self._keys[study_id, claim.number] = Key(claim.trial_id, claim.started)

    def key(self, study_id: int, number: int) -> Key | None:
        """Return the key of a trial that was reserved here and has not ended."""
        return self._keys.get((study_id, number))

    def forget(self, study_id: int, number: int) -> None:
        """Drop the key of a trial."""
        self._keys.pop((study_id, number), None)

    def lock_study(self, link: Link, study_id: int) -> None:
        """Take the lock that Optuna takes, too, to add trials to the study."""
        if not link.rows(f"SELECT study_id FROM studies WHERE study_id = :study{self.sql.for_update}", study=study_id):
            raise no_study(study_id)

    def find(self, link: Link, study_id: int, number: int) -> tuple[int, TrialState]:
        """Lock a trial and return its key and state.

        Raises:
            NotOursError: It was reserved here, but the trial of that number is another one now.
        """
        found = link.rows(
            "SELECT trial_id, state, datetime_start FROM trials WHERE study_id = :study AND number = :number"
            + self.sql.for_update,
            study=study_id,
            number=number,
        )
        row = found[0] if found else None
        if self.is_forgotten(study_id, number, row and (row[0], row[2])):
            raise NotOursError(number)
        if row is None:
            raise no_trial(study_id, number)
        return row[0], TrialState[row[1]]

    def is_forgotten(self, study_id: int, number: int, found: tuple[int, datetime | None] | None) -> bool:
        """Return whether the server lost a reservation made here; ``found`` has that number now."""
        key = self.key(study_id, number)
        return self.sql.may_forget and key is not None and key != found

    def heading(self, link: Link, trial_id: int) -> Heading:
        """Return the row of a trial."""
        return heading(link.rows(f"SELECT {HEADING} FROM trials WHERE trial_id = :trial", trial=trial_id)[0])

    def put(self, link: Link, owner: int, parts: Parts) -> None:
        """Insert or update rows of one trial or study."""
        for table, rows in parts.items():
            self.put_rows(link, table, [(owner, rows)])

    def put_rows(self, link: Link, table: Table, owners: Iterable[tuple[int, Sequence[Row]]]) -> None:
        """Add rows of several owners to one table."""
        link.many(self.sql.upsert(table), [table.values(owner, row) for owner, rows in owners for row in rows])

    def merge_at_once(self, study_id: int, number: int, parts: Parts, end: End | None = None) -> tuple[bool, bool]:
        """Try to merge rows into a trial, or to end it, in one round trip. Returns ``(applied, reply_lost)``.

        When not applied, nothing has changed: the trial is not RUNNING, or is another one than the reserved trial.
        """
        if not self.database.takes_scripts or sum(map(len, parts.values())) > _MAX_ROWS:
            return False, False
        message = self.sql.merge(Target(study_id, number, self.key(study_id, number)), parts, end)
        if message is None:
            return False, False
        return self.database.autocommit(lambda link: (bool(link.send(message)), link.attempt > 0))
