"""Stop rules: what they hold against a study's trials, in Python and in sweeps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping import Outlook, StopCheck, StopRule, outlook_of
from sweeper_core.testing.simulation import record_of
from sweeper_core.trial.history import TrialTable
from sweeper_core.trial.state import TrialState

SPACE = SearchSpace.of({"x": FloatDistribution(0.0, 1.0)})
MINIMIZE, MAXIMIZE = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE


def history_of(*ended: Any, directions: Any = (MINIMIZE,), constraint: dict[int, float] | None = None) -> Any:
    """Return a history; of each trial its value(s), or its state."""
    table = TrialTable(directions)
    for number, end in enumerate(ended):
        state = end if isinstance(end, TrialState) else TrialState.COMPLETE
        values = None if isinstance(end, TrialState) else end if isinstance(end, tuple) else (end,)
        violation = {"c": (constraint or {}).get(number, 0.0)}
        x = {"x": (0.37 * number) % 1.0}
        table.fold([record_of(number, SPACE, x, state, values, constraints=violation)])
    return table.history()


def reason(history: Any, **rule: Any) -> str | None:
    return StopCheck(StopRule.of(rule), history.directions).reason(history, SPACE)


def test_no_improvement_counts_the_trials_that_ended_after_the_best() -> None:
    assert reason(history_of(2.0, 1.0, 3.0, 1.0), no_improvement=3) is None
    answer = "no improvement in 3 trials (since trial 1)"
    assert reason(history_of(2.0, 1.0, 3.0, TrialState.FAIL, 1.0), no_improvement=3) == answer
    assert reason(history_of(2.0, 1.0, 3.0, TrialState.RUNNING, 1.0), no_improvement=3) is None
    assert reason(history_of(1.0, 2.0, 1.5, 3.0, directions=(MAXIMIZE,)), no_improvement=3) is None
    assert reason(history_of(1.0, 2.0, 1.5, 0.0, 2.0, directions=(MAXIMIZE,)), no_improvement=3) is not None


def test_only_feasible_values_count() -> None:
    # Trial 2 is better, and not allowed; nothing counts before the first feasible trial.
    ended = history_of(2.0, 3.0, 0.0, 4.0, constraint={2: 1.0})
    assert reason(ended, no_improvement=3) == "no improvement in 3 trials (since trial 0)"
    assert reason(ended, target=1.0) is None
    never = history_of(*[1.0] * 9, constraint=dict.fromkeys(range(9), 1.0))
    assert reason(never, no_improvement=3, target=5.0, expected_gain=0.5) is None


def test_with_several_objectives_an_improvement_is_a_new_point_of_the_front() -> None:
    both = (MINIMIZE, MINIMIZE)
    ended = ((3.0, 3.0), (1.0, 4.0), (4.0, 1.0), (5.0, 5.0), (1.0, 4.0))
    assert reason(history_of(*ended, directions=both), no_improvement=2) == "no improvement in 2 trials (since trial 2)"
    # A point that a later one dominates has been an improvement, and so is the later one.
    assert reason(history_of(*ended, (0.5, 3.5), directions=both), no_improvement=1) is None


@pytest.mark.parametrize(("direction", "ended"), [(MINIMIZE, (3.0, 2.0)), (MAXIMIZE, (1.0, 2.0))])
def test_a_target_is_reached_from_the_worse_side(direction: StudyDirection, ended: tuple[float, ...]) -> None:
    assert reason(history_of(ended[0], directions=(direction,)), target=2.0) is None
    assert reason(history_of(*ended, directions=(direction,)), target=2.0) == "trial 1 reached the target 2 with 2"


def test_a_target_that_every_trial_reaches_questions_the_direction() -> None:
    told = reason(history_of(0.7, directions=(MINIMIZE,)), target=0.95)
    assert told == (
        "trial 0 reached the target 0.95 with 0.7, as every trial so far (minimize: is that the direction meant?)"
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"targett": 1.0}, r"\.targett does not exist. Did you mean 'target'\?"),
        ({"no_improvement": 0}, r"\.no_improvement must be a whole number of trials from 1 on, or null, not 0"),
        ({"no_improvement": 2.5}, "must be a whole number"),
        ({"no_improvement": True}, "must be a whole number"),
        ({"target": float("inf")}, r"\.target must be a finite number"),
        ({"expected_gain": -0.1}, "must be a share above 0 and below 1"),
        ({"expected_gain": 1.0}, "must be a share above 0 and below 1"),
    ],
)
def test_a_wrong_rule_is_refused_before_the_first_trial(rule: dict[str, Any], message: str) -> None:
    study = hpo.create_study()
    with pytest.raises(ValueError, match=message):
        study.optimize(lambda trial: 0.0, n_trials=1, stop=rule)
    assert study.trials == []


def test_a_rule_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a mapping such as"):
        hpo.create_study().optimize(lambda trial: 0.0, n_trials=1, stop=30)  # type: ignore[arg-type]


def test_several_objectives_know_no_target_and_no_gain() -> None:
    study = hpo.create_study(directions=["minimize", "maximize"])
    for rule in ({"target": 1.0}, {"expected_gain": 0.1}):
        with pytest.raises(ValueError, match="needs a single objective, and this study has 2"):
            study.optimize(lambda trial: (0.0, 0.0), n_trials=1, stop=rule)


# --- what going on would be worth -----------------------------------------------------------------------------------


def searched(values: Any, count: int = 40) -> Any:
    """Return a study that began on the right, and then went everywhere."""
    table = TrialTable((MINIMIZE,))
    points = [1.0 - 0.03 * number if number < 10 else (0.618 * number) % 1.0 for number in range(count)]
    table.fold([record_of(k, SPACE, {"x": x}, values=[values(x, k)]) for k, x in enumerate(points)])
    return table.history()


def test_a_smooth_function_that_is_known_promises_nothing() -> None:
    known = outlook_of(searched(lambda x, k: (x - 0.3) ** 2), SPACE)
    assert known is not None
    assert known.by == "model"
    assert known.share < 0.01


def test_little_is_said_of_a_study_that_has_hardly_begun() -> None:
    assert outlook_of(searched(lambda x, k: x, 19), SPACE) is None
    assert outlook_of(searched(lambda x, k: x, 20), SPACE) is not None


def test_a_study_that_still_improves_goes_on() -> None:
    improving = outlook_of(searched(lambda x, k: -float(k)), SPACE)
    assert improving is not None
    assert improving.share > 0.3


def test_without_a_model_the_later_half_of_the_trials_decides() -> None:
    early, late = (outlook_of(searched(lambda x, k, at=at: float(k < at)), None) for at in (15, 25))
    assert early is not None
    assert early.by == "record"
    assert early.expected == 0.0
    assert late is not None
    assert late.share == 1.0


def test_trials_that_may_not_start_any_more_add_nothing() -> None:
    history = searched(lambda x, k: (x - 0.3) ** 2 + 0.1 * (k % 7))
    few, many = outlook_of(history, SPACE, left=1), outlook_of(history, SPACE, left=16)
    assert few is not None
    assert many is not None
    assert few.horizon == 1
    assert few.expected < many.expected
    assert outlook_of(history, SPACE, left=0) is None


def stops(monkeypatch: pytest.MonkeyPatch, outlook: Outlook) -> list[int]:
    """Return after how many trials a study stops that gained with its eleventh trial and never again."""
    monkeypatch.setattr("sweeper_core.stopping.check.outlook_of", lambda history, space, left=None: outlook)
    rule, whole = StopRule(expected_gain=0.01), history_of(*([2.0] * 10), *([1.0] * 90))
    seeing = StopCheck(rule, whole.directions)
    found = [n for n in range(1, 101) if seeing.reason(whole.head(n), SPACE) is not None]
    late = [n for n in range(1, 101) if StopCheck(rule, whole.directions).reason(whole.head(n), SPACE) is not None]
    assert found == late, "a check that begins late decides as one that has seen all"
    assert seeing.outlook is outlook
    return found


@pytest.mark.parametrize(
    ("share", "by", "first"),
    [
        (0.002, "model", 20),  # far below the threshold once
        (0.005, "model", 35),  # below it four times in a row
        (0.0, "record", 35),  # the record is never sure
        (0.05, "model", 80),  # promises for ever, and three quarters of the trials have gained nothing
        (0.05, "record", 80),
    ],
)
def test_a_search_stops_when_it_is_sure_or_patient(
    monkeypatch: pytest.MonkeyPatch, share: float, by: str, first: int
) -> None:
    assert stops(monkeypatch, Outlook(share, 1.0, 16, by)) == list(range(first, 101))


def test_what_was_never_gained_is_no_measure() -> None:
    check = StopCheck(StopRule(expected_gain=0.01), (MINIMIZE,))
    assert check.reason(history_of(*([1.0] * 60)), None) is None


def test_a_search_that_stood_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    promising = Outlook(0.5, 9.0, 16, "model")
    monkeypatch.setattr("sweeper_core.stopping.check.outlook_of", lambda history, space, left=None: promising)
    check = StopCheck(StopRule(expected_gain=0.01), (MINIMIZE,))
    history = history_of(*([10.0] * 10), *([2.0] * 9), *([1.045] * 11), *([1.0] * 50))
    assert check.reason(history.head(79), SPACE) is None, "three quarters of 79 trials have gained 11 %"
    told = "the latest 60 trials have added 0.5 % of what has been gained since the start, less than 1 %"
    assert check.reason(history, SPACE) == told


def test_infinite_values_of_the_start_are_no_gain() -> None:
    values = [math.inf] * 5 + [2.0, 1.9, 1.8, 1.7, 1.6] + [1.5 - 0.01 * k for k in range(20)]
    outlook = outlook_of(history_of(*values), None)
    assert outlook is not None
    assert outlook.gained == pytest.approx(0.29)


def test_a_search_that_converged_within_its_start_stops() -> None:
    study = hpo.create_study(sampler=hpo.samplers.GPSampler(seed=1, n_startup_trials=3))
    study.optimize(quadratic, n_trials=60, stop={"expected_gain": 0.01})
    assert len(study.trials) < 40


def test_the_head_of_a_history_is_the_history_before() -> None:
    table = TrialTable((MINIMIZE,))
    for number in range(6):
        table.fold([record_of(number, SPACE, {"x": number / 10}, values=[float(number)])])
    head, before = table.history().head(4), table.history(4)
    assert len(head) == len(head.origin) == len(head.layouts) == 4
    assert head.values.tolist() == before.values.tolist()
    assert head.unit(SPACE).tolist() == before.unit(SPACE).tolist()
    assert head.version != before.version


# --- studies --------------------------------------------------------------------------------------------------------


def quadratic(trial: Any) -> float:
    return float((trial.suggest_float("x", 0.0, 1.0) - 0.3) ** 2)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_study_stops_and_says_why(n_jobs: int) -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    study.optimize(quadratic, n_trials=200, n_jobs=n_jobs, stop={"no_improvement": 10, "target": -1.0})
    assert len(study.trials) < 200
    assert all(trial.state.is_finished() for trial in study.trials)
    assert study.system_attrs["hpo:end"]["reason"].startswith("no improvement in 1")
    # All trials of the study count, so that it has nothing to do; without the rule it goes on.
    before = len(study.trials)
    study.optimize(quadratic, n_trials=5, stop={"no_improvement": 10})
    assert len(study.trials) == before
    study.optimize(quadratic, n_trials=2)
    assert len(study.trials) == before + 2


def test_expected_gain_stops_a_converged_search_and_not_one_that_goes_on() -> None:
    study = hpo.create_study(sampler=hpo.samplers.QMCSampler(seed=1))
    for number in range(10):
        study.enqueue_trial({"x": 1.0 - 0.03 * number})
    study.optimize(quadratic, n_trials=64, stop={"expected_gain": 0.01})
    assert 20 <= len(study.trials) < 64
    assert "are expected to add" in study.system_attrs["hpo:end"]["reason"]


STOPPED_OTHERWISE: list[tuple[Any, dict[str, float]]] = [
    (lambda study: len(study.trials) == 1, {"target": 0.0}),
    ({"target": 1.0000001}, {"target": 1.0}),
]


@pytest.mark.parametrize(("before", "now"), STOPPED_OTHERWISE)
def test_a_study_that_another_rule_stopped_goes_on(before: Any, now: dict[str, float]) -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: 1.00000005, n_trials=3, stop=before)
    assert len(study.trials) == 1
    study.optimize(lambda trial: 1.00000005, n_trials=3, stop=now)
    assert len(study.trials) == 4


def test_a_function_may_decide() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    study.optimize(quadratic, n_trials=50, stop=lambda study: "seven" if len(study.trials) == 7 else None)
    assert len(study.trials) == 7
    assert study.system_attrs["hpo:end"]["reason"] == "seven"


# --- sweeps ---------------------------------------------------------------------------------------------------------


def task(cfg: Any) -> float:
    return float((cfg.x - 0.3) ** 2)


def test_a_sweep_stops_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPO_REPORT", "true")
    few = ["x=interval(0,1)", "hydra.sweeper.n_trials=60", "hydra.sweeper.stop.no_improvement=5"]
    result = sweep(task, tmp_path / "s", few)
    lines = capsys.readouterr().out
    assert 5 < result.finished["complete"] < 60
    assert result.stopped.startswith("no improvement in 5 trials")
    saved = yaml.safe_load((tmp_path / "s" / "optimization_results.yaml").read_text())
    assert saved["stopped"] == result.stopped
    assert f"Stopped by hydra.sweeper.stop: {result.stopped}.\n" in lines
    assert lines.rstrip().endswith("hydra.sweeper.stop=null")
    assert result.stopped in (tmp_path / "s" / "report.html").read_text()
    # The same command has nothing left to do; the one that goes on has.
    assert sweep(task, tmp_path / "s", few).finished == result.finished
    with pytest.raises(Exception, match=r"hydra.sweeper.stop.target=5 was reached before the search began: .*minimize"):
        sweep(task, tmp_path / "s", [few[0], "hydra.sweeper.stop.target=5"])
    more = sweep(task, tmp_path / "s", [few[0], "hydra.sweeper.n_trials=2", "hydra.sweeper.stop=null"])
    assert more.finished["complete"] == result.finished["complete"] + 2
    assert more.stopped is None


def test_running_trials_end_when_lanes_stop(tmp_path: Path) -> None:
    lanes = ["hydra.sweeper.n_jobs=3", "hydra.sweeper.lanes=batch"]
    result = sweep(task, tmp_path / "s", ["x=interval(0,1)", "hydra.sweeper.stop={target: 0.2}", *lanes])
    assert set(result.finished) == {"complete"}
    assert "reached the target 0.2" in result.stopped
