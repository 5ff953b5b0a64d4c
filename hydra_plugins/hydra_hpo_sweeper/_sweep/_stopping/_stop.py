"""Why a run starts no further trial."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._sweep._output._tally import Tally
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from sweeper_core.study._session.costs import Costs
from sweeper_core.trial.cost import shown

TRIALS_BEFORE_JUDGEMENT = 5
"""Minimum number of finished trials for the share of failures to be meaningful."""

MAX_UNUSABLE = 2
"""Trials without a usable result (None, a text, a mapping without the metric) that show that none will have one."""


Limit = Callable[[], "str | None"]


class StopRules:
    """The limits of one run.

    Args:
        steps: Tells how many steps of training the study's trials have taken.
        enough: Tells why the study has seen enough trials; None while it has not.
        costs: What the study's trials cost; None when costs are not heeded.
        limits: Each tells why this process starts no further trial; None while it may.

    Attributes:
        nothing_left: The study has no further trial to give, until something is enqueued.
    """

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        interrupt: Interrupt,
        steps: Callable[[], int],
        enough: Callable[[], str | None],
        costs: Costs | None = None,
        limits: Sequence[Limit] = (),
    ) -> None:
        self._settings = settings
        self._tally = tally
        self._interrupt = interrupt
        self._steps = steps
        self._enough = enough
        self._costs = costs
        self._chooses = getattr(settings.sampler, "heeds_costs", False)
        self._limits = limits
        self.nothing_left = False
        self._began = time.monotonic()
        self._deadline = None if settings.timeout is None else self._began + settings.timeout

    @property
    def interrupted(self) -> bool:
        """Whether the user has asked for no more trials."""
        return self._interrupt.requested

    def may_start(self) -> bool:
        """Return whether another configuration may start."""
        return self.left != 0 and self.may_continue()

    def may_continue(self) -> bool:
        """Return whether a trial that paused may be continued."""
        return not self.nothing_left and self.is_within_limits()

    def is_within_limits(self) -> bool:
        """Return whether this process may go on, if the study has something to do."""
        if self._interrupt.requested or self.failure():
            return False
        limit = self._settings.max_steps
        if limit is not None and self._steps() >= limit:
            self._tally.say_once(f"hydra.sweeper.max_steps={limit} are spent: no further trial starts.")
            return False
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._tally.say_once("hydra.sweeper.timeout is over: no further trial starts.")
            return False
        for limit_of in self._limits:
            if (why := limit_of()) is not None:
                self._tally.say_once(f"{why}: no further trial starts.")
                return False
        if (reason := self._enough()) is not None:
            self._tally.say_once(f"No further trial starts (hydra.sweeper.stop): {reason}.")
            return False
        return self._is_paid()

    def _is_paid(self) -> bool:
        """Return whether the expected cost of another trial fits into what is left of ``max_cost``."""
        if self._costs is None or self._costs.fits(self._chooses):
            return True
        found = self._costs.account()
        if not found.committed:
            each = "" if found.per_trial is None else f" (a trial costs about {shown(found.plan, found.per_trial)})"
            self._tally.say_once(f"hydra.sweeper.max_cost: {found.spent_text} spent, and no further trial fits{each}.")
        return False

    @property
    def left(self) -> int | None:
        """How many trials of ``n_trials`` have not been started; None without a limit."""
        limit = self._settings.n_trials
        return None if limit is None else max(0, limit - self._tally.started)

    def budget(self, known: int) -> int | None:
        """Return the planned number of trials of the study, which has ``known`` now; None when unknown.

        With a timeout it is estimated from the pace so far, once a trial has ended.
        """
        ours = None if self.left is None else known + self.left
        in_time = self._in_time(known)
        paid = None if self._costs is None else self._costs.account().trials_left
        within = None if paid is None else known + paid
        limits = [limit for limit in (ours, in_time, within, self._settings.max_trials) if limit is not None]
        return min(limits) if limits else None

    def _in_time(self, known: int) -> int | None:
        if self._deadline is None or not self._tally.finished:
            return None
        now = time.monotonic()
        pace = self._tally.finished / max(now - self._began, 1e-9)
        return known + math.ceil(pace * max(self._deadline - now, 0.0))

    def failure(self, at_end: bool = False) -> str | None:
        """Return why the run has failed; None while it has not.

        Args:
            at_end: No further trial will come to change the picture.
        """
        tally, allowed = self._tally, self._settings.max_failure_rate
        if allowed < 1 and tally.unusable >= MAX_UNUSABLE and not tally.useful:
            text, _ = tally.failures.most_frequent()
            return (
                f"No job returned a usable result, and none of this configuration will; the sweep ends after "
                f"{tally.finished} trials (hydra.sweeper.max_failure_rate=1 goes on): {in_short(text)}"
            )
        # A rate of 0 means that the first failure ends the sweep.
        early = tally.finished < TRIALS_BEFORE_JUDGEMENT and allowed > 0
        if tally.finished == 0 or (early and not at_end) or tally.failed / tally.finished <= allowed:
            return None
        return (
            f"{tally.failed} of {tally.finished} trials failed, more than hydra.sweeper.max_failure_rate="
            f"{allowed} allows. {tally.what_failed()}"
        )
