"""What trials cost: costs are stored, counted over the whole study, and limit it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.durations import UnknownUnit, seconds_in
from sweeper_core.samplers._gp.economy import ExpectedCost
from sweeper_core.samplers._gp.models import Memo, Target, model_of
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import InMemoryStorage, get_storage
from sweeper_core.trial.attrs import CONTINUES, COST, LOST, SPENT_PREFIX, SUGGESTION
from sweeper_core.trial.cost import CostPlan, account, costs_of_configurations
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

COMPLETE, PRUNED, FAIL, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING
BEGUN = datetime(2030, 1, 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28800), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("2d", 172800), ("1.5h", 5400), ("1h 5s", 3605)],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "h", "5", "-1h", "1h1h", "30m1h", "1h3", "h1", "1e3"])
def test_other_texts_are_no_durations_with_units(text: str) -> None:
    assert seconds_in(text) is None


def test_a_unit_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownUnit, match=r"^y$"):
        seconds_in("1y2h")


# --- the account ------------------------------------------------------------------------------------------------------


def trial(number: int, state: TrialState = COMPLETE, seconds: float | None = None, **attrs: Any) -> TrialRecord:
    ended = None if seconds is None else BEGUN + timedelta(seconds=seconds)
    return TrialRecord(number, number, state, system_attrs=attrs, started=BEGUN, completed=ended)


def test_failed_and_pruned_trials_and_all_attempts_count() -> None:
    records = [
        trial(0, COMPLETE, **{COST: 5.0}),
        trial(1, FAIL, **{COST: 2.0}),
        trial(2, PRUNED, **{COST: 1.0}),
        trial(3, COMPLETE, **{COST: 4.0, CONTINUES: 2}),
        trial(4, FAIL, **{LOST: True}),
        trial(5, FAIL, **{LOST: True, f"{SPENT_PREFIX}0": 3.0, f"{SPENT_PREFIX}1": 1.0}),
    ]
    found = account(CostPlan("tokens"), records)
    assert (found.spent, found.trials, found.per_trial, found.unknown) == (16.0, 4, 4.0, 1)
    assert costs_of_configurations("tokens", records) == {0: 5.0, 1: 2.0, 2: 5.0, 5: 4.0}


def test_durations_count_where_no_cost_is_stored_but_not_of_lost_trials() -> None:
    records = [trial(0, seconds=3), trial(1, FAIL, 2), trial(2, FAIL, 1e6, **{LOST: True}), trial(3, RUNNING)]
    found = account(CostPlan("duration"), records, at=BEGUN + timedelta(seconds=1))
    assert (found.spent, found.per_trial) == (6.0, 2.5)


def test_running_trials_are_expected_to_cost_the_mean_or_what_the_model_expects() -> None:
    records = [trial(0, **{COST: 10.0}), trial(1, RUNNING), trial(2, RUNNING, **{SUGGESTION: {"cost": 25.0}})]
    found = account(CostPlan("tokens", 55.0), records)
    assert (found.committed, found.left) == (35.0, 10.0)
    assert found.fits()
    assert not account(CostPlan("tokens", 54.0), records).fits()
    # One that has cost more than expected already commits nothing further.
    over = [*records[:2], trial(2, RUNNING, **{SUGGESTION: {"cost": 25.0}, f"{SPENT_PREFIX}0": 30.0})]
    assert account(CostPlan("tokens", 60.0), over).left == 10.0


def test_a_continuation_does_not_take_over_its_cost() -> None:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", (StudyDirection.MINIMIZE,), exist_ok=True)
    layout = Layout.of({"x": FloatDistribution(0, 1)})
    paused = TrialRecord(0, 0, PRUNED, layout, (0.5,), system_attrs={COST: 2.0, f"{SPENT_PREFIX}0": 2.0})
    storage.add_finished(study.study_id, [paused])
    claim = storage.continue_trial(study.study_id, 0)
    assert claim is not None
    assert not any(name.startswith(("hpo:cost", "hpo:spent")) for name in claim.system_attrs)


# --- Python -----------------------------------------------------------------------------------------------------------


def quiet_study(**arguments: Any) -> hpo.Study:
    return hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0), **arguments)


def test_a_study_starts_no_trial_whose_expected_cost_does_not_fit() -> None:
    study = quiet_study()
    study.set_cost("tokens", max_cost=55)

    def objective(trial: hpo.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report({"loss": x, "tokens": 4}, 0)
        trial.report({"loss": x, "tokens": 10}, 1)
        return x

    study.optimize(objective, n_trials=100)
    assert [t.system_attrs[COST] for t in study.trials] == [10.0] * 5


def test_set_cost_goes_before_reports_and_counts_for_failures() -> None:
    study = quiet_study()
    study.set_cost("tokens", max_cost=10)

    def objective(trial: hpo.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        trial.set_cost(1)
        trial.set_cost(3)
        raise RuntimeError

    study.optimize(objective, n_trials=100, catch=(RuntimeError,))
    assert [t.system_attrs[COST] for t in study.trials] == [3.0] * 3
    again = hpo.load_study(study_name=study.study_name, storage=study.session.storage)
    again.optimize(objective, n_trials=100, catch=(RuntimeError,))
    assert len(again.trials) == 3


def test_asked_trials_cost_how_long_they_took() -> None:
    study = quiet_study()
    study.set_cost("duration")
    study.tell(study.ask(), 1.0)
    assert 0 <= study.trials[0].system_attrs[COST] < 60
    study.set_cost(None)
    study.tell(study.ask(), 1.0)
    assert COST not in study.trials[1].system_attrs


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("x", 0), "must be a finite number above 0 or None, not 0"),
        (("x", float("nan")), "must be a finite number above 0 or None, not nan"),
        ((None, 3), "needs a `cost`"),
        (("", None), "not an empty text"),
        ((3, None), "must be 'duration' or the name"),
        (("x", "3"), "must be a number above 0 or None"),
    ],
)
def test_wrong_costs_of_a_study(arguments: Any, error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        quiet_study().set_cost(*arguments)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "a", None])
def test_wrong_costs_of_a_trial(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="A cost must be"):
        quiet_study().ask().set_cost(value)


# --- sweeps -----------------------------------------------------------------------------------------------------------


def records(directory: Path) -> list[TrialRecord]:
    storage = get_storage(f"sqlite:///{directory}/study.db")
    (study,) = storage.list_studies()
    found = storage.changes(study.study_id)[0]
    storage.close()
    return sorted(found, key=lambda record: record.number)


SPACE = ["x=interval(0,1)", "hydra.sweeper.metric=loss", "hydra.sweeper.cost=tokens", "hydra.sweeper.n_trials=50"]


def test_a_sweep_spends_its_budget_over_all_runs_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def task(cfg: Any) -> Any:
        if cfg.x > 0.45:
            hpo.current_trial().set_cost(10)
            raise ValueError("boom")
        return {"loss": float(cfg.x), "tokens": 10}

    there = tmp_path / "sweep"
    settings = [*SPACE, "hydra.sweeper.max_failure_rate=1"]
    sweep(task, there, [*settings, "hydra.sweeper.n_trials=2", "hydra.sweeper.max_cost=75"])
    sweep(task, there, [*settings, "hydra.sweeper.max_cost=75"])
    done = records(there)
    assert [record.system_attrs[COST] for record in done] == [10.0] * 7
    assert {record.state for record in done} == {COMPLETE, FAIL}
    said = capsys.readouterr().out
    assert (
        "hydra.sweeper.max_cost: 70 of 75 tokens spent, and no further trial fits (a trial costs about 10 tokens)."
        in said
    )
    assert "Spent: 70 of 75 tokens, 10 tokens per trial; 0 more would fit." in said
    assert yaml.safe_load((there / "optimization_results.yaml").read_text())["cost"] == {
        "of": "tokens",
        "spent": 70.0,
        "per_trial": 10.0,
        "max_cost": 75.0,
    }
    assert [row["cost"] for row in csv.DictReader((there / "trials.csv").open())] == ["10.0"] * 7


def test_repeats_cost_together(tmp_path: Path) -> None:
    settings = ["hydra.sweeper.repeat={y: [1, 2, 3]}", "hydra.sweeper.repeat_early_stop=false"]
    sweep(
        lambda cfg: {"loss": float(cfg.x), "tokens": int(cfg.y)},
        tmp_path / "sweep",
        [*SPACE, *settings, "hydra.sweeper.max_cost=13"],
    )
    assert [record.system_attrs[COST] for record in records(tmp_path / "sweep")] == [6.0, 6.0]


def test_durations_are_those_of_the_jobs(tmp_path: Path) -> None:
    sweep(
        lambda cfg: float(cfg.x),
        tmp_path / "sweep",
        ["x=interval(0,1)", "hydra.sweeper.cost=duration", *SPACE[3:], "hydra.sweeper.n_trials=2"],
    )
    for record in records(tmp_path / "sweep"):
        assert record.completed is not None
        assert record.started is not None
        assert 0 < record.system_attrs[COST] <= (record.completed - record.started).total_seconds() + 0.1


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ({"loss": 1.0, "token": 3}, "the job returned loss, token, and has not reported it. Did you mean 'token'?"),
        ({"loss": 1.0, "tokens": -1}, "the entry must be a finite number from 0 on, not -1"),
        ({"loss": 1.0, "tokens": "many"}, "the entry is no number: 'many'"),
    ],
)
def test_a_cost_that_is_none_ends_the_sweep_in_one_line(tmp_path: Path, returned: Any, said: str) -> None:
    with pytest.raises((SystemExit, Exception)) as raised:
        sweep(lambda cfg: returned, tmp_path / "sweep", SPACE)
    assert raised.type.__name__ == "SystemExit" or said in str(raised.value)
    assert len(records(tmp_path / "sweep")) == 2
    failure = str(records(tmp_path / "sweep")[0].system_attrs["hpo:failure"])
    assert said in failure
    assert "Return or report the trial's cost as 'tokens', a number from 0 on" in failure


def test_a_cost_that_is_nan_fails_its_trial(tmp_path: Path) -> None:
    def task(cfg: Any) -> Any:
        return {"loss": float(cfg.x), "tokens": float("nan") if hpo.current_trial().number == 1 else 2.5}

    sweep(task, tmp_path / "sweep", [*SPACE, "hydra.sweeper.n_trials=3"])
    assert [record.state for record in records(tmp_path / "sweep")] == [COMPLETE, FAIL, COMPLETE]


def test_without_cost_nothing_is_stored(tmp_path: Path) -> None:
    sweep(
        lambda cfg: {"loss": float(cfg.x), "tokens": 1},
        tmp_path / "sweep",
        ["x=interval(0,1)", SPACE[1], "hydra.sweeper.n_trials=2"],
    )
    assert all(COST not in record.system_attrs for record in records(tmp_path / "sweep"))
    assert "cost" not in (tmp_path / "sweep" / "trials.csv").read_text().splitlines()[0].split(",")


# --- the model of costs -----------------------------------------------------------------------------------------------

SQUARE = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}


def asked(cost: Callable[[Any], float] | None, count: int, max_cost: float | None = None) -> hpo.Study:
    """Return a study of two equally good valleys, at x=0.2 and at x=0.8."""
    study = hpo.create_study(sampler=hpo.samplers.GPSampler(seed=3, n_startup_trials=8))
    if cost is not None:
        study.set_cost("tokens", max_cost=max_cost)
    for _ in range(count):
        if not study.session.may_spend():
            break
        trial = study.ask(SQUARE)
        x, y = trial.params.values()
        if cost is not None:
            trial.set_cost(cost(x))
        study.tell(trial, min((x - 0.2) ** 2, (x - 0.8) ** 2) + (y - 0.5) ** 2)
    return study


def test_equal_costs_change_no_suggestion() -> None:
    blind, equal, nearly = asked(None, 12), asked(lambda x: 7.0, 12), asked(lambda x: 1.0 + 0.9 * x, 12)
    assert [t.params for t in blind.trials] == [t.params for t in equal.trials] == [t.params for t in nearly.trials]


def test_of_equally_good_points_the_cheap_ones_are_preferred() -> None:
    blind, cost = asked(None, 18), asked(lambda x: 30.0**x, 18)
    late = [sum(t.params["x"] > 0.5 for t in study.trials[8:]) for study in (blind, cost)]
    assert late[1] < late[0]
    assert all("cost" in t.system_attrs["hpo:suggestion"] for t in cost.trials[8:])
    assert not any("cost" in t.system_attrs["hpo:suggestion"] for t in blind.trials)


def test_the_start_goes_on_with_cheaper_points_once_costs_are_known() -> None:
    blind, cost = asked(None, 8), asked(lambda x: 30.0**x, 8)
    assert [t.params for t in blind.trials[:4]] == [t.params for t in cost.trials[:4]]
    drawn = [t.params["x"] for t in cost.trials[4:]]
    assert max(drawn[:2]) < min(drawn[2:]), "a start ends with its expensive points, which a short one leaves out"


def test_a_budget_shortens_the_start_where_costs_differ() -> None:
    starts = []
    for cost in (lambda x: 30.0**x, lambda x: 7.0):
        study = hpo.create_study(sampler=hpo.samplers.AutoSampler(seed=3))
        study.set_cost("tokens", max_cost=80.0)
        for _ in range(11):
            trial = study.ask(SQUARE)
            trial.set_cost(cost(trial.params["x"]))
            study.tell(trial, trial.params["y"])
        whys = [trial.system_attrs["hpo:suggestion"]["why"] for trial in study.trials]
        starts.append(sum("space-filling start" in why for why in whys))
    assert starts == [4, 10]


def test_suggestions_fit_into_what_is_left() -> None:
    limit = 150.0
    study = asked(lambda x: 30.0**x, 60, limit)
    spent = 0.0
    for trial in study.trials:
        expected = trial.system_attrs["hpo:suggestion"].get("cost")
        assert expected is None or expected <= (limit - spent) * 1.05
        spent += trial.system_attrs[COST]
    assert 0.9 * limit < spent < 1.1 * limit


def test_the_gradient_of_the_expected_cost_is_right() -> None:
    rng = np.random.default_rng(0)
    space = SearchSpace.of(SQUARE)
    encoding, unit = Encoding(space), rng.random((12, 2))
    Z = encoding.embed(unit)
    target = Target(Z, encoding.columns, 3.0 * unit[:, 0], np.ones(12), np.zeros(12), warped=False)
    model = model_of(target, Memo())
    term = ExpectedCost(model.posterior, *model.warp.line, weight=0.7, limit=1.5)
    assert term.log_cost(Z) == pytest.approx(3.0 * unit[:, 0], abs=0.1)
    at = encoding.embed(rng.random((5, 2)))
    score, slope = term.score_with_gradient(at)
    assert score == pytest.approx(term.score(at))
    for column in range(at.shape[1]):
        step = np.zeros_like(at)
        step[:, column] = 1e-6
        assert (term.score(at + step) - term.score(at - step)) / 2e-6 == pytest.approx(slope[:, column], abs=1e-3)


def test_the_rungs_and_attempts_of_a_trial_cost_together(tmp_path: Path) -> None:
    settings = ["hydra.sweeper.fidelity={key: y, min: 1, max: 4}", "hydra.sweeper.n_trials=1", "x=interval(0,1)"]
    sweep(lambda cfg: {"loss": float(cfg.x), "tokens": int(cfg.y)}, tmp_path / "sweep", [*SPACE[1:3], *settings])
    done = records(tmp_path / "sweep")
    assert [record.system_attrs[COST] for record in done] == [1.0, 4.0]
    assert [row["cost"] for row in csv.DictReader((tmp_path / "sweep" / "trials.csv").open())] == ["5.0"]
