"""Importances against a naive oracle and against Optuna's on the same studies."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core import create_study, samplers
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from sweeper_core.maths.divergence import category_density, grid_density, pearson_divergence
from sweeper_core.maths.fanova import Boxes, boxes_of_tree, main_effect_variance
from sweeper_core.study import Study
from sweeper_core.trial import TrialState, create_trial


def trials_of(n: int, objective: Any, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        params = {
            "x": float(rng.uniform(-5, 5)),
            "lr": float(10 ** rng.uniform(-5, 0)),
            "k": int(rng.integers(1, 9)),
            "act": str(rng.choice(["relu", "tanh", "elu"])),
        }
        found.append({"params": params, "value": float(objective(params))})
    return found


OURS = {
    "x": FloatDistribution(-5, 5),
    "lr": FloatDistribution(1e-5, 1, log=True),
    "k": IntDistribution(1, 8),
    "act": CategoricalDistribution(["relu", "tanh", "elu"]),
}
THEIRS = {
    "x": optuna.distributions.FloatDistribution(-5, 5),
    "lr": optuna.distributions.FloatDistribution(1e-5, 1, log=True),
    "k": optuna.distributions.IntDistribution(1, 8),
    "act": optuna.distributions.CategoricalDistribution(["relu", "tanh", "elu"]),
}


def both(trials: list[dict[str, Any]], direction: str = "minimize") -> tuple[Study, optuna.Study]:
    ours, theirs = create_study(direction=direction), optuna.create_study(direction=direction)
    ours.add_trials([create_trial(**t, distributions={name: OURS[name] for name in t["params"]}) for t in trials])
    theirs.add_trials(
        [optuna.create_trial(**t, distributions={name: THEIRS[name] for name in t["params"]}) for t in trials]
    )
    return ours, theirs


def mixed(params: dict[str, Any]) -> float:
    return params["x"] ** 2 + 3 * np.log10(params["lr"]) + (5 if params["act"] == "tanh" else 0) + 0.3 * params["k"]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("quantiles", [{}, {"target_quantile": 0.2, "region_quantile": 0.6}])
def test_ped_anova_agrees_with_optuna(direction: str, quantiles: dict[str, float]) -> None:
    ours, theirs = both(trials_of(200, mixed), direction)
    expected = optuna.importance.get_param_importances(
        theirs, evaluator=optuna.importance.PedAnovaImportanceEvaluator(**quantiles)
    )
    found = get_param_importances(ours, evaluator=PedAnovaImportanceEvaluator(**quantiles))
    assert found == pytest.approx(expected, abs=0.02)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_ped_anova_agrees_with_optuna_on_conditional_parameters() -> None:
    trials = trials_of(200, mixed)
    for trial in trials:
        if trial["params"]["act"] != "relu":
            del trial["params"]["k"]
    ours, theirs = both(trials)
    expected = optuna.importance.get_param_importances(theirs)
    assert get_param_importances(ours) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", ["Fanova", "MeanDecreaseImpurity"])
def test_forests_agree_with_optuna_within_sampling_noise(kind: str) -> None:
    ours, theirs = both(trials_of(150, mixed))
    name = f"{kind}ImportanceEvaluator"
    runs = [
        optuna.importance.get_param_importances(theirs, evaluator=getattr(optuna.importance, name)(seed=seed))
        for seed in range(3)
    ]
    evaluator = {"Fanova": FanovaImportanceEvaluator, "MeanDecreaseImpurity": MeanDecreaseImpurityImportanceEvaluator}
    found = get_param_importances(ours, evaluator=evaluator[kind](seed=9))
    for parameter, share in found.items():
        seen = [run[parameter] for run in runs]
        assert min(seen) - 0.03 <= share <= max(seen) + 0.03


def naive_main_effect(boxes: Boxes, columns: list[int]) -> float:
    """Integrate cell by cell over the grid of all cut points of the columns."""
    cuts = [np.unique(np.concatenate([boxes.low[:, c], boxes.high[:, c]])) for c in columns]
    mean, square = 0.0, 0.0
    others = [c for c in range(boxes.low.shape[1]) if c not in columns]
    rest = np.prod((boxes.high - boxes.low)[:, others], axis=1)
    for cell in itertools.product(*(range(len(c) - 1) for c in cuts)):
        centre = [(cut[i] + cut[i + 1]) / 2 for cut, i in zip(cuts, cell, strict=True)]
        size = np.prod([cut[i + 1] - cut[i] for cut, i in zip(cuts, cell, strict=True)])
        inside = np.all((boxes.low[:, columns] <= centre) & (centre <= boxes.high[:, columns]), axis=1)
        value = float((boxes.value * rest)[inside].sum())
        mean, square = mean + size * value, square + size * value**2
    return square - mean**2


@st.composite
def trees(draw: st.DrawFn) -> Boxes:
    """A random binary tree over three columns, as arrays of nodes."""
    left, right, feature, threshold, value = [-1], [-1], [-2], [0.0], [draw(st.floats(-5, 5))]
    for _ in range(draw(st.integers(0, 8))):
        node = draw(st.sampled_from([i for i in range(len(left)) if left[i] < 0]))
        left[node], right[node] = len(left), len(left) + 1
        feature[node], threshold[node] = draw(st.integers(0, 2)), draw(st.floats(0.05, 0.95))
        for _ in range(2):
            left.append(-1), right.append(-1), feature.append(-2), threshold.append(0.0)
            value.append(draw(st.floats(-5, 5)))
    return boxes_of_tree(*map(np.array, (left, right, feature, threshold, value)), 3)


@settings(max_examples=60)
@given(trees(), st.sampled_from([[0], [1], [0, 2], [0, 1, 2]]))
def test_variances_of_a_tree_agree_with_integration_cell_by_cell(boxes: Boxes, columns: list[int]) -> None:
    assert boxes.volume.sum() == pytest.approx(1.0)
    assert main_effect_variance(boxes, columns) == pytest.approx(naive_main_effect(boxes, columns), abs=1e-9)
    if columns == [0, 1, 2]:
        assert main_effect_variance(boxes, columns) == pytest.approx(boxes.variance, abs=1e-9)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30).filter(any))
def test_densities_sum_to_one_and_do_not_diverge_from_themselves(counts: list[int]) -> None:
    for estimate in (grid_density, category_density):
        density = estimate(np.array(counts))
        assert density.sum() == pytest.approx(1.0)
        assert (density > 0).all()
        assert pearson_divergence(density, density) == pytest.approx(0.0, abs=1e-9)


def test_with_several_objectives_ped_anova_explains_the_front_and_forests_want_a_target() -> None:
    study = create_study(directions=["minimize", "maximize"])
    for trial in trials_of(100, mixed):
        x = trial["params"]["x"]
        study.add_trial(create_trial(params={"x": x}, distributions={"x": OURS["x"]}, values=[x**2, -((x - 1) ** 2)]))
    assert get_param_importances(study) == {"x": 1.0}
    with pytest.raises(ValueError, match="target"):
        get_param_importances(study, evaluator=FanovaImportanceEvaluator())
    assert get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0), target=lambda t: t.values[0]) == {
        "x": 1.0
    }


@pytest.mark.filterwarnings("ignore:Too few")
def test_what_cannot_be_judged() -> None:
    empty = create_study()
    assert get_param_importances(empty) == {}
    study, _ = both(trials_of(1, mixed))
    assert get_param_importances(study) == dict.fromkeys(OURS, 0.25)
    with pytest.raises(ValueError, match="nonsense"):
        get_param_importances(study, params=["nonsense"])
    with pytest.raises(TypeError, match="list"):
        get_param_importances(study, params="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="evaluator"):
        get_param_importances(study, evaluator=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="target_quantile"):
        PedAnovaImportanceEvaluator(target_quantile=0.5, region_quantile=0.2)


def test_infinite_values_and_failed_trials_do_not_count() -> None:
    trials = trials_of(60, mixed)
    clean, _ = both(trials)
    dirty, _ = both(trials)
    params = trials[0]["params"]
    dirty.add_trial(create_trial(params=params, distributions=OURS, value=float("inf")))
    dirty.add_trial(create_trial(state=TrialState.FAIL, params=params, distributions=OURS))
    assert get_param_importances(dirty) == get_param_importances(clean)


def test_a_users_own_evaluator() -> None:
    class Alphabetical(BaseImportanceEvaluator):
        def evaluate(self, study: Study, params: Any = None, *, target: Any = None) -> dict[str, float]:
            return {"a": 3.0, "b": 1.0}

    study, _ = both(trials_of(2, mixed))
    assert get_param_importances(study, evaluator=Alphabetical()) == {"a": 0.75, "b": 0.25}
    assert get_param_importances(study, evaluator=Alphabetical(), normalize=False) == {"a": 3.0, "b": 1.0}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("sampler", [samplers.CmaEsSampler(seed=1), samplers.TPESampler(seed=1)], ids=["cmaes", "tpe"])
def test_a_converged_search_does_not_mislead(sampler: samplers.BaseSampler, direction: str) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    study = create_study(sampler=sampler, direction=direction)
    study.optimize(
        lambda trial: sign * (trial.suggest_float("a", -5, 5) ** 2 + 0.1 * trial.suggest_float("b", -1, 1)),
        n_trials=100,
    )
    shares = get_param_importances(study)
    assert list(shares) == ["a", "b"]
    assert shares["a"] > 0.9
    assert get_param_importances(study) == shares
    as_target = get_param_importances(study, target=lambda trial: sign * (trial.value or 0.0))
    assert as_target == pytest.approx(shares)


def test_many_trials_at_the_optimum_do_not_hide_what_led_there() -> None:
    rng = np.random.default_rng(1)
    near = np.stack([rng.normal(0.0, 0.02, 190), rng.uniform(-1.0, -0.9, 190)], axis=1)
    points = np.concatenate([rng.uniform(-1.0, 1.0, (10, 2)), near])
    ranges = dict.fromkeys("ab", FloatDistribution(-1.0, 1.0))
    study = create_study()
    study.add_trials(
        [create_trial(params={"a": a, "b": b}, distributions=ranges, value=a * a + 0.1 * b) for a, b in points.tolist()]
    )
    found = get_param_importances(study)
    assert found["a"] > 0.6  # of evenly spread points it is 0.75


def test_a_converged_search_with_categories_and_conditional_parameters() -> None:
    rng = np.random.default_rng(0)
    study = create_study()
    space = {"kind": CategoricalDistribution(["u", "v"]), "x": FloatDistribution(-5, 5), "y": FloatDistribution(0, 1)}
    for k in range(120):
        spread = 3.0 if k < 20 else 0.05
        params = {"kind": "u" if k % 10 else "v", "y": float(rng.random() * (0.1 if k >= 20 else 1.0))}
        if params["kind"] == "u":
            params["x"] = float(np.clip(rng.normal(0, spread), -5, 5))
        value = params.get("x", 4.0) ** 2 + 0.01 * params["y"]
        study.add_trial(create_trial(params=params, distributions={name: space[name] for name in params}, value=value))
    shares = get_param_importances(study)
    assert shares["y"] < 0.1
    assert set(shares) == {"kind", "x", "y"}
    assert set(get_param_importances(study, params=["y"])) == {"y"}


EXTREMES = {"1e308": (-1e308, 1e308), "1e305": (-1e305, 1e305), "subnormal": (0.0, 2e-323)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("errors", ["warn", "raise"])
@pytest.mark.parametrize(("low", "high"), EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize(
    "evaluator",
    [
        None,
        PedAnovaImportanceEvaluator(),
        FanovaImportanceEvaluator(n_trees=4),
        MeanDecreaseImpurityImportanceEvaluator(),
    ],
    ids=["default", "ped-anova", "fanova", "impurity"],
)
def test_extreme_ranges_under_any_error_state(
    evaluator: BaseImportanceEvaluator | None, low: float, high: float, errors: str
) -> None:
    rng = np.random.default_rng(0)
    study = create_study()
    space = {"x": FloatDistribution(low, high), "y": FloatDistribution(0, 1)}
    for unit, y in rng.random((30, 2)):
        params = {"x": float(low * (1 - unit) + high * unit), "y": float(y)}
        study.add_trial(create_trial(params=params, distributions=space, value=float((unit - 0.3) ** 2 + 0.01 * y)))
    with np.errstate(all=errors):  # type: ignore[call-overload]
        shares = get_param_importances(study, evaluator=evaluator)
    assert sum(shares.values()) == pytest.approx(1.0)
    if high > 1.0:
        assert shares["x"] > 0.6
