"""What each rule does and says, beyond what Optuna's does."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core import pruners
from sweeper_core.trial.curves import LearningCurves, Slice
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

COMPLETE, PRUNED, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING


def record(number: int, values: Sequence[float], state: TrialState = COMPLETE, first: int = 0) -> TrialRecord:
    final = (values[-1],) if state is COMPLETE else None
    return TrialRecord(number, number, state, values=final, reports=tuple(enumerate(map(float, values), first)))


def study(*curves: Sequence[float], sign: float = 1.0) -> LearningCurves:
    """Return the peers of a study of COMPLETE trials."""
    peers = LearningCurves(sign)
    peers.fold([record(number, values) for number, values in enumerate(curves)])
    return peers


def judge(
    pruner: pruners.Pruner, peers: LearningCurves, values: Sequence[float], number: int | None = None
) -> pruners.Verdict:
    """Return the verdict on a running trial after the last of its reports."""
    number = len(peers) if number is None else number
    peers.fold([record(number, values, RUNNING)])
    verdict = pruner.judge(number, peers.curve(number), peers)
    peers.mark_judged(number)
    return verdict


def test_the_reason_names_the_median_and_what_it_is_taken_from() -> None:
    peers = study([1.0, 0.5], [1.0, 0.61], [1.0, 0.9])
    verdict = judge(pruners.MedianPruner(n_startup_trials=1), peers, [1.0, 0.83])
    assert verdict == pruners.Verdict(True, "0.83 is worse than the median 0.61 of 3 trials")


def test_reasons_speak_of_values_as_they_were_reported() -> None:
    peers = study([0.9], [0.8], [0.7], sign=-1.0)
    assert "0.75 is worse than the median 0.8" in judge(pruners.MedianPruner(1), peers, [0.75]).reason
    assert "0.75 is above the upper bound 0.5" in judge(pruners.ThresholdPruner(upper=0.5), peers, [0.75]).reason


def test_a_trial_that_reports_nothing_but_nan_is_stopped_by_the_median() -> None:
    assert judge(pruners.MedianPruner(1), study([1.0]), [math.nan]).stop
    assert not judge(pruners.MedianPruner(1), study([1.0, 1.0]), [0.5, math.nan]).stop


def test_reports_of_nan_by_others_are_left_out_of_the_median() -> None:
    assert not judge(pruners.MedianPruner(1), study([math.nan], [math.nan]), [1.0]).stop
    assert judge(pruners.MedianPruner(1), study([math.nan], [0.5], [0.6]), [1.0]).stop


def test_successive_halving_stops_nobody_before_a_rung_has_a_few_peers() -> None:
    rule, peers = pruners.SuccessiveHalvingPruner(1, 4), LearningCurves(1.0)
    verdicts = [judge(rule, peers, [0.0, value]) for value in (1.0, 2.0, 3.0, 4.0)]
    assert [verdict.stop for verdict in verdicts] == [False, False, False, True]
    assert verdicts[-1].reason == "4 is rank 4, not the best of 4 trials, at the rung of step 1"


def test_successive_halving_needs_as_many_peers_as_it_is_told() -> None:
    for least in (0, 1, 5):
        rule, peers = pruners.SuccessiveHalvingPruner(1, 2, min_peers=least), LearningCurves(1.0)
        verdicts = [judge(rule, peers, [0.0, float(value)]) for value in range(8)]
        assert [verdict.stop for verdict in verdicts].index(True) == max(least, 1)


def test_bootstrap_stops_the_first_trials_of_a_rung() -> None:
    rule, peers = pruners.SuccessiveHalvingPruner(1, 2, bootstrap_count=2), LearningCurves(1.0)
    assert [judge(rule, peers, [0.0, value]).stop for value in (3.0, 2.0, 1.0)] == [True, True, False]


def test_a_rung_that_was_passed_between_two_questions_is_judged_by_the_result_at_the_rung() -> None:
    rule, peers = pruners.SuccessiveHalvingPruner(2, 2, min_peers=1), study([9.0, 9.0, 1.0, 1.0])
    assert judge(rule, peers, [9.0, 9.0, 2.0, 0.5]).stop  # not the best at step 2, though it is now
    assert not judge(rule, peers, [9.0, 9.0, 0.9, 5.0]).stop
    number = len(peers)
    assert judge(rule, peers, [9.0, 9.0, 2.0], number).stop
    assert not judge(rule, peers, [9.0, 9.0, 2.0, 5.0], number).stop  # the rung was judged, the objective went on


def test_auto_rungs_wait_for_the_first_complete_trial_and_then_know_everybodys_reports() -> None:
    rule, peers = pruners.SuccessiveHalvingPruner(reduction_factor=2, min_peers=1), LearningCurves(1.0)
    assert not judge(rule, peers, [5.0, 5.0]).stop
    peers.fold([record(0, [5.0] * 20)])
    assert not judge(rule, peers, [6.0, 6.0]).stop
    verdict = judge(rule, peers, [6.0, 6.0, 6.0], 1)  # a tenth of 20 steps is two: the lowest rung is at step 2
    assert verdict.reason == "6 is rank 2, not the best of 2 trials, at the rung of step 2"


@pytest.mark.parametrize("rule", [pruners.SuccessiveHalvingPruner(1, 2), pruners.HyperbandPruner(1, 9)])
def test_nan_at_a_rung_stops_and_is_nobodys_rival(rule: pruners.Pruner) -> None:
    peers = LearningCurves(1.0)
    stopped = [judge(rule, peers, [0.0, math.nan]).stop for _ in range(12)]
    assert any(stopped)
    fresh = LearningCurves(1.0)
    fresh.fold([record(number, [0.0, math.nan], PRUNED) for number in range(30)])
    assert not judge(rule, fresh, [0.0, 1.0]).stop


def test_smoothing_compares_means_up_to_the_rung() -> None:
    peers = study([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0])
    spike = [0.5, 0.5, 0.5, 1.2]
    assert judge(pruners.SuccessiveHalvingPruner(3, 2), peers, spike).stop
    assert not judge(pruners.SuccessiveHalvingPruner(3, 2, smoothing=3), peers, spike).stop


def test_hyperband_compares_within_a_bracket_only() -> None:
    rule = pruners.HyperbandPruner(1, 9, 3)
    peers = LearningCurves(1.0)
    verdicts = [judge(rule, peers, [0.0, 100.0 + number]) for number in range(60)]
    reasons = [verdict.reason for verdict in verdicts if verdict.stop]
    assert 0.25 < len(reasons) / 60 < 0.75  # only the bracket whose lowest rung is at step 1 stops trials there
    assert all(reason.endswith("at the rung of step 1 (bracket 0)") for reason in reasons)


def test_hyperband_auto_waits_for_a_complete_trial() -> None:
    rule, peers = pruners.HyperbandPruner(), LearningCurves(1.0)
    assert not any(judge(rule, peers, [0.0, 1.0 + number]).stop for number in range(20))
    peers.fold([record(0, [0.0] * 27)])
    assert any(judge(rule, peers, [0.0, 100.0 + number]).stop for number in range(20))


def test_patience_counts_reports_without_improvement() -> None:
    rule, peers = pruners.PatientPruner(None, patience=2), LearningCurves(1.0)
    assert not judge(rule, peers, [1.0, 2.0, 2.0]).stop
    verdict = judge(rule, peers, [1.0, 2.0, 2.0, 2.0], 0)
    assert verdict == pruners.Verdict(True, "the best of its last 3 reports, 2, is worse than 1 before")


def test_wilcoxon_does_not_stop_a_trial_with_the_better_mean() -> None:
    peers = study([0.0] * 9 + [100.0])
    assert not judge(pruners.WilcoxonPruner(), peers, [1.0] * 10).stop
    verdict = judge(pruners.WilcoxonPruner(), study([0.0] * 10), list(range(10)))
    assert verdict.stop
    assert "worse than trial 0 on 10 common steps" in verdict.reason


def test_wilcoxon_compares_with_the_best_trial_that_satisfies_its_constraints() -> None:
    peers = LearningCurves(1.0)
    values = [0.0] * 6
    peers.fold(
        [
            TrialRecord(
                0, 0, COMPLETE, values=(0.0,), reports=tuple(enumerate(values)), system_attrs={"constraints": [1.0]}
            )
        ]
    )
    assert not judge(pruners.WilcoxonPruner(), peers, [5.0] * 6).stop
    peers.fold([record(2, [1.0] * 6)])
    assert "trial 2" in judge(pruners.WilcoxonPruner(), peers, [5.0] * 6).reason


def test_nop_never_stops() -> None:
    assert not judge(pruners.NopPruner(), study([0.0]), [math.nan]).stop


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pruners.PercentilePruner(101.0), ValueError, "between 0 and 100"),
        (lambda: pruners.MedianPruner(-1), ValueError, "n_startup_trials"),
        (lambda: pruners.MedianPruner(n_warmup_steps=-1), ValueError, "n_warmup_steps"),
        (lambda: pruners.MedianPruner(interval_steps=0), ValueError, "interval_steps"),
        (lambda: pruners.MedianPruner(n_min_trials=0), ValueError, "n_min_trials"),
        (lambda: pruners.SuccessiveHalvingPruner("much"), ValueError, "'much'"),
        (lambda: pruners.SuccessiveHalvingPruner(0), ValueError, "min_resource"),
        (lambda: pruners.SuccessiveHalvingPruner(1, 1), ValueError, "reduction_factor"),
        (lambda: pruners.SuccessiveHalvingPruner(1, min_early_stopping_rate=-1), ValueError, "min_early"),
        (lambda: pruners.SuccessiveHalvingPruner(1, bootstrap_count=-1), ValueError, "bootstrap_count"),
        (lambda: pruners.SuccessiveHalvingPruner(bootstrap_count=1), ValueError, "'auto'"),
        (lambda: pruners.SuccessiveHalvingPruner(min_peers=-1), ValueError, "min_peers"),
        (lambda: pruners.SuccessiveHalvingPruner(smoothing=0), ValueError, "smoothing"),
        (lambda: pruners.HyperbandPruner(0), ValueError, "min_resource"),
        (lambda: pruners.HyperbandPruner(5, 4), ValueError, "max_resource"),
        (lambda: pruners.HyperbandPruner(max_resource="all"), ValueError, "'all'"),
        (lambda: pruners.HyperbandPruner(bootstrap_count=1), ValueError, "'auto'"),
        (lambda: pruners.PatientPruner(None, -1), ValueError, "patience"),
        (lambda: pruners.PatientPruner(None, 1, -0.1), ValueError, "min_delta"),
        (lambda: pruners.ThresholdPruner(), TypeError, "lower"),
        (lambda: pruners.ThresholdPruner(lower="low"), TypeError, "'low'"),
        (lambda: pruners.ThresholdPruner(2.0, 1.0), ValueError, "lower <= upper"),
        (lambda: pruners.WilcoxonPruner(p_threshold=2.0), ValueError, "p_threshold"),
        (lambda: pruners.WilcoxonPruner(n_startup_steps=-1), ValueError, "n_startup_steps"),
        (lambda: pruners.ExtrapolationPruner(0.0), ValueError, "threshold"),
        (lambda: pruners.ExtrapolationPruner(max_resource=0), ValueError, "max_resource"),
        (lambda: pruners.ExtrapolationPruner(n_startup_trials=0), ValueError, "n_startup_trials"),
        (lambda: pruners.ExtrapolationPruner(n_min_reports=0), ValueError, "n_min_reports"),
    ],
)
def test_wrong_arguments_are_named(make: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()  # type: ignore[operator]


RULES = [
    pruners.MedianPruner(1),
    pruners.PercentilePruner(25.0, 1),
    pruners.SuccessiveHalvingPruner(1, 2),
    pruners.SuccessiveHalvingPruner(),
    pruners.HyperbandPruner(1, 9),
    pruners.PatientPruner(pruners.MedianPruner(1), 1),
    pruners.ThresholdPruner(upper=2.0),
    pruners.WilcoxonPruner(),
    pruners.ExtrapolationPruner(n_startup_trials=1, n_min_reports=1),
]
VALUES = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))
CURVES = st.lists(st.lists(VALUES, min_size=1, max_size=8), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(curves=CURVES, own=st.lists(VALUES, max_size=8), sign=st.sampled_from([1.0, -1.0]))
@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_any_reports_get_a_verdict_that_depends_on_nothing_else(
    rule: pruners.Pruner, curves: list[list[float]], own: list[float], sign: float
) -> None:
    peers = study(*curves, sign=sign)
    number = len(peers)
    peers.fold([record(number, own, RUNNING)])
    first = rule.judge(number, peers.curve(number), peers)
    assert rule.judge(number, peers.curve(number), peers) == first
    fresh = study(*curves, sign=sign)
    fresh.fold([record(number, own, RUNNING)])
    again: pruners.Pruner = pickle.loads(pickle.dumps(copy.deepcopy(rule)))
    assert again.judge(number, fresh.curve(number), fresh) == first
    assert first.stop <= bool(own)


def as_dict(part: Slice) -> dict[int, str]:
    """Return the values by row, as texts: NaN is like NaN."""
    return {row: repr(value) for row, value in zip(part.rows.tolist(), part.values.tolist(), strict=True)}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_peers_folded_report_by_report_are_those_folded_at_once(data: st.DataObject) -> None:
    curves = data.draw(st.lists(st.dictionaries(st.integers(0, 12), VALUES, max_size=6), min_size=1, max_size=5))
    window = data.draw(st.integers(1, 3))
    grown, whole = LearningCurves(-1.0), LearningCurves(-1.0)
    for number, curve in enumerate(curves):
        known: dict[int, float] = {}
        for step in data.draw(st.permutations(list(curve))):  # not always in order
            known[step] = curve[step]
            grown.fold([TrialRecord(number, number, RUNNING, reports=tuple(sorted(known.items())))])
            grown.reached(5, window)
            grown.at(5)
        final = TrialRecord(number, number, COMPLETE, values=(1.0 * number,), reports=tuple(sorted(curve.items())))
        grown.fold([final])
        whole.fold([final])
    for step in range(13):
        assert as_dict(grown.at(step)) == as_dict(whole.at(step))
        assert as_dict(grown.reached(step, window)) == as_dict(whole.reached(step, window))
    assert (grown.n_completed, grown.longest, grown.best) == (whole.n_completed, whole.longest, whole.best)


def test_peers_ignore_an_older_view_of_a_trial_that_has_ended() -> None:
    peers = study([1.0, 2.0])
    peers.fold([record(0, [1.0], RUNNING)])
    assert peers.state(0) is COMPLETE
    assert len(peers.curve(0)) == 2
    assert peers.n_completed == 1


def test_peers_of_one_objective_of_several() -> None:
    peers = LearningCurves(-1.0, objective=1)
    peers.fold([TrialRecord(0, 0, COMPLETE, values=(1.0, 2.0)), TrialRecord(1, 1, COMPLETE, values=(0.0, 3.0))])
    assert (peers.value(0), peers.value(1), peers.best) == (-2.0, -3.0, 1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_the_callers_error_state_does_not_matter(rule: pruners.Pruner) -> None:
    extremes = [1e308, -1e308, 5e-324, math.inf, 0.0, math.nan, 1e305, -1e305]
    seen = study(*(extremes[shift:] + extremes[:shift] for shift in range(8)))
    expected = judge(rule, seen, [1e308, 1e308, 5e-324, 1e308, -1e308, 1e308, 1e308], 8)
    with np.errstate(all="raise"):
        fresh = study(*(extremes[shift:] + extremes[:shift] for shift in range(8)))
        assert judge(rule, fresh, [1e308, 1e308, 5e-324, 1e308, -1e308, 1e308, 1e308], 8) == expected
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")
