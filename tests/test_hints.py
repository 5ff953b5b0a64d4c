"""Hints at the end of a search, where the trials give evidence, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.hints import hints_of

RANGES = {
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "width": IntDistribution(16, 64),
    "drop": FloatDistribution(0.0, 1.0),
    "opt": CategoricalDistribution(("sgd", "adam")),
}


def facts_of(count: int, value: Any, fails: Any = lambda params: False) -> StudyFacts:
    study = hpo.create_study(sampler=hpo.samplers.QMCSampler(seed=2))

    def objective(trial: Any) -> float:
        params = {name: trial.suggest(name, one) for name, one in RANGES.items()}
        if fails(params):
            raise ValueError
        return float(value(params))

    study.optimize(objective, n_trials=count, catch=(ValueError,))
    study.session.log.sync()
    return StudyFacts.of(study.session.study, study.session.log.records)


def hints(*arguments: Any) -> dict[str, str]:
    return {hint.parameter: hint.text for hint in hints_of(facts_of(*arguments))}


def test_the_best_trials_at_an_end_ask_for_a_wider_range() -> None:
    assert hints(64, lambda p: -p["lr"]) == {"lr": "lr: the best trials are at its upper bound 0.01; widen it to 0.1?"}
    assert hints(64, lambda p: p["lr"])["lr"].endswith("at its lower bound 0.0001; widen it to 1e-05?")
    (hint,) = hints_of(facts_of(64, lambda p: -p["width"]))
    assert hint.wider == IntDistribution(16, 88)
    (hint,) = hints_of(facts_of(64, lambda p: p["width"]))
    assert hint.wider == IntDistribution(0, 64)


@pytest.mark.parametrize(
    ("count", "value"),
    [
        (19, lambda p: -p["lr"]),  # few trials
        (64, lambda p: abs(p["width"] - 40)),  # the best is in the middle
        (64, lambda p: p["drop"]),  # nothing lies below 0, or above all
        (64, lambda p: -p["drop"]),
        (64, lambda p: (37 * p["width"]) % 17 + 16 * (p["lr"] * 1e6 % 13)),  # chance
    ],
)
def test_without_evidence_there_is_no_hint(count: int, value: Any) -> None:
    assert hints(count, value) == {}


def test_a_choice_that_always_failed_is_named() -> None:
    answer = "opt=adam: all of its 12 trials failed, and 0 of 12 others; drop it?"
    assert hints(24, lambda p: p["width"] % 7, lambda p: p["opt"] == "adam") == {"opt": answer}
    assert hints(24, lambda p: p["width"] % 7, lambda p: p["width"] > 20) == {}
    assert hints(4, lambda p: p["width"] % 7, lambda p: p["opt"] == "adam") == {}


def test_a_parameter_that_hardly_mattered_is_named() -> None:
    facts = facts_of(50, lambda p: abs(p["width"] - 40))
    shares = {"width": 0.985, "lr": 0.006, "drop": 0.009}
    (lr, drop) = hints_of(facts, importances=shares)
    assert (lr.text, drop.parameter) == ("lr: it hardly mattered (0.6 % of the importance); fix it?", "drop")
    assert hints_of(facts_of(49, lambda p: abs(p["width"] - 40)), importances=shares) == []
    # Among very many parameters a hundredth of the importance is much.
    many = {f"other_{index}": 0.006 for index in range(150)}
    assert hints_of(facts, importances={**shares, **many}) == []


def test_a_sweep_ends_with_its_hints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = "[" + ",".join(f"{{x: {59 - k}}}" for k in range(25)) + "]"
    sweep(lambda cfg: -cfg.x, tmp_path / "s", ["x=int(interval(10,59))", f"hydra.sweeper.points={points}"])
    lines = capsys.readouterr().out
    assert "Hint: x: the best trials are at its upper bound 59; widen it to 84?" in lines
    assert lines.rstrip().endswith("'x=int(interval(10,84))'")
    assert len(yaml.safe_load((tmp_path / "s" / "optimization_results.yaml").read_text())["hints"]) == 1
