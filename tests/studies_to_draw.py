"""A fixed set of studies that every plot must survive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from sweeper_core import create_study
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.study import Study
from sweeper_core.trial import FrozenTrial, TrialState, create_trial

SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(-5, 5),
    "lr": FloatDistribution(1e-5, 1, log=True),
    "layers": IntDistribution(1, 8),
    "activation": CategoricalDistribution(["relu", "tanh", "elu", None]),
}


def _params(rng: np.random.Generator, space: dict[str, BaseDistribution]) -> dict[str, Any]:
    return {
        name: d.to_external_repr(
            float(rng.integers(len(d.choices)))
            if isinstance(d, CategoricalDistribution)
            else float(np.exp(rng.uniform(np.log(d.low), np.log(d.high))))
            if d.log  # type: ignore[attr-defined]
            else float(rng.integers(d.low, d.high + 1))
            if isinstance(d, IntDistribution)
            else float(rng.uniform(d.low, d.high))  # type: ignore[attr-defined]
        )
        for name, d in space.items()
    }


def _loss(params: dict[str, Any]) -> float:
    return float(
        params.get("x", 0.0) ** 2
        + np.log10(params.get("lr", 1e-3)) ** 2
        + (3 if params.get("activation") == "tanh" else 0)
    )


def _trials(
    n: int, space: dict[str, BaseDistribution], seed: int = 0, values: int = 1, **more: Any
) -> list[FrozenTrial]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        params = _params(rng, space)
        losses = [_loss(params) + objective * params.get("x", 0.0) * 3 for objective in range(values)]
        found.append(create_trial(params=params, distributions=space, values=losses, **more))
    return found


def _study(trials: list[FrozenTrial], **options: Any) -> Study:
    study = create_study(study_name=options.pop("name", "drawn"), **options)
    start = datetime(2026, 1, 1, 12)
    for index, trial in enumerate(trials):
        if trial.state is not TrialState.WAITING:
            trial.datetime_start = start + timedelta(seconds=20 * index)
            trial.datetime_complete = trial.datetime_start + timedelta(seconds=30 + index % 7)
    study.add_trials(trials)
    return study


def with_curves(n: int = 12) -> Study:
    rng = np.random.default_rng(1)
    trials = []
    for number in range(n):
        params = _params(rng, SPACE)
        level = _loss(params)
        pruned = number % 3 == 2
        steps = 4 if pruned else 15
        curve = {step: level + 5 / (step + 1) + float(rng.normal(0, 0.1)) for step in range(steps)}
        if number == 4:
            curve[3] = float("nan")
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        trials.append(
            create_trial(
                state=state, params=params, distributions=SPACE, intermediate_values=curve, value=curve[steps - 1]
            )
        )
    return _study(trials)


def conditional() -> Study:
    trials = []
    rng = np.random.default_rng(2)
    for _ in range(60):
        model = str(rng.choice(["tree", "linear"]))
        space: dict[str, BaseDistribution] = {"model": CategoricalDistribution(["tree", "linear"])}
        space |= (
            {"depth": IntDistribution(1, 9)} if model == "tree" else {"alpha": FloatDistribution(1e-4, 1, log=True)}
        )
        params = {**_params(rng, space), "model": model}
        trials.append(
            create_trial(params=params, distributions=space, value=params.get("depth", 0) + params.get("alpha", 3.0))
        )
    return _study(trials)


def infinite() -> Study:
    trials = _trials(20, SPACE)
    trials += [
        create_trial(params=t.params, distributions=SPACE, value=v)
        for t, v in zip(_trials(4, SPACE, 5), [float("inf"), float("-inf"), 1e300, 1.0], strict=True)
    ]
    trials.append(create_trial(state=TrialState.FAIL, params=trials[0].params, distributions=SPACE))
    trials.append(create_trial(state=TrialState.WAITING))
    return _study(trials)


def many_parameters() -> Study:
    space: dict[str, BaseDistribution] = {f"layer_{i}.width_of_block": FloatDistribution(0, 1) for i in range(46)}
    return _study(_trials(200, {**space, **SPACE}))


def constrained(values: int) -> Study:
    trials = _trials(80, SPACE, values=values)
    again = [
        create_trial(params=t.params, distributions=SPACE, values=t.values, constraints={"c": float(t.params["x"] - 2)})
        for t in trials
    ]
    return _study(again, directions=["minimize", "maximize", "minimize"][:values])


def studies() -> dict[str, Study]:
    """Return the set by name."""
    failed = [create_trial(state=TrialState.FAIL, params=t.params, distributions=SPACE) for t in _trials(5, SPACE)]
    return {
        "empty": create_study(study_name="empty"),
        "one_trial": _study(_trials(1, SPACE)),
        "all_failed": _study(failed),
        "one_parameter": _study(_trials(30, {"x": SPACE["x"]})),
        "ordinary": _study(_trials(60, SPACE)),
        "maximised": _study(_trials(60, SPACE), direction="maximize"),
        "fifty_parameters": many_parameters(),
        "conditional": conditional(),
        "two_objectives": constrained(2),
        "three_objectives": constrained(3),
        "infinite_values": infinite(),
        "curves": with_curves(),
        "same_value": _study([create_trial(params={"x": 1.0}, distributions={"x": SPACE["x"]}, value=2.0)] * 5),
    }


def ten_thousand() -> Study:
    """Return a study with 10,000 trials, some with curves."""
    return _study(_trials(10_000, SPACE, intermediate_values={0: 2.0, 1: 1.0}))
