"""``hydra.sweeper.where``: relations between the parameters of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf
from plugin_support import sweep

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (widens Hydra's own grammar, as Hydra's start does)
from hydra_plugins.hydra_hpo_sweeper._config._constraints import constraints
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._entries import COMMAND_LINE, Address, Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from hydra_plugins.hydra_hpo_sweeper._space._where import read_where
from sweeper_core.distributions import CategoricalDistribution, IntDistribution

CONFIG = OmegaConf.create({"cap": {"n": 5, "opt": "sgd"}, "name": "x"})
ARGUMENTS = ["a=range(1,10)", "b=interval(0,1)", "opt=choice(sgd,adam)", "+m.d=int(interval(1,8))", "fix=3"]


def plan_with(*where: str) -> Any:
    return read_plan(ARGUMENTS, None, config=CONFIG, where=where)


def test_keys_fixed_values_and_the_configuration_may_be_named() -> None:
    space = plan_with("m.d + a <= cap.n * 2", "a != fix", "opt == cap.opt or b < 0.5").space
    assert space.allows({"a": 2, "b": 0.4, "opt": "adam", "+m.d": 8})
    assert not space.allows({"a": 3, "b": 0.4, "opt": "sgd", "+m.d": 1})
    assert not space.allows({"a": 4, "b": 0.4, "opt": "sgd", "+m.d": 7})
    assert not space.allows({"a": 1, "b": 0.6, "opt": "adam", "+m.d": 1})


def test_a_text_of_the_configuration_is_compared_with_a_word() -> None:
    space = plan_with("not (cap.opt == sgd and b > 0.5)", "name != y or a > 9", "name in [y, z] or a <= 5").space
    assert [space.allows({"a": a, "b": b, "opt": "sgd", "+m.d": 1}) for a, b in ((1, 0.6), (1, 0.4), (6, 0.4))] == [
        False,
        True,
        False,
    ]


def test_a_key_of_several_conditional_parameters_is_the_active_one() -> None:
    blocks = {"when model=cnn": {"lr": "interval(0,1)"}, "when model=mlp": {"lr": "interval(0,0.5)"}}
    params = {"model": "choice(cnn,mlp,none)", "w": "interval(0,1)", **blocks}
    space = read_plan([], params, where=["lr <= w"]).space
    assert not space.allows({"model": "mlp", "w": 0.3, "lr when model=mlp": 0.4})
    assert space.allows({"model": "cnn", "w": 0.5, "lr when model=cnn": 0.4})
    assert space.allows({"model": "none", "w": 0.0})


WRONG = {
    "a <= cap.m": "where[0]: 'a <= ▸cap.m': 'cap.m' is no parameter. Did you mean 'cap.n'?",
    "a <= cap": "where[0]: 'a <= ▸cap': 'cap' is a group of values; name one of them",
    "opt == sdg": "where[0]: 'opt == ▸sdg': 'opt' is never that, but one of sgd, adam. Did you mean 'sgd'?",
    "a > 100": "where: No point satisfies the relations (a > 100)",
    "a > cap.n * 2": "where: No point satisfies the relations (a > cap.n * 2 (with cap.n=5))",
    "b == 0.5": "where[0]: '▸b == 0.5': values of the continuous parameter 'b'",
    "a < 'x'": "where[0]: 'a < ▸'x'': 'a' is a number",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG)
def test_a_mistake_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_with(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_depends_on_a_swept_group_is_refused() -> None:
    group = Swept(Address("db", COMMAND_LINE), CategoricalDistribution(["sqlite", "mysql"]), group=True)
    number = Swept(Address("a", COMMAND_LINE), IntDistribution(1, 9))
    items = [Placed(group, "db"), Placed(number, "a")]
    with pytest.raises(ConfigError, match=r"'db\.port' depends on 'db', which the sweep sets"):
        read_where(["a < db.port"], items, OmegaConf.create({"db": {"port": 1}}))


def test_what_depends_on_something_swept_is_refused_in_relations_and_conditions() -> None:
    config = OmegaConf.create({"t": {"size": 1}, "w": [1, 2], "a": 1})
    swept = {"t=choice({size:3},{size:5})": "t.size", "w=simplex(2)": "w.0", "z=zip(t=[1],w=[2])": "t.size"}
    for text, name in swept.items():
        with pytest.raises(ConfigError, match=r"depends on|can say nothing|is set by"):
            read_plan(["a=range(1,9)", text], {}, None, config, where=[f"{name} <= a"])
    for text in ("choice({size:3},{size:5})", "{size: 4}"):
        for test in ("t.size>2", "2*t.size > 2"):
            with pytest.raises(ConfigError, match="depends on 't', which the sweep sets"):
                read_plan([], {"t": text, f"when {test}": {"a": "range(1,9)"}}, None, config)


def test_a_point_that_breaks_a_relation_is_refused() -> None:
    plan = plan_with("a + m.d <= 9")
    assert plan.points([{"a": 4, "m.d": 5}]) == ({"a": 4, "+m.d": 5},)
    with pytest.raises(ConfigError, match=r"enqueue\[0\]: the point breaks the relation 'a \+ m.d <= 9'"):
        plan.points([{"a": 5, "m.d": 5}])


def test_a_sweep_keeps_its_relations_and_says_when_others_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.x, cfg.y))
        return float(cfg.x)

    space = ["x=range(1,6)", "y=range(1,6)", "hydra.sweeper.n_trials=4"]
    sweep(task, tmp_path / "s", [*space, 'hydra.sweeper.where=["x < y"]'])
    assert len(seen) == 4
    assert all(x < y for x, y in seen)
    capsys.readouterr()
    others = 'hydra.sweeper.where=["x + y <= 3"]'
    sweep(task, tmp_path / "s", [*space, others, "hydra.sweeper.dry_run=true"])
    looked_at = capsys.readouterr()
    sweep(task, tmp_path / "s", [*space, others])
    assert all(x + y <= 3 for x, y in seen[4:])
    broken = sum(x + y > 3 for x, y in seen[:4])
    printed = capsys.readouterr()
    said = f"began with other relations (x < y); {broken} of its 4 trials break those of this run (x + y <= 3)"
    assert said in looked_at.out + looked_at.err
    assert said in printed.out + printed.err
    with pytest.raises(CompactHydraException, match=r"where must be a list of relations such as"):
        sweep(task, tmp_path / "s", [*space, "hydra.sweeper.where={x:1}"])


def test_the_first_trials_break_no_relation(tmp_path: Path) -> None:
    seen: list[tuple[float, float]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.x, cfg.y))
        return float(cfg.x)

    space = ["x=interval(0,1,prior=0.9)", "y=interval(0,1,prior=0.1)", "hydra.sweeper.n_trials=3"]
    sweep(task, tmp_path / "s", [*space, 'hydra.sweeper.where=["x < y"]'], "x: 0.5\ny: 0.2\n")
    assert len(seen) == 3
    assert all(x < y for x, y in seen)


def test_constraints_may_be_expressions_of_what_jobs_return() -> None:
    (limit,) = constraints("constraints", ["latency + 2 * memory <= 10"])
    assert limit.of({"latency": 4, "memory": 4}) == 2.0
    assert limit.of({"latency": 4, "memory": 1.5}) == -3.0
    with pytest.raises(ValueError, match="limits 'memory', but the job returned"):
        limit.of({"latency": 4})
    for text, message in {
        "latency + <= 3": "constraints[0]: 'latency + ▸<= 3': expected a number",
        "a == b": "must be one comparison by <= or >=",
        "a < 1 and b < 2": "must be one comparison by <= or >=",
    }.items():
        with pytest.raises(ConfigError) as caught:
            constraints("constraints", [text])
        assert message in str(caught.value)
