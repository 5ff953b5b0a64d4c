"""Priors on the command line and in mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._priors import priors_of
from sweeper_core import load_study
from sweeper_core.search_space.priors import Prior

OWN = {"x": 0.5, "n": 3, "kind": "b"}


def prior_of(text: str, params: dict[str, Any] | None = None) -> Prior:
    (prior,) = priors_of(read_plan([text] if text else [], params), OWN).values()
    return prior


@pytest.mark.parametrize(
    ("text", "value", "confidence"),
    [
        ("x=interval(1e-5,1e-1,log=true,prior=3e-4,confidence=high)", 3e-4, "high"),
        ("x=interval(0,1,prior=0)", 0.0, "medium"),
        ("x=tag(log,interval(1e-5,1e-1,prior=3e-4))", 3e-4, "medium"),
        ("x=int(interval(1,8,prior=4,confidence=low))", 4, "low"),
        ("x=int(tag(log,interval(1,8,prior=4.0)))", 4, "medium"),
        ("x=range(1,6,prior=3)", 3, "medium"),
        ("x=range(0,10,step=2,prior=4)", 4, "medium"),
        ("x=float(range(1,6,prior=3))", 3.0, "medium"),
        ("x=choice(adam,adamw,sgd,prior=adamw)", "adamw", "medium"),
        ("x=choice('a b',c,prior='a b')", "a b", "medium"),
        ("x=choice(null,1,prior=null)", None, "medium"),
        ("x=choice([1,2],[3,4],prior=[3,4])", "[3, 4]", "medium"),
        ("x=tag(ordered,choice(1,2,4,prior=2))", 2, "medium"),
        ("x=sort(choice(3,1,2,prior=1))", 1, "medium"),
        ("x=str(choice(1,2,prior=2))", "2", "medium"),
        ("x=interval(0,1,prior=config)", 0.5, "medium"),
        ("x=choice(config,b,prior=config)", "config", "medium"),
        ("kind=choice(a,b,prior=config,confidence=high)", "b", "high"),
    ],
)
def test_the_grammar_takes_a_prior(text: str, value: Any, confidence: str) -> None:
    prior = prior_of(text)
    assert prior.confidence == confidence
    if isinstance(value, str) and value.startswith("["):
        assert prior.value in (value, [3, 4])
    else:
        assert (prior.value, type(prior.value)) == (value, type(value))


def test_a_mapping_takes_a_prior() -> None:
    numbers = {"type": "float", "low": 1e-5, "high": 1e-1, "log": True, "prior": "3e-4", "confidence": "high"}
    assert prior_of("", {"x": numbers}) == Prior(3e-4, "high")
    assert prior_of("", {"x": {"choices": ["a", "b"], "prior": "b"}}) == Prior("b")
    assert prior_of("", {"n": {"type": "int", "low": 1, "high": 8, "prior": "config"}}) == Prior(3)
    assert prior_of("", {"x": {"sweep": "interval(0,1,prior=0.25)", "when": "y=1"}, "y": "choice(1,2)"}) == Prior(0.25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x=interval(0,1,prior=2)", "the prior 2.* is no prior here; it has to be in interval\\(0, 1\\)"),
        ("x=range(0,10,step=2,prior=3)", "the prior 3 is no prior here"),
        (
            "x=choice(a,b,prior=c)",
            "'x' on the command line: the prior 'c' is no prior here; it has to be in choice\\(a, b\\)",
        ),
        ("x=interval(0,1,prior=high)", "the prior 'high' is no prior here"),
        ("x=interval(0,1,prior=0.5,confidence=sure)", "confidence must be one of low, medium, high, not 'sure'"),
        ("x=interval(0,1,confidence=high)", "confidence=high says how sure a prior is; give prior=, too"),
        ("y=interval(0,1,prior=config)", "prior=config, but the configuration has no value for it"),
        ("x=interval(0,0.25,prior=config)", "the configuration's value 0.5 is no prior here"),
        ("x=glob(*,prior=a)", "prior"),
    ],
)
def test_a_wrong_prior_is_answered_in_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        prior_of(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"x": {"prior": 0.5}}, "a prior belongs to what is swept; add low and high, or choices"),
        ({"x": {"type": "float", "low": 0, "high": 1, "confidence": "high"}}, "give 'prior', too"),
    ],
)
def test_a_mapping_with_half_a_prior_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_plan([], params)


def test_a_sweep_runs_the_configuration_and_then_the_priors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def task(cfg: Any) -> float:
        seen.append((cfg.lr, cfg.kind, cfg.n))
        return float(cfg.lr)

    space = ["lr=interval(0,1,prior=0.125,confidence=high)", "kind=choice(a,b,prior=a)", "n=range(1,9)"]
    config = "lr: 0.5\nkind: b\nn: 4\n"
    sweep(task, tmp_path / "s", [*space, "hydra.sweeper.start=config", "hydra.sweeper.n_trials=3"], config)
    assert seen[:2] == [(0.5, "b", 4), (0.125, "a", 4)]
    assert "Trial 1 runs the values of your priors: lr=0.125 kind=a n=4." in capsys.readouterr().out
    study = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert study.system_attrs["hpo:priors"]["lr"] == {"value": 0.125, "confidence": "high"}
    assert "\npriors:\n" in (tmp_path / "s" / "optimization_results.yaml").read_text()
    dry = [*space, "hydra.sweeper.dry_run=true"]
    sweep(task, tmp_path / "t", dry, config)
    assert "lr: interval(0, 1), prior 0.125 (high confidence)" in capsys.readouterr().out
