"""Curves followed to their end: the arithmetic beside a plain one, and what the rule makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sweeper_core import pruners
from sweeper_core.directions import StudyDirection
from sweeper_core.maths import extrapolation
from sweeper_core.samplers._gp.observations import extrapolated
from sweeper_core.trial.attrs import VERDICT
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.history import TrialTable
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

TIMES = np.arange(1, 51) / 50.0


def power_laws(rng: np.random.Generator, count: int, noise: float = 0.01) -> np.ndarray:
    """Return ``(count, 50)`` curves that fall to ends around 0.3."""
    ends, drops, rates = rng.normal(0.3, 0.05, count), rng.uniform(0.3, 1.0, count), rng.uniform(0.4, 1.2, count)
    curves = ends[:, None] + drops[:, None] * ((50 * TIMES) ** -rates[:, None] - 50 ** -rates[:, None])
    return curves + rng.normal(0, noise, curves.shape)


def cut(curves: np.ndarray, until: int = 50) -> np.ndarray:
    return np.array([extrapolation.cells(TIMES[:until], curve[:until]) for curve in curves])


def test_evidence_and_posterior_agree_with_the_joint_normal_distribution() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, extrapolation.CELLS))
    y[0, 5:] = np.nan
    y[2, 1] = np.nan
    count = len(extrapolation.EXPONENTS)
    mean = rng.normal(size=(count, 2))
    roots = rng.normal(size=(count, 2, 2))
    cov = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(2)
    evidence, means, covs = extrapolation._posterior(y, mean, cov)
    for n in range(3):
        known = ~np.isnan(y[n])
        for c in range(count):
            basis = np.stack([np.ones(known.sum()), extrapolation.SHAPES[c, known]], axis=1)
            for s, noise in enumerate(extrapolation.NOISES):
                marginal = basis @ cov[c] @ basis.T + noise**2 * np.eye(known.sum())
                gain = cov[c] @ basis.T @ np.linalg.inv(marginal)
                off = y[n, known] - basis @ mean[c]
                expected = stats.multivariate_normal(basis @ mean[c], marginal).logpdf(y[n, known])
                assert evidence[n, c, s] == pytest.approx(expected, rel=1e-6, abs=1e-6)
                assert means[n, c, s] == pytest.approx(mean[c] + gain @ off, rel=1e-6, abs=1e-6)
                assert covs[n, c, s] == pytest.approx(cov[c] - gain @ basis @ cov[c], rel=1e-5, abs=1e-6)


def test_chances_are_those_of_the_mixture() -> None:
    mixture = extrapolation.Forecast(np.array([0.25, 0.75]), np.array([0.0, 4.0]), np.array([1.0, 2.0]))
    rng = np.random.default_rng(0)
    second = rng.random(200_000) < 0.75
    drawn = np.where(second, rng.normal(4.0, 2.0, 200_000), rng.normal(0.0, 1.0, 200_000))
    assert mixture.mean == pytest.approx(drawn.mean(), abs=0.02)
    assert mixture.deviation == pytest.approx(drawn.std(), rel=0.01)
    assert mixture.chance_below(1.5) == pytest.approx((drawn < 1.5).mean(), abs=0.005)


def test_forecasts_are_close_and_honest() -> None:
    rng = np.random.default_rng(1)
    prior = extrapolation.learn(cut(power_laws(rng, 30)))
    fresh = power_laws(rng, 200)
    ranks = []
    errors: dict[int, list[float]] = {5: [], 25: []}
    for until in errors:
        for curve, known in zip(fresh, cut(fresh, until), strict=True):
            forecast = extrapolation.forecast(prior, known)
            errors[until].append(forecast.mean - curve[-1])
            ranks.append(forecast.chance_below(float(curve[-1])))
    assert np.std(errors[25]) < 0.02 < np.std(fresh[:, -1])
    assert np.std(errors[25]) < np.std(errors[5]) < np.std(fresh[:, -1])
    covered = np.mean((np.array(ranks) > 0.05) & (np.array(ranks) < 0.95))
    assert covered >= 0.9


def test_a_curve_without_reports_is_forecast_by_the_others() -> None:
    finished = power_laws(np.random.default_rng(2), 40)
    forecast = extrapolation.forecast(extrapolation.learn(cut(finished)), np.full(extrapolation.CELLS, np.nan))
    assert forecast.mean == pytest.approx(finished[:, -1].mean(), abs=0.03)
    assert 0.02 < forecast.deviation < 0.2


def test_scale_and_shift_of_the_values_do_not_matter() -> None:
    curves = power_laws(np.random.default_rng(3), 12)
    plain = extrapolation.forecast(extrapolation.learn(cut(curves[:-1])), cut(curves[-1:], 10)[0])
    moved = extrapolation.forecast(
        extrapolation.learn(cut(1e4 * curves[:-1] - 7e3)), cut(1e4 * curves[-1:] - 7e3, 10)[0]
    )
    assert moved.mean == pytest.approx(1e4 * plain.mean - 7e3, rel=1e-6)
    assert moved.deviation == pytest.approx(1e4 * plain.deviation, rel=1e-6)


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-1000])
def test_values_as_large_or_small_as_doubles_get_are_no_different(scale: float) -> None:
    curves = power_laws(np.random.default_rng(3), 12)
    plain = extrapolation.forecast(extrapolation.learn(cut(curves[:-1])), cut(curves[-1:], 10)[0])
    scaled = extrapolation.forecast(extrapolation.learn(cut(scale * curves[:-1])), cut(scale * curves[-1:], 10)[0])
    assert scaled.mean / scale == pytest.approx(plain.mean, rel=1e-6)
    assert scaled.deviation / scale == pytest.approx(plain.deviation, rel=1e-6)


def study(curves: np.ndarray, sign: float = 1.0) -> LearningCurves:
    peers = LearningCurves(sign)
    peers.fold([_record(number, sign * curve, TrialState.COMPLETE) for number, curve in enumerate(curves)])
    return peers


def _record(number: int, values: np.ndarray, state: TrialState) -> TrialRecord:
    final = (float(values[-1]),) if state is TrialState.COMPLETE else None
    return TrialRecord(number, number, state, values=final, reports=tuple(enumerate(values.tolist())))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_hopeless_trials_are_stopped_early_and_the_best_never(sign: float) -> None:
    rng = np.random.default_rng(4)
    finished = power_laws(rng, 20)
    rule = pruners.ExtrapolationPruner()
    stopped_at = {}
    for name, shift in (("hopeless", 0.4), ("best", -0.2)):
        peers = study(finished, sign)
        curve = sign * (power_laws(rng, 1)[0] + shift)
        stopped_at[name] = None
        for until in range(1, 51):
            peers.fold([_record(20, curve[:until], TrialState.RUNNING)])
            verdict = rule.judge(20, peers.curve(20), peers)
            if verdict.stop:
                assert "chance" in verdict.reason
                stopped_at[name] = until
                break
    assert stopped_at["best"] is None
    assert stopped_at["hopeless"] is not None
    assert stopped_at["hopeless"] <= 25


def test_nobody_is_stopped_before_enough_trials_are_complete() -> None:
    peers = study(power_laws(np.random.default_rng(5), 4))
    peers.fold([_record(4, np.full(40, 1e6), TrialState.RUNNING)])
    assert not pruners.ExtrapolationPruner().judge(4, peers.curve(4), peers).stop
    assert pruners.ExtrapolationPruner(n_startup_trials=4).judge(4, peers.curve(4), peers).stop


def test_trials_without_curves_teach_nothing_and_stop_nobody() -> None:
    peers = LearningCurves(1.0)
    peers.fold([TrialRecord(number, number, TrialState.COMPLETE, values=(0.0,)) for number in range(9)])
    peers.fold([_record(9, np.ones(30), TrialState.RUNNING)])
    rule = pruners.ExtrapolationPruner()
    assert not rule.judge(9, peers.curve(9), peers).stop
    assert rule.forecast(peers.curve(9), peers) is None


@pytest.mark.parametrize("direction", [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE])
def test_what_was_expected_of_a_stopped_trial_is_evidence_for_samplers(direction: StudyDirection) -> None:
    peers = study(power_laws(np.random.default_rng(6), 10), direction.sign)
    curve = direction.sign * (power_laws(np.random.default_rng(7), 1)[0, :20] + 0.5)
    peers.fold([_record(10, curve, TrialState.RUNNING)])
    verdict = pruners.ExtrapolationPruner().judge(10, peers.curve(10), peers)
    assert verdict.stop
    assert verdict.forecast is not None
    expected, deviation = verdict.forecast
    assert expected == pytest.approx(0.8 * direction.sign, abs=0.15)
    table = TrialTable([direction])
    table.fold([_record(number, np.array([0.3, 0.2]), TrialState.COMPLETE) for number in range(3)])
    stopped = _record(3, curve, TrialState.PRUNED)
    attrs = {VERDICT: {"step": 19, "reason": verdict.reason, "forecast": [expected, deviation]}}
    table.fold([replace(stopped, system_attrs=attrs), _record(4, np.array([0.5]), TrialState.PRUNED)])
    history = table.history()
    assert history.forecast[3] == pytest.approx((expected * direction.sign, deviation))
    assert np.isnan(history.forecast[[0, 1, 2, 4]]).all()
    values, doubt = extrapolated(history, history.completed, np.array([3, 4]))
    worst = max(history.values[history.completed, 0].max(), np.median(history.last_value[3:]))
    assert values[0] == pytest.approx(min(expected * direction.sign, worst))
    assert doubt[0] > 0.1


def plateaus(rng: np.random.Generator, count: int, break_away: float = 0.3) -> np.ndarray:
    """Return ``(count, 20)`` curves that stay near 0.7, a share of which falls to better ends after some steps."""
    steps = np.arange(20)
    start = rng.integers(6, 16, count)
    drop = np.where(rng.random(count) < break_away, rng.uniform(0.1, 0.4, count), 0.0)
    fall = np.clip((steps[None, :] - start[:, None]) / 4.0, 0.0, 1.0)
    return 0.7 - drop[:, None] * fall + rng.normal(0, 0.002, (count, 20))


def run(rule: pruners.ExtrapolationPruner, curves: np.ndarray) -> list[int]:
    """Run trials one after the other; return the numbers of those that were not stopped."""
    seen, completed = LearningCurves(1.0), []
    for number, curve in enumerate(curves):
        state = TrialState.COMPLETE
        for until in range(1, len(curve)):
            seen.fold([_record(number, curve[:until], TrialState.RUNNING)])
            if rule.judge(number, seen.curve(number), seen).stop:
                state, curve = TrialState.PRUNED, curve[:until]
                break
        seen.fold([_record(number, curve, state)])
        completed += [number] if state is TrialState.COMPLETE else []
    return completed


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_curves_that_break_away_from_a_plateau_are_let_through(seed: int) -> None:
    curves = plateaus(np.random.default_rng(seed), 40)
    completed = run(pruners.ExtrapolationPruner(interval_steps=3, n_min_reports=3), curves)
    assert int(np.argmin(curves[:, -1])) in completed
    assert len(completed) > 10


def test_hopeless_trials_are_stopped_among_survivors() -> None:
    rng = np.random.default_rng(3)
    curves = power_laws(rng, 40)
    curves[5::2] += 0.6
    completed = run(pruners.ExtrapolationPruner(interval_steps=8), curves)
    assert int(np.argmin(curves[:, -1])) in completed
    hopeless = set(range(5, 40, 2))
    explored = {number for number in range(40) if (number * (5**0.5 - 1) / 2) % 1.0 >= 0.9}
    assert len(hopeless & set(completed)) <= len(hopeless & explored) + 1


def test_a_share_of_trials_is_never_stopped_however_bad() -> None:
    seen = study(power_laws(np.random.default_rng(8), 20))
    rule, stopped = pruners.ExtrapolationPruner(), []
    for number in range(20, 120):
        seen.fold([_record(number, np.full(40, 1e3), TrialState.RUNNING)])
        stopped.append(rule.judge(number, seen.curve(number), seen).stop)
    assert 8 <= stopped.count(False) <= 12
    seen.fold([_record(21, np.full(40, 1e3), TrialState.RUNNING)])  # 21 is one of them, in every process
    assert not pruners.ExtrapolationPruner().judge(21, seen.curve(21), seen).stop
    assert pruners.ExtrapolationPruner(exploration=0.0).judge(21, seen.curve(21), seen).stop


def test_the_prior_is_not_misled_by_survivors() -> None:
    rng = np.random.default_rng(9)
    curves = power_laws(rng, 60)
    good = curves[:, 10] < np.quantile(curves[:, 10], 0.3)  # the others were stopped after ten steps
    partial = curves[~good].copy()
    nothing = np.full(extrapolation.CELLS, np.nan)
    survivors = extrapolation.forecast(extrapolation.learn(cut(curves[good])), nothing).mean
    everybody = extrapolation.forecast(extrapolation.learn(cut(curves[good]), cut(partial, 10)), nothing).mean
    truth = float(curves[:, -1].mean())
    assert abs(everybody - truth) < 0.5 * abs(survivors - truth)


def test_stated_chances_are_what_happens() -> None:
    rng = np.random.default_rng(10)
    past, fresh = plateaus(rng, 60), plateaus(rng, 300)
    times = np.arange(1, 21) / 20.0
    known = np.array([extrapolation.cells(times, curve) for curve in past])
    prior = extrapolation.learn(known)
    errors = extrapolation.errors_of(prior, known, past[:, -1], np.empty((0, extrapolation.CELLS)))
    goal = float(np.quantile(past[:, -1], 0.1))
    plain, corrected = [], []
    for curve in fresh:
        early = extrapolation.cells(times[:6], curve[:6])
        plain.append(extrapolation.forecast(prior, early).chance_below(goal))
        corrected.append(extrapolation.forecast(prior, early, errors).chance_below(goal))
    happened = float((fresh[:, -1] < goal).mean())
    assert np.mean(plain) < 0.2 * happened  # a power law takes every plateau for an end
    assert 0.5 * happened < np.mean(corrected) < 2.0 * happened


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_the_share_of_exploration_is_checked(share: float) -> None:
    with pytest.raises(ValueError, match="exploration"):
        pruners.ExtrapolationPruner(exploration=share)
