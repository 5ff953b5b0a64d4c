"""The same studies judged here and by Optuna: every verdict is the same."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sweeper_core import pruners
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

optuna = pytest.importorskip("optuna")


def curves(seed: int, trials: int, steps: int, *, sparse: bool = False, nan: float = 0.0) -> list[dict[int, float]]:
    """Return random learning curves; coarse values, so that there are ties."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(trials):
        end, drop, rate = rng.uniform(0, 1), rng.uniform(0, 2), rng.uniform(0.2, 1.5)
        values = end + drop * np.arange(1, steps + 1) ** -rate + rng.normal(0, 0.1, steps)
        values[rng.random(steps) < nan] = math.nan
        kept = np.flatnonzero(rng.random(steps) < 0.6) if sparse else np.arange(steps)
        drawn.append({int(step): round(float(values[step]), 1) for step in kept})
    return drawn


def replay(ours: pruners.Pruner, theirs: Any, drawn: list[dict[int, float]], direction: str, every: int = 1) -> int:
    """Run one study twice, trials interleaved; compare each verdict; return how many trials were stopped."""
    sign = -1.0 if direction == "maximize" else 1.0
    study = optuna.create_study(direction=direction, pruner=theirs, sampler=optuna.samplers.RandomSampler(seed=0))
    peers = LearningCurves(sign)
    lanes: list[tuple[Any, list[tuple[int, float]], list[tuple[int, float]]]] = []
    waiting = [[(step, sign * value) for step, value in curve.items()] for curve in drawn]
    stopped = 0
    while waiting or lanes:
        while waiting and len(lanes) < 3:
            lanes.append((study.ask(), waiting.pop(0), []))
        trial, ahead, done = lanes.pop(0)
        if not ahead:
            value = done[-1][1] if done else 0.0
            told = study.tell(trial, value, skip_if_finished=True)  # a NaN is a failure
            state = TrialState[told.state.name]
            peers.fold([TrialRecord(trial.number, trial.number, state, values=(value,), reports=tuple(done))])
            continue
        step, value = ahead.pop(0)
        done.append((step, value))
        trial.report(value, step)
        peers.fold([TrialRecord(trial.number, trial.number, TrialState.RUNNING, reports=tuple(done))])
        if len(done) % every:
            lanes.append((trial, ahead, done))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = trial.should_prune()
        verdict = ours.judge(trial.number, peers.curve(trial.number), peers)
        peers.mark_judged(trial.number)
        assert verdict.stop == expected, f"trial {trial.number}, step {step}: {verdict}"
        assert not verdict.stop or verdict.reason
        if not expected:
            lanes.append((trial, ahead, done))
            continue
        stopped += 1
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        peers.fold([TrialRecord(trial.number, trial.number, TrialState.PRUNED, reports=tuple(done))])
    return stopped


RULES: dict[str, Callable[[Any], Any]] = {
    "median": lambda m: m.MedianPruner(n_startup_trials=3),
    "median of few": lambda m: m.MedianPruner(n_startup_trials=0, n_min_trials=4),
    "median, warm-up and interval": lambda m: m.MedianPruner(2, 3, 4),
    "percentile 25": lambda m: m.PercentilePruner(25.0, n_startup_trials=2),
    "percentile 80": lambda m: m.PercentilePruner(80.0, 1, 2, 3, n_min_trials=2),
    "percentile 0": lambda m: m.PercentilePruner(0.0, 1),
    "threshold": lambda m: m.ThresholdPruner(lower=-1.2, upper=1.2, n_warmup_steps=1, interval_steps=2),
    "threshold above": lambda m: m.ThresholdPruner(upper=1.5),
    "threshold below": lambda m: m.ThresholdPruner(lower=-0.5),
    "patient median": lambda m: m.PatientPruner(m.MedianPruner(1), patience=2),
    "patient alone": lambda m: m.PatientPruner(None, patience=2, min_delta=0.1),
    "impatient": lambda m: m.PatientPruner(None, patience=0),
    "wilcoxon": lambda m: m.WilcoxonPruner(p_threshold=0.2),
    "wilcoxon, strict": lambda m: m.WilcoxonPruner(p_threshold=0.01, n_startup_steps=5),
}


@pytest.mark.parametrize("kind", ["dense", "sparse", "nan", "rarely asked"])
@pytest.mark.parametrize("rule", RULES)
def test_same_verdicts(rule: str, kind: str) -> None:
    stopped = 0
    for seed, direction in enumerate(["minimize", "maximize"]):
        # SciPy tries all signs where there are ties: 512 of nine steps in a moment, 4,096 of twelve in ten.
        steps = 9 if rule.startswith("wilcoxon") else 12
        drawn = curves(seed, 12, steps, sparse=kind == "sparse", nan=0.2 if kind == "nan" else 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = RULES[rule](optuna.pruners)
        stopped += replay(RULES[rule](pruners), theirs, drawn, direction, every=3 if kind == "rarely asked" else 1)
    assert stopped or kind != "dense", "these studies say nothing about the rule"


HALVING: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "eta 2": lambda m, more: m.SuccessiveHalvingPruner(1, 2, **more),
    "eta 3 from step 2": lambda m, more: m.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3, **more),
    "later rungs": lambda m, more: m.SuccessiveHalvingPruner(1, 2, min_early_stopping_rate=2, **more),
    "bootstrap": lambda m, more: m.SuccessiveHalvingPruner(1, 2, bootstrap_count=3, **more),
}


@pytest.mark.parametrize("kind", ["dense", "nan"])
@pytest.mark.parametrize("rule", HALVING)
def test_same_verdicts_of_successive_halving_without_a_least_number_of_peers(rule: str, kind: str) -> None:
    stopped = 0
    for seed, direction in enumerate(["minimize", "maximize"]):
        drawn = curves(seed, 20, 20, nan=0.15 if kind == "nan" else 0.0)
        ours, theirs = HALVING[rule](pruners, {"min_peers": 0}), HALVING[rule](optuna.pruners, {})
        stopped += replay(ours, theirs, drawn, direction)
    assert stopped


def test_same_verdicts_of_hyperband_when_the_brackets_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeper_core.pruners import hyperband

    theirs = optuna.pruners.HyperbandPruner(1, 27, 3)
    shares = hyperband.bracket_shares(1, 27, 3)

    def as_ours(self: Any, study: Any, trial: Any) -> int:
        return int(hyperband.brackets_of(np.array([trial.number]), shares)[0])

    monkeypatch.setattr(type(theirs), "_get_bracket_id", as_ours)
    assert replay(pruners.HyperbandPruner(1, 27, 3, min_peers=0), theirs, curves(3, 60, 26), "minimize")


def test_brackets_get_the_shares_that_optuna_gives_them() -> None:
    from sweeper_core.pruners import hyperband

    theirs = optuna.pruners.HyperbandPruner(1, 81, 3)
    theirs._try_initialization(None)
    budgets = np.array(theirs._trial_allocation_budgets)
    shares = hyperband.bracket_shares(1, 81, 3)
    assert np.diff(shares, prepend=0.0) == pytest.approx(budgets / budgets.sum())
    for count in (50, 143, 1000):
        held = np.bincount(hyperband.brackets_of(np.arange(count), shares), minlength=len(shares))
        assert np.abs(held - count * budgets / budgets.sum()).max() <= 2.0
