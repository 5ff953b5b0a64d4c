"""``hydra.sweeper.confirm``: the best trials run again with fresh values of a key, as a study of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from plugin_support import sweep

import sweeper_core as hpo
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping import _time_limit
from sweeper_core.storages import RDBStorage
from sweeper_core.trial.record import TrialRecord

CONFIG = "x: 0\nseed: 0\nlr: 1.0\n"
CONFIRM = "hydra.sweeper.confirm={top: 3, seeds: {seed: [1, 2, 3, 4]}}"
BASE = ["x=range(1,5)", "hydra/sweeper/sampler=grid", "~hydra.sweeper.sampler.seed", CONFIRM]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def studies(directory: Path) -> dict[str, list[TrialRecord]]:
    storage = RDBStorage(f"sqlite:///{directory / 'study.db'}")
    found = {study.name: storage.changes(study.study_id)[0] for study in storage.list_studies()}
    storage.close()
    return found


def lucky(cfg: Any) -> float:
    """Truly best at x=3; the search's run is lucky at x=4."""
    luck = {4: -1.5, 2: -0.5}.get(cfg.x, 0.0) if cfg.seed == 0 else 0.1 * ((cfg.seed * 7 + cfg.x * 3) % 5)
    return float((cfg.x - 3) ** 2 + luck)


def test_the_confirmed_winner_is_named_beside_the_best_observed_trial(there: Path) -> None:
    jobs: list[tuple[Any, ...]] = []

    def task(cfg: Any) -> float:
        hydra = HydraConfig.get()
        output = Path(hydra.runtime.output_dir)
        jobs.append((cfg.x, cfg.seed, str(output.relative_to(there))))
        trial = hpo.current_trial()
        assert trial.checkpoint is None, "no run finds a checkpoint of the search"
        with trial.save_checkpoint(0):
            pass
        return lucky(cfg)

    checkpoints = f"hydra.sweeper.checkpoints={{dir: {there.parent / 'all'}, keep_best: 9}}"
    result = sweep(task, there, [*BASE, "lr=2.0", checkpoints], CONFIG)
    data = yaml.safe_load((there / "optimization_results.yaml").read_text())
    winner = data["confirmed"]
    assert (data["best_trial"], data["best_value"]) == (3, -0.5) == (result.best_trial, result.best_value)
    assert (winner["best_trial"], winner["best_params"], winner["finished"]) == (2, {"x": 3}, True)
    low, high = winner["interval_90"]
    assert low < winner["mean"] < high < 1.0
    assert winner["probability_best"] > 0.9
    assert winner["not_distinguishable"] == []
    assert result.confirmed.winner.record.params == {"x": 3}
    runs = {one["trial"]: len(one["runs"]) for one in winner["candidates"]}
    assert runs[2] == 4, "the winner has a run with every value"
    assert runs[3] < 4, "the clear loser is dropped"
    assert (there / "best_overrides.txt").read_text().split() == ["x=3", "lr=2.0"]
    assert yaml.safe_load((there / "best_config.yaml").read_text())["x"] == 3
    fresh = [job for job in jobs if job[1] != 0]
    assert len(jobs) == 4 + len(fresh) == 4 + sum(runs.values())
    assert {job[2] for job in fresh} == {f"confirm/{x - 1}/seed={seed}" for x, seed, _ in fresh}
    stored = studies(there)
    assert [len(stored["hpo"]), len(stored["hpo:confirm"])] == [4, len(fresh)], "the search's study is its own"


@pytest.mark.usefixtures("heard_interrupts")
def test_a_confirmation_that_was_stopped_goes_on_without_the_search(there: Path) -> None:
    seen: list[tuple[int, int]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.x, cfg.seed))
        if len(seen) in (6, 8):
            os.kill(os.getpid(), signal.SIGINT)
        if len(seen) == 8:  # in the middle of the job
            os.kill(os.getpid(), signal.SIGINT)
        return lucky(cfg)

    with pytest.raises(SystemExit):
        sweep(task, there, BASE, CONFIG)
    assert not yaml.safe_load((there / "optimization_results.yaml").read_text())["confirmed"]["finished"]
    with pytest.raises(SystemExit):
        sweep(task, there, [*BASE, "hydra.sweeper.n_trials=0"], CONFIG)
    sweep(task, there, [*BASE, "hydra.sweeper.n_trials=0"], CONFIG)
    stopped = seen.pop(7)
    assert seen.count(stopped) == 1, "what was stopped runs again"
    assert len(seen) == len(set(seen)), "nothing runs twice"
    assert len([job for job in seen if job[1] == 0]) == 4
    data = yaml.safe_load((there / "optimization_results.yaml").read_text())
    assert (data["confirmed"]["best_trial"], data["confirmed"]["finished"]) == (2, True)


def test_a_candidate_that_fails_is_left_out_and_said(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def task(cfg: Any) -> float:
        if cfg.x == 3 and cfg.seed == 2:
            raise ValueError("diverged")
        return lucky(cfg)

    result = sweep(task, there, [*BASE, "hydra.sweeper.max_failure_rate=0"], CONFIG)
    assert result.confirmed.winner.record.params == {"x": 2}
    said = capsys.readouterr().out
    assert "Trial 2 is left out: it failed with 2." in said
    assert "Confirmed winner: trial 1" in said


def test_a_candidate_that_ran_smaller_is_confirmed_as_it_ran(there: Path) -> None:
    seen: list[tuple[int, int]] = []

    def task(cfg: Any) -> float:
        if cfg.bs > 16:
            raise MemoryError
        seen.append((cfg.seed, cfg.bs))
        return lucky(cfg)

    overrides = ["x=2,3", "bs=64", "hydra.sweeper.n_trials=2", "hydra.sweeper.oom_retry={bs: /2}"]
    seeds = "hydra.sweeper.confirm={top: 2, seeds: {seed: [1, 2]}}"
    result = sweep(task, there, [*overrides, seeds], CONFIG + "bs: 8\n")
    assert {seed for seed, _ in seen} == {0, 1, 2}
    assert {bs for _, bs in seen} == {16}
    assert result.confirmed.winner.record.params == {"x": 3}
    assert "bs=16" in (there / "best_overrides.txt").read_text()


def test_fewer_trials_than_top_are_all_confirmed(
    there: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    overrides = ["x=2,3", "hydra.sweeper.n_trials=2", "hydra.sweeper.confirm={top: 9, seeds: {seed: [0, 5, 6]}}"]
    result = sweep(lucky, there, [*overrides, "hydra.sweeper.direction=maximize"], CONFIG)
    said = capsys.readouterr().out
    assert "confirm.top=9: 2 different trials are complete, and are all confirmed" in said
    assert "the search itself runs with seed=0" in caplog.text
    assert result.confirmed.winner.record.params == {"x": 2}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("{seeds: {x: [1, 2]}}", "'x' in hydra.sweeper.confirm is given on the command line, too; keep one of them."),
        ("{seeds: {sead: [1, 2]}}", "'sead' in hydra.sweeper.confirm is not in the configuration"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_before_anything_runs(there: Path, setting: str, said: str) -> None:
    overrides = ["x=range(1,5)", "hydra.sweeper.n_trials=1", f"hydra.sweeper.confirm={setting}"]
    with pytest.raises(HydraException) as caught:
        sweep(lucky, there, overrides, CONFIG)
    assert said in str(caught.value)
    assert not there.exists()


def test_the_time_of_the_process_is_that_of_search_and_confirmation(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(_time_limit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    seeds: list[int] = []

    def task(cfg: Any) -> float:
        seeds.append(cfg.seed)
        now[0] += 900.0
        return lucky(cfg)

    sweep(task, there, [*BASE, "hydra.sweeper.time_limit=1h"], CONFIG)
    assert seeds == [0, 0, 0, 0], "the hour is over with the search"
