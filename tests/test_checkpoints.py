"""Checkpoint folders: whole or not at all, whatever kills the process, and no more of them than the rules allow."""

from __future__ import annotations

import errno
import logging
import math
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core import create_study
from sweeper_core.checkpoints.keep import KeepRules, Standing, apply, superfluous
from sweeper_core.checkpoints.saver import Saver, SaveRules
from sweeper_core.checkpoints.store import Checkpoint, CheckpointFolder, CheckpointStore, check_writable
from sweeper_core.checkpoints.warned import Deadline, SignalWatch, end_of_allocation
from sweeper_core.trial.attempts import checkpoint_data
from sweeper_core.trial.attrs import LOST
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState


def save(folder: CheckpointFolder, step: int, size: int = 8) -> None:
    with folder.saving(step) as draft:
        (draft / "weights").mkdir()
        for name in ("model.pt", "weights/a", "weights/b"):
            (draft / name).write_bytes(bytes([step]) * size)


def replace_first(folder: CheckpointFolder) -> None:
    save(folder, 2)
    folder.keep(1)


def steps(folder: CheckpointFolder) -> list[int]:
    return [one.step for one in folder.complete()]


def killed_at(event: int, work: Callable[[], object]) -> bool:
    """Run something in a forked process that is killed before its n-th operation on files; return whether it was."""
    child = os.fork()
    if child == 0:
        left = event

        def count(name: str, arguments: object) -> None:
            nonlocal left
            if name == "open" or (name.startswith(("os.", "shutil.")) and name != "os.kill"):
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_a_kill_at_any_operation_leaves_a_whole_checkpoint_and_nothing_that_stays(tmp_path: Path) -> None:
    for event in range(1000):
        folder = CheckpointStore(tmp_path / str(event)).folder(3)
        save(folder, 1)
        killed = killed_at(event, partial(replace_first, folder))
        newest = folder.newest()
        assert newest is not None
        for name in ("model.pt", "weights/a", "weights/b"):
            assert (newest.path / name).read_bytes() == bytes([newest.step]) * 8
        folder.clear_drafts()
        folder.keep(1)
        assert os.listdir(folder.path) == [f"step-{newest.step}"]
        if not killed:
            break
    assert event > 20
    assert steps(folder) == [2]


def test_a_checkpoint_that_lost_a_part_is_none(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for step in (1, 2, 3, 4):
        save(folder, step)
    (tmp_path / "step-4" / "weights" / "a").unlink()
    os.truncate(tmp_path / "step-3" / "model.pt", 3)
    (tmp_path / "step-2" / ".checkpoint").write_text("{")
    assert steps(folder) == [1]
    assert folder.newest() == Checkpoint(tmp_path / "step-1", 1, 0, 24)


def test_an_exception_leaves_no_checkpoint_and_the_same_step_again_is_newer(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(FileNotFoundError), folder.saving(1) as draft:
        os.unlink(draft / "model.pt")
    assert os.listdir(tmp_path) == []
    for text in ("a", "b"):
        with folder.saving(1) as draft:
            (draft / "model.pt").write_text(text)
    newest = folder.newest()
    assert newest is not None
    assert (newest.path / "model.pt").read_text() == "b"


def test_only_what_was_saved_is_deleted(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    folder = store.folder(3)
    for step in (0, 1):
        save(folder, step)
    theirs = [tmp_path / "note", tmp_path / "7/0/step-9", folder.path / "mine", folder.path / "step-0" / "copy"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    outside = tmp_path / "outside"
    save(CheckpointFolder(outside), 5)
    (folder.path / "step-5").symlink_to(outside / "step-5")
    apply(store, {number: Standing("ended") for number in (3, 7)}, KeepRules(best=0))
    assert all(path.exists() for path in theirs)
    assert sorted(os.listdir(folder.path)) == ["mine", "step-0", "step-5"]
    assert steps(CheckpointFolder(outside)) == [5]


def held(number: int, *sizes: int) -> list[list[Checkpoint]]:
    return [[Checkpoint(Path(f"{number}/0/step-{step}"), step, 0, size) for step, size in enumerate(sizes)]]


STANDINGS = st.builds(
    Standing,
    st.sampled_from(["running", "paused", "ended"]),
    st.none() | st.floats(allow_nan=True, allow_infinity=False),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(STANDINGS, st.lists(st.integers(1, 9), max_size=3)), max_size=12),
    st.builds(KeepRules, st.integers(0, 3), st.integers(1, 3), st.none() | st.floats(1, 60)),
)
def test_the_rules_keep_the_best_and_those_that_can_go_on(
    trials: list[tuple[Standing, list[int]]], rules: KeepRules
) -> None:
    standings = {number: standing for number, (standing, _) in enumerate(trials)}
    have = {number: held(number, *sizes) for number, (_, sizes) in enumerate(trials) if sizes}
    gone = set(superfluous({**have, 99: held(99, 1)}, standings, rules))
    stays = {number: [one for one in have[number][0] if one not in gone] for number in have}
    assert all(one.path.parts[0] != "99" for one in gone)
    assert all(stays[n] == have[n][0] for n in have if standings[n].fate == "running")
    ended = [n for n in have if standings[n].fate == "ended"]
    merits = {n: math.inf if (m := standings[n].merit) is None or math.isnan(m) else m for n in have}
    kept = [n for n in ended if stays[n]]
    assert len(kept) == min(rules.best, sum(standings[n].merit is not None for n in ended))
    assert all(stays[n] == have[n][0][-1:] for n in kept)
    assert all(merits[k] <= merits[n] for k in kept for n in ended if not stays[n])
    paused = [n for n in have if standings[n].fate == "paused"]
    assert all(stays[n] in ([], have[n][0][-rules.last :]) for n in paused)
    dropped = [n for n in paused if not stays[n]]
    assert all(merits[d] >= merits[n] for d in dropped for n in paused if stays[n])
    total = sum(one.size for n in [*stays] for one in stays[n])
    if rules.max_bytes is None:
        assert not dropped
    else:
        assert total <= rules.max_bytes or all(not stays[n] for n in paused)


def test_two_hundred_trials_never_hold_more_than_their_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # nobody pulls the plug here
    store, lanes, rules, unit = CheckpointStore(tmp_path), 3, KeepRules(best=2, last=1), 3 * 8
    standings: dict[int, Standing] = {}
    most = 0

    def size() -> int:
        return sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path.name != ".checkpoint")

    for first in range(0, 200, lanes):
        now = range(first, min(first + lanes, 200))
        standings.update({number: Standing("running") for number in now})
        for step in range(2):
            for number in now:
                folder = store.folder(number)
                with folder.saving(step) as draft:
                    (draft / "model.pt").write_bytes(bytes(unit))
                    most = size()
                    paused = sum(standing.fate == "paused" for standing in standings.values())
                    assert most <= (2 * lanes + rules.best + paused) * unit
                folder.keep(1)
        for number in now:
            standings[number] = Standing("paused" if number % 20 == 7 else "ended", float((number * 37) % 200))
            apply(store, standings, rules)
    kept = {number for number in store.folders() if standings[number].fate == "ended"}
    assert kept == set(sorted((n for n in standings if n % 20 != 7), key=lambda n: (n * 37) % 200)[:2])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def asked(saver: Saver, clock: Clock, count: int, seconds: float) -> list[int]:
    """Return the steps at which a job that does as it is told saves."""
    saved = []
    for step in range(count):
        clock.now += seconds
        if saver.should_save(step):
            saved.append(step)
            with saver.save(step) as folder:
                (folder / "model.pt").touch()
    return saved


@pytest.mark.parametrize(
    ("rules", "more", "expected"),
    [
        (SaveRules(), {}, [2, 5, 8]),
        (SaveRules(every=2), {}, [1, 3, 5, 7, 9]),
        (SaveRules(every=100), {"milestone": {3, 9}.__contains__}, [3, 9]),
        (SaveRules(every=100), {"deadlines": [Deadline(1105.0)]}, [5, 6, 7, 8, 9]),
        (SaveRules(every=100), {"deadlines": [Deadline(1105.0, 105.0)]}, [8, 9]),
    ],
)
def test_when_to_save(tmp_path: Path, rules: SaveRules, more: dict[str, object], expected: list[int]) -> None:
    clock = Clock()
    saver = Saver(CheckpointFolder(tmp_path), rules, clock=clock, **more)  # type: ignore[arg-type]
    assert asked(saver, clock, 10, 10.0) == expected
    assert steps(CheckpointFolder(tmp_path)) == expected[-1:]


def test_a_trial_that_keeps_nothing_is_never_asked_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clock = Clock()
    saver = Saver(None, SaveRules(every=1), clock=clock)
    assert asked(saver, clock, 10, 100.0) == []
    with saver.save(3) as folder:
        (folder / "model.pt").touch()
    assert os.listdir(tmp_path) == []


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    core = logging.getLogger("sweeper_core")
    core.addHandler(caplog.handler)
    yield caplog
    core.removeHandler(caplog.handler)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unexpected pos")])
def test_a_full_disk_leaves_the_old_one_and_the_job_goes_on(
    tmp_path: Path, log: pytest.LogCaptureFixture, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = Saver(CheckpointFolder(tmp_path), SaveRules(every=1))
    with saver.save(1) as folder:
        (folder / "model.pt").touch()
    if isinstance(error, RuntimeError):  # what torch.save makes of it

        def free_once_the_draft_is_gone(path: Path) -> SimpleNamespace:
            return SimpleNamespace(free=0 if ".saving" in str(path) else 2**30)

        monkeypatch.setattr("shutil.disk_usage", free_once_the_draft_is_gone)
    with saver.save(2) as folder:
        raise error
    assert os.listdir(tmp_path) == ["step-1"]
    assert log.messages == [
        f"The checkpoint of step 2 was not saved: the disk of {tmp_path} is full. The job goes on; earlier ones stay."
    ]


def test_a_mistake_in_saving_is_the_jobs_own(tmp_path: Path) -> None:
    saver = Saver(CheckpointFolder(tmp_path), SaveRules(every=1))
    with pytest.raises(FileNotFoundError), saver.save(1) as folder:
        (folder / "there" / "model.pt").touch()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    saver = Saver(CheckpointFolder(tmp_path / "file" / "3"), SaveRules(every=1))
    with saver.save(1) as folder:
        (folder / "model.pt").touch()
    assert saver.newest is None
    assert log.messages == [
        f"The checkpoint of step 1 was not saved: {tmp_path / 'file' / '3'} cannot be written (Not a directory). "
        "The job goes on; earlier ones stay."
    ]
    with pytest.raises(OSError, match="Not a directory"):
        check_writable(tmp_path / "file" / "3")
    check_writable(tmp_path / "new" / "folder")
    assert os.listdir(tmp_path) == ["file"]


def test_a_step_that_is_saved_twice_and_a_limit_below_one_checkpoint_are_told(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    saver = Saver(CheckpointFolder(tmp_path), SaveRules(every=1, max_gb=1e-9))
    for text in ("a", "bc"):
        with saver.save(1) as folder:
            (folder / "model.pt").write_text(text)
    newest = saver.newest
    assert newest is not None
    assert (newest.path / "model.pt").read_text() == "bc"
    assert log.messages == [
        "The checkpoint of step 1 is saved again: the later one replaces the earlier one.",
        "One checkpoint has 2e-09 GB, more than max_gb=1e-09 allows for all: trials that pause keep none. "
        "Raise max_gb, or save less.",
    ]


@pytest.fixture
def handlers() -> Iterator[list[int]]:
    """Handlers of before, which note what they get."""
    got: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.signal(number, lambda number, frame: got.append(number)) for number in numbers}
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_waits_for_the_checkpoint_and_is_passed_on(tmp_path: Path, handlers: list[int], number: int) -> None:
    watch, warnings = SignalWatch(), []
    saver = Saver(
        CheckpointFolder(tmp_path),
        SaveRules(every=100),
        signals=watch,
        saved=lambda step, warning: warnings.append((step, warning)),
    )
    assert not saver.should_save(0)
    os.kill(os.getpid(), number)
    assert saver.should_save(1)
    assert handlers == []
    saver.reported()  # of a step before
    with saver.save(1):
        assert handlers == []
    assert handlers == []
    saver.reported()
    assert handlers == [number]
    assert warnings == [(1, signal.Signals(number).name)]
    assert not saver.should_save(2)
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    assert handlers == [number] * 2  # the second one does not wait
    watch.close()
    os.kill(os.getpid(), number)
    assert handlers == [number] * 3


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_that_no_save_answers_is_passed_on_in_time(handlers: list[int]) -> None:
    watch = SignalWatch(grace=0.0)
    watch.install()
    os.kill(os.getpid(), signal.SIGTERM)
    while not handlers:
        signal.sigtimedwait([], 0.01)
    assert handlers == [signal.SIGTERM]
    watch.close()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_does_not_wait_for_a_report_that_came_before_the_save(tmp_path: Path, handlers: list[int]) -> None:
    saver = Saver(CheckpointFolder(tmp_path), signals=SignalWatch(for_report=0.0))
    saver.should_save(0)
    os.kill(os.getpid(), signal.SIGTERM)
    with saver.save(0):
        pass
    assert handlers == [signal.SIGTERM]


def test_watches_that_end_in_another_order_leave_the_handlers_of_before(handlers: list[int]) -> None:
    watches = [SignalWatch() for _ in range(3)]
    for watch in watches:
        watch.install()
    for index in (1, 0, 2):
        watches[index].close()
    os.kill(os.getpid(), signal.SIGTERM)
    assert handlers == [signal.SIGTERM]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ends a forked process")
def test_sigterm_ends_the_process_once_the_checkpoint_is_there(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        saver = Saver(CheckpointFolder(tmp_path), SaveRules(every=100), signals=SignalWatch())
        saver.should_save(0)
        os.kill(os.getpid(), signal.SIGTERM)
        with saver.save(1) as folder:
            (folder / "model.pt").touch()
        saver.reported()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    assert steps(CheckpointFolder(tmp_path)) == [1]


def test_a_study_in_python_keeps_the_best_and_continues_lost_trials(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = create_study(storage=url, checkpoint_dir=tmp_path / "kept")
    trial = study.ask()
    assert (trial.checkpoint, trial.step) == (None, -1)
    x = trial.suggest_float("x", 0, 1)
    with trial.save_checkpoint(2) as folder:
        (folder / "model").write_text("half")
    trial.report(0.5, 2)
    trial.report(0.4, 3)
    study.session.writer.flush()
    study.session.storage.finish(study.session.study.study_id, 0, TrialState.FAIL, None, lost_data())
    study = pickle.loads(pickle.dumps(study))
    again = study.ask()
    assert (again.number, again.first_step, again.step) == (1, 4, 2)
    assert again.suggest_float("x", 0, 1) == x
    assert again.checkpoint is not None
    assert (again.checkpoint / "model").read_text() == "half"
    with again.save_checkpoint(5) as folder:
        (folder / "model").write_text("whole")
    study.tell(again, 0.3)
    for value in (0.2, 0.9):
        later = study.ask()
        with later.save_checkpoint(0) as folder:
            (folder / "model").touch()
        study.tell(later, value)
    left = [path.parent.relative_to(tmp_path / "kept").parts[1:] for path in tmp_path.rglob(".checkpoint")]
    assert left == [("2", "0", "step-0")]
    assert create_study().ask().checkpoint is None


@pytest.mark.parametrize(
    ("first", "killed", "expected"),
    [
        ([0, 1, 2, 3], "after the save", 1),  # the report of step 3 is missing: steps 2 and 3 run again
        ([0, 1, 2, 3], "after the report", 3),
        ([0, 1], "after the save", -1),  # it was the first checkpoint
        ([2, 5, 8, 11], "after the save", 5),  # it reports after every third step
        ([0, 1, 2, 3], "after the warned save", 3),  # it would get no further
    ],
)
def test_a_kill_between_checkpoint_and_report_leaves_no_gap(
    tmp_path: Path, first: list[int], killed: str, expected: int
) -> None:
    study = create_study(storage=f"sqlite:///{tmp_path}/study.db", checkpoint_dir=tmp_path / "kept")
    earlier = study.ask()  # where trials begin to report
    earlier.report(1.0, first[0])
    study.tell(earlier, 1.0)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    for step in first:
        if step in (first[1], first[-1]):
            with trial.save_checkpoint(step) as folder:
                (folder / "model").write_text(str(step))
        if step != first[-1] or killed == "after the report":
            trial.report(0.5, step)
    if killed == "after the warned save":
        study.session.writer.describe(trial.number, checkpoint_data(trial.number, 0, first[-1], "end"))
    study.session.writer.flush()
    study.session.storage.finish(study.session.study.study_id, trial.number, TrialState.FAIL, None, lost_data())
    again = pickle.loads(pickle.dumps(study)).ask()
    assert (again.step, None if again.checkpoint is None else (again.checkpoint / "model").read_text()) == (
        expected,
        None if expected < 0 else str(expected),
    )
    for step in (step for step in first if step > expected):
        with again.save_checkpoint(step) as folder:
            (folder / "model").write_text(str(step))
        again.report(0.5, step)
    study.tell(again, 0.1)
    assert study.trials[-1].intermediate_values.keys() >= set(first) - ({first[-1]} if expected == first[-1] else set())
    assert [path.parent.name for path in tmp_path.rglob(".checkpoint")] == [f"step-{first[-1]}"]


def test_the_checkpoint_before_stays_until_the_step_of_the_newest_is_reported(tmp_path: Path) -> None:
    reported: list[int] = []
    saver = Saver(CheckpointFolder(tmp_path), SaveRules(every=1), awaited=lambda: len(reported))
    for step in range(3):
        with saver.save(step):
            pass
        assert steps(CheckpointFolder(tmp_path)) == [step - 1, step][-step - 1 :]
        reported.append(step)
        saver.reported(step)
        assert steps(CheckpointFolder(tmp_path)) == [step]


def lost_data() -> TrialData:
    """Return what is stored of a trial whose process has died."""
    return TrialData(system_attrs={LOST: True})


def test_the_end_of_an_allocation() -> None:
    assert end_of_allocation({}) is None
    assert end_of_allocation({"SLURM_JOB_END_TIME": "1700000000"}) == 1.7e9
    assert end_of_allocation({"SLURM_JOB_END_TIME": "soon"}) is None
