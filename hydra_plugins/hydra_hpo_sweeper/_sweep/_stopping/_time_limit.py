"""The time that this process has: it begins no trial that would not be over by then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

SLURM_END = "SLURM_JOB_END_TIME"
"""Environment variable of SLURM's jobs: when the job ends at the latest, in seconds since 1970."""

SHARE = 0.9
"""Share of the study's complete trials that are over in the time that a trial is expected to need."""

MAX_KNOWN = 100
"""Number of the last complete trials that tell how long a trial takes."""

MARGIN = 10.0
"""Seconds before the end in which no trial begins, however short trials are: results have to be written, too."""


class TimeLimit:
    """When this process has to end.

    Args:
        seconds: ``hydra.sweeper.time_limit``; None for no limit of the user's.
        environ: Environment variables; a SLURM job's end counts, too.
        records: Tells the study's trials.
    """

    def __init__(
        self, seconds: float | None, environ: Mapping[str, str], records: Callable[[], Iterable[TrialRecord]]
    ) -> None:
        limits = [limit for limit in (seconds, _until_slurm_ends(environ)) if limit is not None]
        self.seconds = min(limits) if limits else None
        self.reason = "hydra.sweeper.time_limit" if seconds == self.seconds else "the SLURM job's time limit"
        self._end = math.inf if self.seconds is None else time.monotonic() + self.seconds
        self._records = records

    def check(self) -> None:
        """Reject a limit in which no trial can be run.

        Raises:
            ConfigError: The trials of the study took longer.
        """
        known = self._durations() if self.seconds is not None else []
        mean = sum(known) / max(len(known), 1)
        if self.seconds is None or self.seconds >= mean:
            return
        raise ConfigError(
            f"{self.reason} leaves {_shown(self.seconds)} s, which is shorter than a trial of this study "
            f"({_shown(mean)} s on average over {len(known)} complete ones): give this worker more time."
        )

    def is_near(self) -> bool:
        """Return whether a trial that begins now would probably not be over in time."""
        if self.seconds is None:
            return False
        known = sorted(self._durations())
        needed = known[min(math.floor(SHARE * len(known)), len(known) - 1)] if known else 0.0
        # Without this, a limit that is shorter than the margin would let nothing begin.
        margin = min(MARGIN, 0.1 * self.seconds)
        return time.monotonic() + needed + margin >= self._end

    def _durations(self) -> list[float]:
        found = [
            (record.completed - record.started).total_seconds()
            for record in self._records()
            if record.state is TrialState.COMPLETE and record.completed is not None and record.started is not None
        ]
        return found[-MAX_KNOWN:]


def _shown(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10.0 else f"{seconds:.2g}"


def _until_slurm_ends(environ: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(environ[SLURM_END]) - time.time())
    except (KeyError, ValueError):
        return None
