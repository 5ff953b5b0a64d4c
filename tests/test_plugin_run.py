"""A sweep from the command line's arguments to the study: what starts, what is told, what stops it."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from plugin_support import sweep

from sweeper_core import current_trial
from sweeper_core import logging as core_logging
from sweeper_core.exceptions import TrialPruned
from sweeper_core.storages import Point, get_storage, this_process
from sweeper_core.trial.attempts import configurations
from sweeper_core.trial.attrs import FAILURE, RAISED, RETRY_HISTORY
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null")

TWO = "hydra.sweeper.direction=[minimize,maximize]"

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED


def records(directory: Path) -> list[TrialRecord]:
    """Return the trials that a sweep has left in its own storage."""
    storage = get_storage(f"sqlite:///{directory / 'study.db'}")
    (study,) = storage.list_studies()
    found, _ = storage.changes(study.study_id)
    storage.close()
    return sorted(found, key=lambda record: record.number)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def test_every_trial_runs_as_the_job_of_its_number(there: Path) -> None:
    seen: list[tuple[int, float, str]] = []

    def task(cfg: Any) -> float:
        job = HydraConfig.get()
        seen.append((job.job.num, cfg.x, job.runtime.output_dir))
        return float(cfg.x**2)

    result = sweep(task, there, ["x=interval(-1,1)", "hydra.sweeper.n_trials=6"])
    assert [number for number, _, _ in seen] == list(range(6))
    assert [Path(folder) for _, _, folder in seen] == [there / str(number) for number in range(6)]
    assert [record.params["x"] for record in records(there)] == [x for _, x, _ in seen]
    best = min(seen, key=lambda row: row[1] ** 2)
    assert (result.best_trial, result.best_params, result.best_value) == (best[0], {"x": best[1]}, best[1] ** 2)
    assert (result.study_name, result.finished) == ("hpo", {"complete": 6})


def test_fixed_overrides_go_to_every_job(there: Path) -> None:
    seen: list[Any] = []
    overrides = ["y=5", "+new=a", "++other={b:[1,2]}", "~gone", "x=choice(1,2)", "hydra.sweeper.n_trials=2"]
    sweep(lambda cfg: seen.append(dict(cfg)) or 0.0, there, overrides, "x: 0\ny: 0\ngone: 1\n")
    for cfg in seen:
        assert cfg.pop("x") in (1, 2)
        assert cfg == {"y": 5, "new": "a", "other": {"b": [1, 2]}}
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("returned", "settings", "values"),
    [
        (2, [], (2.0,)),
        ("0.5", [], (0.5,)),
        (math.inf, [], (math.inf,)),
        ([3.0], [], (3.0,)),
        ({"loss": 1.5}, [], (1.5,)),
        ({"loss": 1.5, "acc": 0.5}, ["hydra.sweeper.metric=acc"], (0.5,)),
        ((1, -math.inf), [TWO], (1.0, -math.inf)),
        (
            {"a": 1, "b": 2, "c": 3},
            [TWO, "hydra.sweeper.metric=[c,a]"],
            (3, 1),
        ),
    ],
    ids=repr,
)
def test_what_a_job_may_return(there: Path, returned: Any, settings: list[str], values: tuple[float, ...]) -> None:
    sweep(lambda cfg: returned, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=1", *settings])
    (record,) = records(there)
    assert (record.state, record.values) == (COMPLETE, values)


@pytest.mark.parametrize(
    ("returned", "settings", "said"),
    [
        (None, [], "expected a number, but the job returned None"),
        (math.nan, [], "expected a number, but the job returned NaN"),
        ("loss", [], "expected a number, but the job returned 'loss'"),
        ([1, 2], [], "expected a number, but the job returned [1, 2]"),
        (object, [], "expected a number, but the job returned type:"),
        (
            1.0,
            [TWO],
            "expected a sequence of 2 numbers, but the job returned 1.0",
        ),
        ([1, None], [TWO], "returned [1, None]"),
        ({"a": 1, "b": 2}, [], "returned a mapping (a, b); name the entry that is the objective: hydra.sweeper.metric"),
        ({"a": 1, "b": 2}, ["hydra.sweeper.metric=c"], "hydra.sweeper.metric names 'c', but the job returned a, b"),
    ],
    ids=repr,
)
def test_what_a_job_may_not_return_fails_its_trial(there: Path, returned: Any, settings: list[str], said: str) -> None:
    overrides = ["x=choice(7)", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1", *settings]
    sweep(lambda cfg: returned, there, overrides)
    (record,) = records(there)
    assert record.state is FAIL
    assert said in record.system_attrs[FAILURE]
    assert "trial 0 (x=7)" in record.system_attrs[FAILURE]


def test_a_job_that_raises_fails_its_trial_and_not_the_sweep(there: Path) -> None:
    def task(cfg: Any) -> float:
        if cfg.x == 2:
            raise RuntimeError("no memory left")
        return float(cfg.x)

    overrides = ["x=1,2,3", *GRID, "hydra.sweeper.max_failure_rate=0.5"]
    sweep(task, there, overrides)
    first, failed, last = records(there)
    assert (first.values, last.values) == ((1.0,), (3.0,))
    assert failed.state is FAIL
    assert failed.system_attrs[FAILURE] == "RuntimeError: no memory left"
    assert 'raise RuntimeError("no memory left")' in failed.system_attrs["hpo:traceback"]
    assert "no memory left" in (there / "1" / "error.txt").read_text()


@pytest.mark.parametrize("lanes", ["inline", "process", "thread"])
def test_a_job_that_leaves_python_fails_its_trial_as_others_do(there: Path, lanes: str) -> None:
    overrides = ["x=1,2", *GRID, "hydra.sweeper.max_failure_rate=1", f"hydra.sweeper.lanes={lanes}"]
    sweep(lambda cfg: sys.exit(f"no {cfg.x}"), there, overrides)
    for record in records(there):
        x = record.params["x"]
        assert record.system_attrs[FAILURE] == f"SystemExit: no {x}"
        assert record.system_attrs["hpo:job_dir"] == str(there / str(record.number))
        trace = (there / str(record.number) / "error.txt").read_text()
        assert trace.startswith("Traceback (most recent call last)")
        assert trace.rstrip().endswith(f"SystemExit: no {x}")


def test_a_long_failure_is_shown_in_short_and_kept_in_full(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "begin\n" + "\U0001f4a3 middle\n" * 20_000 + "end"

    def task(cfg: Any) -> float:
        raise RuntimeError(text)

    with pytest.raises(CompactHydraException) as caught:
        sweep(task, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=1"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Trial 0 failed" in line]
    for shown in (line, str(caught.value)):
        assert "RuntimeError: begin" in shown
        assert shown.endswith("end")
        assert len(shown) < 600
    assert text in (there / "0" / "error.txt").read_text(encoding="utf-8")
    (record,) = records(there)
    assert record.system_attrs[FAILURE].startswith("RuntimeError: begin")
    assert record.system_attrs["hpo:traceback"].rstrip().endswith("end")
    assert max(len(json.dumps(value)) for value in record.system_attrs.values()) < 2**16


def test_a_result_that_comes_late_is_shown_as_the_trial_that_has_it(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hydra_plugins.hydra_hpo_sweeper._sweep._preparation import _opening

    lease = replace(this_process(), host="elsewhere", boot="another", grace=0.0, interval=3600.0)
    monkeypatch.setattr(_opening, "this_process", lambda elsewhere=False: lease)

    def task(cfg: Any) -> float:
        if HydraConfig.get().job.num == 0:
            storage = get_storage(f"sqlite:///{there / 'study.db'}")
            assert storage.fail_stale(storage.list_studies()[0].study_id, max_retries=1) == [0]
            storage.close()
        return 0.5

    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=1", "hydra.sweeper.progress=lines"]
    sweep(task, there, overrides)
    lost, retry = records(there)
    assert (lost.state, retry.state, retry.values) == (FAIL, COMPLETE, (0.5,))
    output = capsys.readouterr().out
    assert "its result counts by attempt 1" in output
    assert "Trial 1 complete 0.5 (best 0.5, trial 1)" in output
    assert "Trial 0 complete" not in output


def test_a_pruned_job_keeps_its_state(there: Path) -> None:
    def task(cfg: Any) -> float:
        raise TrialPruned

    overrides = ["x=1,2", *GRID, "hydra.sweeper.max_failure_rate=0"]
    sweep(task, there, overrides)
    assert [record.state for record in records(there)] == [PRUNED, PRUNED]


def test_failures_are_judged_from_the_fifth_finished_trial_on(there: Path) -> None:
    def task(cfg: Any) -> float:
        raise ValueError("odd" if cfg.x % 2 else "even")

    overrides = ["x=range(0,30)", *GRID, "hydra.sweeper.n_trials=20"]
    with pytest.raises(CompactHydraException) as caught:
        sweep(task, there, overrides)
    assert len(records(there)) == 5
    assert "5 of 5 trials failed, more than hydra.sweeper.max_failure_rate=0.5 allows" in str(caught.value)
    assert "Most frequent failure (3 of 5): ValueError: even" in str(caught.value)


def test_failures_are_judged_at_the_end_too(there: Path) -> None:
    def task(cfg: Any) -> float:
        raise ValueError("no")

    with pytest.raises(CompactHydraException, match="2 of 2 trials failed"):
        sweep(task, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=2"])
    assert len(records(there)) == 2


def test_a_failed_job_is_tried_again_when_that_is_asked_for(there: Path) -> None:
    seen: list[float] = []

    def task(cfg: Any) -> float:
        seen.append(cfg.x)
        if len(seen) == 1:
            raise OSError("the network was away")
        return 1.0

    sweep(task, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweeper.max_retries_failed=1"])
    assert seen[0] == seen[1]
    assert records(there)[1].system_attrs[RETRY_HISTORY] == [0]
    assert [record.state for record in configurations(records(there))] == [TrialState.COMPLETE] * 2


def test_a_job_that_fails_each_time_is_given_up(there: Path) -> None:
    def task(cfg: Any) -> float:
        if cfg.x == 1:
            current_trial().report(1.0, current_trial().first_step)  # progress does not count here
            raise OSError("the network was away")
        return 1.0

    limits = ["hydra.sweeper.max_retries_failed=2", "hydra.sweeper.max_retries=0"]
    sweep(task, there, ["x=1,2,3", *GRID, *limits])
    failed = [record for record in records(there) if record.params["x"] == 1]
    assert [RAISED in record.system_attrs for record in failed] == [True, True, False]
    assert [record.state.name for record in configurations(records(there))].count("COMPLETE") == 2


def test_a_finite_grid_ends_by_itself(there: Path) -> None:
    overrides = ["x=1,2", "y=a,b,c", *GRID, "hydra.sweeper.n_trials=50"]
    sweep(lambda cfg: 0.0, there, overrides)
    assert len({tuple(record.params.values()) for record in records(there)}) == len(records(there)) == 6


def test_points_of_the_user_come_first_and_once(there: Path) -> None:
    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.enqueue=[{x:0.25},{x:0.75}]"]
    sweep(lambda cfg: cfg.x, there, overrides)
    sweep(lambda cfg: cfg.x, there, overrides)
    xs = [record.params["x"] for record in records(there)]
    assert xs[:2] == [0.25, 0.75]
    assert len(set(xs)) == 6


def test_n_trials_counts_this_run_and_max_trials_the_study(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.max_trials=5"]
    counts = []
    for _ in range(3):
        sweep(lambda cfg: 0.0, there, overrides)
        counts.append(len(records(there)))
    assert counts == [3, 5, 5]
    assert capsys.readouterr().out.count("The study has its 5 trials (hydra.sweeper.max_trials).") == 2


def test_no_trial_starts_after_the_timeout(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hydra_plugins.hydra_hpo_sweeper._sweep._stopping import _stop

    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr(_stop.time, "monotonic", lambda: float(next(clock)))
    sweep(lambda cfg: 0.0, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=null", "hydra.sweeper.timeout=300"])
    assert 1 <= len(records(there)) <= 30
    assert capsys.readouterr().out.count("hydra.sweeper.timeout is over: no further trial starts.") == 1


def test_the_same_command_goes_on_where_it_stopped(there: Path) -> None:
    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=4"]
    sweep(lambda cfg: cfg.x, there, overrides)
    before = records(there)
    sweep(lambda cfg: cfg.x, there, overrides)
    after = records(there)
    assert after[:4] == before
    assert [record.number for record in after] == list(range(8))
    assert len({record.params["x"] for record in after}) == 8
    assert (there / "7" / ".hydra" / "config.yaml").exists()


def test_one_lane_suggests_the_same_whether_resumed_or_not(tmp_path: Path) -> None:
    overrides = ["x=interval(0,1)", "y=choice(a,b,c)"]
    for name, runs in (("once", [6]), ("twice", [2, 4])):
        for count in runs:
            sweep(lambda cfg: cfg.x, tmp_path / name, [*overrides, f"hydra.sweeper.n_trials={count}"])
    once, twice = (
        [(record.params, record.values) for record in records(tmp_path / name)] for name in ("once", "twice")
    )
    assert once == twice


def test_another_direction_for_a_study_that_exists_is_refused(there: Path) -> None:
    sweep(lambda cfg: 0.0, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=1"])
    with pytest.raises(CompactHydraException, match=r"hydra\.sweeper\.direction: study 'hpo' exists with minimize"):
        sweep(lambda cfg: 0.0, there, ["x=interval(0,1)", "hydra.sweeper.direction=maximize"])


def test_a_storage_and_a_name_of_the_users_own(there: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=2", f"hydra.sweeper.storage={url}"]
    result = sweep(lambda cfg: 0.0, there, [*overrides, "hydra.sweeper.study_name=mine"])
    sweep(lambda cfg: 0.0, tmp_path / "other", [*overrides, "hydra.sweeper.study_name=mine"])
    storage = get_storage(url)
    (study,) = storage.list_studies()
    assert result.study_name == study.name == "mine"
    assert [record.number for record in storage.changes(study.study_id)[0]] == [0, 1, 2, 3]
    assert not (there / "study.db").exists()


def test_the_end_says_how_to_continue(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: 0.0, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=1"])
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "To continue: " in text]
    assert line.endswith(f" hydra.sweep.dir={there}")


@pytest.mark.parametrize("place", ["command line", "configuration"])
def test_no_password_is_left_on_disk(there: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra_plugins.hydra_hpo_sweeper._sweep._preparation import _opening

    asked: list[str] = []

    def storage(url: str, **more: Any) -> Any:
        asked.append(url)
        return get_storage(f"sqlite:///{tmp_path / 'stands-in.db'}")

    monkeypatch.setattr(_opening, "get_storage", storage)
    url = "postgresql://me:p@ss!w0rd@host:5432/db"
    config = "x: 0\n" if place == "command line" else f"x: 0\nhydra:\n  sweeper:\n    storage: {url}\n"
    overrides = [f"hydra.sweeper.storage='{url}'"] if place == "command line" else []
    sweep(lambda cfg: 0.0, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=2", *overrides], config)
    assert asked == [url]
    saved = [path.read_text() for path in there.rglob("*.yaml")]
    assert len(saved) >= 7
    assert not [text for text in saved if "w0rd" in text]
    assert sum("postgresql://me:***@host:5432/db" in text for text in saved) == 3


def test_a_custom_search_space_adds_to_the_declared_one(there: Path) -> None:
    seen: list[tuple[int, float]] = []
    overrides = [
        "x=choice(2,4)",
        "hydra.sweeper.n_trials=5",
        "hydra.sweeper.custom_search_space=test_plugin_run.below_x",
    ]
    sweep(lambda cfg: seen.append((cfg.x, cfg.w)) or 0.0, there, overrides, "x: 0\n")
    assert all(0 <= w <= x for x, w in seen)
    assert [record.params for record in records(there)] == [{"x": x, "+w": w} for x, w in seen]


def below_x(cfg: Any, trial: Any) -> None:
    """Suggest a number below the declared one."""
    assert cfg.x == 0
    trial.suggest_float("+w", 0, trial.params["x"])


def test_constraints_on_what_a_job_returns(there: Path) -> None:
    overrides = [
        "x=1,2,3",
        *GRID,
        "hydra.sweeper.metric=loss",
        "hydra.sweeper.constraints={latency: '<= 2'}",
        "hydra.sweeper.direction=maximize",
    ]
    result = sweep(lambda cfg: {"loss": cfg.x, "latency": cfg.x}, there, overrides)
    assert [record.constraints for record in records(there)] == [{"latency": -1.0}, {"latency": 0.0}, {"latency": 1.0}]
    assert result.best_params == {"x": 2}


def test_several_objectives_give_a_front(there: Path) -> None:
    overrides = ["x=0,1,2,3", *GRID, TWO]
    result = sweep(lambda cfg: (abs(cfg.x - 1), cfg.x), there, overrides)
    assert result.best_values == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert (result.best_trial, result.best_params) == (None, None)


def test_repeats_are_put_together(there: Path) -> None:
    seen: list[tuple[float, int, str]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.x, cfg.seed, HydraConfig.get().runtime.output_dir))
        return float(cfg.x + cfg.seed)

    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweeper.repeat={seed:[0,1,5]}"]
    sweep(task, there, overrides, "x: 0\nseed: 0\n")
    first, second = records(there)
    assert first.values == pytest.approx([first.params["x"] + 2])
    assert first.system_attrs["hpo:repeats"]["count"] == 3
    assert first.system_attrs["hpo:repeats"]["spread"] == pytest.approx(math.sqrt(7))
    assert [seed for _, seed, _ in seen] == [0, 1, 5, 0, 1, 5]
    folders = [there / str(number) / str(part) for number in (0, 1) for part in range(3)]
    assert [Path(folder) for _, _, folder in seen] == folders
    assert len({x for x, _, _ in seen}) == 2
    assert second.state is COMPLETE


def test_a_clearly_bad_suggestion_is_spared_its_other_repeats(there: Path) -> None:
    seen: list[float] = []

    def task(cfg: Any) -> float:
        seen.append(cfg.x)
        return float(cfg.x + 0.001 * cfg.seed)

    overrides = ["x=1,2,3,4,5,100", *GRID, "hydra.sweeper.repeat={seed:[0,1,2]}"]
    sweep(task, there, overrides, "x: 0\nseed: 0\n")
    assert [seen.count(x) for x in (1, 2, 3, 4, 5, 100)] == [3, 3, 3, 3, 3, 1]
    assert records(there)[5].values == (100.0,)


def test_trials_of_a_dead_run_are_tried_again_first(there: Path) -> None:
    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=1"]
    sweep(lambda cfg: 0.0, there, overrides)
    storage = get_storage(f"sqlite:///{there / 'study.db'}")
    (study,) = storage.list_studies()
    storage.enqueue(study.study_id, [Point({"x": 0.125})])
    lease = a_dead_process()
    claim = storage.reserve(study.study_id, lease=lease)
    assert claim is not None
    storage.describe(study.study_id, claim.number, TrialData({"x": 0.125}, {"x": distribution()}))
    storage.close()
    seen: list[float] = []
    sweep(lambda cfg: seen.append(cfg.x) or 0.0, there, overrides)
    assert seen == [0.125]
    _, lost, retry = records(there)
    assert (lost.state, retry.state) == (FAIL, COMPLETE)
    assert "has died" in lost.system_attrs[FAILURE]
    assert retry.system_attrs[RETRY_HISTORY] == [1]


def a_dead_process() -> Any:
    """Return the lease of a process that has ended."""
    import subprocess
    import sys

    code = (
        "import dataclasses, json; from sweeper_core.storages import this_process; "
        "print(json.dumps(dataclasses.asdict(this_process())))"
    )
    from plugin_support import surroundings

    from sweeper_core.storages import Lease

    answer = subprocess.run(
        [sys.executable, "-c", code], env=surroundings(), capture_output=True, text=True, check=True
    )
    return Lease(**json.loads(answer.stdout))


def distribution() -> Any:
    """Return the distribution of ``interval(0,1)``."""
    from sweeper_core.distributions import FloatDistribution

    return FloatDistribution(0.0, 1.0)


def test_one_interrupt_lets_the_running_trial_finish(there: Path) -> None:
    def task(cfg: Any) -> float:
        os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    with pytest.raises(SystemExit) as caught:
        sweep(task, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=5"])
    assert caught.value.code == 130
    assert [record.state for record in records(there)] == [COMPLETE]


@pytest.mark.usefixtures("heard_interrupts")
def test_two_interrupts_stop_the_running_trial_which_is_tried_again_later(there: Path) -> None:
    seen: list[float] = []

    def task(cfg: Any) -> float:
        seen.append(cfg.x)
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    overrides = ["x=interval(0,1)", "hydra.sweeper.n_trials=2"]
    with pytest.raises(SystemExit):
        sweep(task, there, overrides)
    assert [record.state for record in records(there)] == [FAIL]
    assert records(there)[0].system_attrs["hpo:lost"]
    sweep(task, there, overrides)
    assert [record.state for record in records(there)] == [FAIL, COMPLETE, COMPLETE]
    assert seen[0] == seen[1] != seen[2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("sampler", ["random", "tpe", "auto", "bruteforce", "grid"])
def test_a_finite_space_is_tried_once_and_then_the_sweep_ends(tmp_path: Path, sampler: str) -> None:
    points = ["x=choice(1,2,3)", "y=choice(1,2)", f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.n_trials=50"]
    seen: list[tuple[int, int]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.x, cfg.y))
        return float(cfg.x * cfg.y)

    sweep(task, tmp_path / "sweep", points)
    assert sorted(seen) == [(x, y) for x in (1, 2, 3) for y in (1, 2)]


def test_what_the_core_warns_of_goes_where_hydra_logs(tmp_path: Path) -> None:
    core_logging.get_verbosity()  # sets the logger up
    core = logging.getLogger("sweeper_core")
    before = core.propagate, list(core.handlers)
    heard: list[tuple[bool, bool]] = []

    def task(cfg: Any) -> float:
        heard.append((core.propagate, len(core.handlers) < len(before[1])))
        return float(cfg.x)

    sweep(task, tmp_path / "sweep", ["x=choice(1,2)", "hydra.sweeper.n_trials=1"])
    assert heard == [(True, True)]
    assert (core.propagate, core.handlers) == before
