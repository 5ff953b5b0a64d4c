"""Every exception that the core raises on purpose.

::

    Exception
    └── SweeperError (alias OptunaError, for ``except`` clauses carried over)
        ├── TrialPruned               raised by an objective: stop this trial, keep its last report
        ├── CLIUsageError             a command line that cannot mean anything
        ├── StorageInternalError      the storage could not do what was asked; its message says why
        │   ├── StorageUnavailableError   the server or the file cannot be reached (try again later)
        │   └── StorageFormatError    the file or database is not a study storage, or of another version
        ├── DuplicatedStudyError      a study of that name exists already
        ├── UpdateFinishedTrialError  a finished trial was told again (also a RuntimeError)
        └── SearchSpaceExhausted      every point of a finite search space has been tried
"""

from __future__ import annotations


class SweeperError(Exception):
    """Base class of all errors of the core."""


OptunaError = SweeperError


class TrialPruned(SweeperError):
    """Raised by an objective to end its trial early; the trial becomes PRUNED with its last report."""


def prunes(error: BaseException) -> bool:
    """Return whether an objective raised this to be pruned: :class:`TrialPruned`, or that of another library."""
    return any(kind.__name__ == TrialPruned.__name__ for kind in type(error).__mro__)


class CLIUsageError(SweeperError):
    """The command line cannot mean anything."""


class StorageInternalError(SweeperError):
    """The storage could not do what was asked."""


class StorageUnavailableError(StorageInternalError):
    """The database server or the file cannot be reached just now."""


class StorageFormatError(StorageInternalError):
    """What was opened is not a study storage, or one of a version that is not understood."""


class DuplicatedStudyError(SweeperError):
    """A study of that name exists already in the storage."""


class UpdateFinishedTrialError(SweeperError, RuntimeError):
    """A finished trial cannot be changed."""


class SearchSpaceExhausted(SweeperError):
    """Every point of a finite search space has been suggested; there is nothing left to try."""


class ExperimentalWarning(Warning):
    """Kept so that warning filters written for Optuna can be carried over; never raised here."""
