"""What every lane type has to do: subclass :class:`LanesConformance` in a test module and give it two makers.

::

    class TestMyLanes(LanesConformance):
        def make(self, count: int) -> Lanes:
            return MyLanes(...)  # lanes that run `task` of this module

        def job(self, number, overrides, part=0, environment=None) -> Job:
            return Job(number, overrides, part, environment or {})
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sweeper_core.exceptions import TrialPruned

VARIABLE = "HPO_CONFORMANCE"
RETURN, RAISE, LEAVE, PRUNE, WAIT, OBJECT, DIE = "return", "raise", "leave", "prune", "wait", "object", "die"
GRACE = 60.0
"""Seconds after which a wait is taken for one that never ends."""


class Unreadable:
    """A returned object that is not made of numbers."""

    def __repr__(self) -> str:
        return "an object"


def task(config: Any) -> Any:
    """End in the way that ``how`` names; return what was in the configuration and in the environment."""
    how = config.how
    if how == RAISE:
        raise ValueError(f"job {config.x} is wrong")
    if how == LEAVE:
        sys.exit(3)
    if how == PRUNE:
        raise TrialPruned
    if how == DIE:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == WAIT:
        threading.Event().wait()
    if how == OBJECT:
        return {"loss": 0.5, "model": Unreadable()}
    return [config.x, os.environ.get(VARIABLE), os.environ.get("LEFT_BEHIND")]


class LanesConformance:
    """The contract of lanes, as tests."""

    count = 2
    """How many lanes they are made with."""

    isolated = False
    """Whether a job may kill its process, and be stopped, without harm to the others."""

    def make(self, count: int) -> Any:
        """Return lanes that run :func:`task` with the configuration that a job's overrides describe."""
        raise NotImplementedError

    def job(
        self, number: int, overrides: Sequence[str], part: int = 0, environment: Mapping[str, str] | None = None
    ) -> Any:
        """Return a job."""
        raise NotImplementedError

    def of(self, how: str, number: int = 0, part: int = 0, environment: Mapping[str, str] | None = None) -> Any:
        """Return a job that ends in some way."""
        return self.job(number, (f"how={how}", f"x={number}"), part, environment)

    def run_all(self, lanes: Any, jobs: Sequence[Any]) -> dict[tuple[int, int], Any]:
        """Run jobs as a sweep does: a free lane gets the next one; return their results by key."""
        left, found = list(jobs), {}
        while left or lanes.busy:
            while left and lanes.free:
                lanes.start(left.pop(0))
            for result in lanes.wait(GRACE):
                assert result.job.key not in found, "a job is handed back once"
                found[result.job.key] = result
        return found

    def one(self, job: Any) -> Any:
        """Return the result of a single job."""
        with self.make(1) as lanes:
            return self.run_all(lanes, [job])[job.key]

    def test_lanes_are_free_until_they_get_jobs(self) -> None:
        with self.make(self.count) as lanes:
            assert (lanes.free, lanes.busy) == (self.count, ())
            assert lanes.wait(0.0) == [], "nothing runs"
            jobs = [self.of(RETURN, number) for number in range(self.count)]
            for started, job in enumerate(jobs, 1):
                lanes.start(job)
                assert lanes.free == self.count - started
                assert job in lanes.busy
            assert len(self.run_all(lanes, [])) == self.count
            assert (lanes.free, lanes.busy) == (self.count, ())

    def test_every_job_is_handed_back_with_what_is_its_own(self) -> None:
        jobs = [self.of(RETURN, number, part) for number in range(3) for part in range(2)]
        with self.make(self.count) as lanes:
            found = self.run_all(lanes, jobs)
        assert set(found) == {job.key for job in jobs}
        for job in jobs:
            assert found[job.key].job == job
            assert (found[job.key].end, found[job.key].failure) == ("returned", None)
            assert found[job.key].returned[0] == job.number

    def test_a_jobs_environment_is_its_own(self) -> None:
        variables = [{VARIABLE: "first"}, {}, {VARIABLE: "last"}]
        jobs = [self.of(RETURN, number, environment=one) for number, one in enumerate(variables)]
        with self.make(1) as lanes:
            found = self.run_all(lanes, jobs)
        assert [found[number, 0].returned[1] for number in range(3)] == ["first", None, "last"]
        assert VARIABLE not in os.environ

    def test_what_a_job_raises_is_told_with_its_lines(self) -> None:
        result = self.one(self.of(RAISE, 5))
        assert result.end == "raised"
        assert str(result.failure) == "ValueError: job 5 is wrong"
        assert "raise ValueError(" in result.failure.trace

    def test_an_exit_of_the_job_is_not_one_of_the_sweep(self) -> None:
        result = self.one(self.of(LEAVE))
        assert (result.end, str(result.failure)) == ("raised", "SystemExit: 3")

    def test_a_pruned_job_has_not_failed(self) -> None:
        result = self.one(self.of(PRUNE))
        assert (result.end, result.failure) == ("pruned", None)

    def test_what_is_returned_is_made_of_plain_things(self) -> None:
        returned = self.one(self.of(OBJECT)).returned
        assert returned["loss"] == 0.5
        assert "an object" in repr(returned["model"])

    def test_a_lane_goes_on_after_failures(self) -> None:
        hows = [RAISE, LEAVE, PRUNE, RETURN] + ([DIE, RETURN] if self.isolated else [])
        with self.make(1) as lanes:
            found = self.run_all(lanes, [self.of(how, number) for number, how in enumerate(hows)])
        ends = {RAISE: "raised", LEAVE: "raised", PRUNE: "pruned", RETURN: "returned", DIE: "lost"}
        assert [found[number, 0].end for number in range(len(hows))] == [ends[how] for how in hows]

    def test_stopping_what_does_not_run_changes_nothing(self) -> None:
        with self.make(1) as lanes:
            lanes.stop((17, 0))
            assert self.run_all(lanes, [self.of(RETURN)])[0, 0].end == "returned"

    def test_a_job_that_is_stopped_is_handed_back_and_frees_its_lane(self) -> None:
        if not self.isolated:
            pytest.skip("jobs of these lanes cannot be stopped")
        with self.make(1) as lanes:
            lanes.start(self.of(WAIT, 3))
            lanes.stop((3, 0))
            (result,) = lanes.wait(GRACE)
            assert (result.job.number, result.end) == (3, "stopped")
            assert self.run_all(lanes, [self.of(RETURN, 4)])[4, 0].returned[0] == 4

    def test_closing_ends_what_still_runs(self) -> None:
        if not self.isolated:
            pytest.skip("jobs of these lanes cannot be stopped")
        lanes = self.make(1)
        lanes.start(self.of(WAIT))
        lanes.close()
