"""Hydra's sweep grammar as a search space: one meaning on the command line and in hydra.sweeper.params."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (widens Hydra's own grammar, as Hydra's start does)
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan, read_plan
from hydra_plugins.hydra_hpo_sweeper._space._rehearsal import rehearse
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.space import Clause, SearchSpace


def F(low: float, high: float, **more: Any) -> FloatDistribution:
    return FloatDistribution(low, high, **more)


def I(low: int, high: int, **more: Any) -> IntDistribution:  # noqa: E743
    return IntDistribution(low, high, **more)


def C(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


SWEEPS: dict[str, tuple[str, BaseDistribution]] = {
    "interval": ("interval(0,1)", F(0, 1)),
    "interval-of-ints-is-real": ("interval(1,8)", F(1.0, 8.0)),
    "interval-negative": ("interval(-5.5,-0.5)", F(-5.5, -0.5)),
    "interval-named": ("interval(start=0,end=1)", F(0, 1)),
    "interval-one-point": ("interval(2,2)", F(2, 2)),
    "interval-exponents": ("interval(1e-5,1E-2)", F(1e-5, 1e-2)),
    "interval-log": ("interval(1e-5,1e-2,log=true)", F(1e-5, 1e-2, log=True)),
    "interval-log-false": ("interval(1e-5,1e-2,log=false)", F(1e-5, 1e-2)),
    "interval-step": ("interval(0,1,step=0.1)", F(0, 1, step=0.1)),
    "interval-step-int": ("interval(0,10,step=5)", F(0, 10, step=5)),
    "interval-spaces": ("interval( 0 , 1 )", F(0, 1)),
    "tag-log": ("tag(log, interval(0.001,1))", F(0.001, 1, log=True)),
    "tag-twice": ("tag(log, tag(log, interval(0.001,1)))", F(0.001, 1, log=True)),
    "tag-named-sweep": ("tag(log,sweep=interval(0.001,1))", F(0.001, 1, log=True)),
    "int-interval": ("int(interval(1,8))", I(1, 8)),
    "int-log-interval": ("tag(log, int(interval(16,128)))", I(16, 128, log=True)),
    "int-outside-tag": ("int(tag(log, interval(16,128)))", I(16, 128, log=True)),
    "int-interval-log-keyword": ("int(interval(16,128,log=true))", I(16, 128, log=True)),
    "int-interval-step": ("int(interval(0,100,step=10))", I(0, 100, step=10)),
    "float-interval": ("float(int(interval(1,8)))", F(1.0, 8.0)),
    "range": ("range(1,4)", I(1, 3)),
    "range-from-zero": ("range(3)", I(0, 2)),
    "range-step": ("range(10, 50, step=10)", I(10, 40, step=10)),
    "range-step-uneven": ("range(0,10,4)", I(0, 8, step=4)),
    "range-negative-step": ("range(10,1,-2)", I(2, 10, step=2)),
    "range-floats": ("range(-5.5, 5.5, step=0.5)", F(-5.5, 5.0, step=0.5)),
    "range-decimals": ("range(0,1,0.1)", F(0, 0.9, step=0.1)),
    "range-floats-down": ("range(1,0,-0.25)", F(0.25, 1, step=0.25)),
    "range-one-value": ("range(3,4)", I(3, 3)),
    "range-log": ("tag(log, range(10, 1000000))", I(10, 999999, log=True)),
    "range-to-float": ("float(range(1,4))", F(1, 3, step=1)),
    "range-floats-to-int": ("int(range(1.0,4.0))", I(1, 3)),
    "range-halves-to-int": ("int(range(0,2,0.5))", C(0, 1)),
    "range-shuffled": ("shuffle(range(1,4))", I(1, 3)),
    "range-sorted-down": ("sort(range(10,1,-2))", I(2, 10, step=2)),
    "range-sorted-reverse": ("sort(range(1,4),reverse=true)", I(1, 3)),
    "choice-words": ("choice(relu,tanh)", C("relu", "tanh")),
    "choice-one": ("choice(relu)", C("relu")),
    "choice-ints": ("choice(32,64,128)", C(32, 64, 128)),
    "choice-spaces": ("choice(-5 ,0 ,5)", C(-5, 0, 5)),
    "choice-floats": ("choice(1e-5, .5, 2.)", C(1e-5, 0.5, 2.0)),
    "choice-types-apart": ("choice(1,1.0,true,'1')", C(1, 1.0, True, "1")),
    "choice-null": ("choice(null,1)", C(None, 1)),
    "choice-booleans": ("choice(true,FALSE)", C(True, False)),
    "choice-infinite": ("choice(inf,-inf)", C(math.inf, -math.inf)),
    "choice-quoted-number": ("choice('10',\"20\")", C("10", "20")),
    "choice-quoted-comma": ("choice('a,b','c d')", C("a,b", "c d")),
    "choice-quoted-keyword": ("choice('null','true')", C("null", "true")),
    "choice-escaped-quote": (r"choice('it\'s',b)", C("it's", "b")),
    "choice-escaped-comma": (r"choice(a\,b,c)", C("a,b", "c")),
    "choice-words-with-space": ("choice(a b,c)", C("a b", "c")),
    "choice-dotted-path": ("choice(torch.optim.Adam,torch.optim.SGD)", C("torch.optim.Adam", "torch.optim.SGD")),
    "choice-unicode": ("choice('größe','日本')", C("größe", "日本")),
    "choice-lists": ("choice([512,256],[1024,512,256])", C([512, 256], [1024, 512, 256])),
    "choice-lists-of-quoted": ("choice(['a b',c],[])", C(["a b", "c"], [])),
    "choice-dicts": ("choice({a:1,b:[x]},{})", C({"a": 1, "b": ["x"]}, {})),
    "choice-nested": ("choice([[1],{a:null}])", C([[1], {"a": None}])),
    "choice-duplicates": ("choice(1,2,1)", C(1, 2)),
    "choice-interpolation": ("choice(${a},'${b}')", C("${a}", "${b}")),
    "choice-shuffled": ("shuffle(choice(b,a))", C("b", "a")),
    "choice-sorted": ("sort(choice(3,1,2))", C(1, 2, 3)),
    "choice-sorted-down": ("sort(choice(3,1,2),reverse=true)", C(3, 2, 1)),
    "choice-to-int": ("int(choice('1',2.7))", C(1, 2)),
    "choice-to-float": ("float(choice(1,2))", C(1.0, 2.0)),
    "choice-to-str": ("str(choice(1,true))", C("1", "true")),
    "choice-to-bool": ("bool(choice(0,'true'))", C(False, True)),
    "choice-of-simple": ("choice(sort(3,1))", C(1, 3)),
    "simple": ("1,2,3", C(1, 2, 3)),
    "simple-words": ("Adam,AdamW,SGD", C("Adam", "AdamW", "SGD")),
    "simple-null": ("null,1", C(None, 1)),
    "simple-quoted": ("'a,b',c", C("a,b", "c")),
    "simple-lists": ("[1,2],[3]", C([1, 2], [3])),
    "simple-sorted": ("sort(3,2,1)", C(1, 2, 3)),
    "simple-shuffled": ("shuffle(a,b)", C("a", "b")),
    "simple-to-int": ("int(3.9,2)", C(3, 2)),
    "simple-to-str": ("str([1,2],[3])", C(["1", "2"], ["3"])),
}


def swept(plan: Plan) -> tuple[BaseDistribution, bool]:
    (parameter,) = plan.space
    return parameter.distribution, parameter.ordered


@pytest.mark.parametrize(("text", "expected"), SWEEPS.values(), ids=SWEEPS)
def test_a_sweep_means_the_same_in_both_places(text: str, expected: BaseDistribution) -> None:
    OverridesParser.create().parse_overrides([f"x={text}"])  # Hydra itself reads the command line first
    typed = read_plan([f"x={text}"], None)
    written = read_plan([], OmegaConf.create({"a": 1, "b": 2, "params": {"x": text.replace("${", r"\${")}}).params)
    assert typed.space.names == ("x",)
    assert swept(typed)[0] == expected
    if "${" not in text:
        assert swept(written) == swept(typed)


YAML_ONLY = {
    "range-to-str": ("str(range(1,3))", C("1", "2")),
    "range-to-bool": ("bool(range(0,2))", C(False, True)),
}


@pytest.mark.parametrize(("text", "expected"), YAML_ONLY.values(), ids=YAML_ONLY)
def test_casts_that_hydra_refuses_on_the_command_line_work_in_yaml(text: str, expected: BaseDistribution) -> None:
    assert swept(read_plan([], {"x": text}))[0] == expected


ORDERED = {
    "tag": ("tag(ordered, choice(128,32,64))", C(32, 64, 128)),
    "tag-simple": ("tag(ordered, choice(0.5,0.1))", C(0.1, 0.5)),
    "words-keep-their-order": ("tag(ordered, choice(small,medium,large))", C("small", "medium", "large")),
}


@pytest.mark.parametrize(("text", "expected"), ORDERED.values(), ids=ORDERED)
def test_ordered_choices_lie_on_a_scale(text: str, expected: BaseDistribution) -> None:
    assert swept(read_plan([f"x={text}"], None)) == (expected, True)


def test_a_range_has_the_decimals_that_were_written() -> None:
    distribution = swept(read_plan(["x=range(0,1,0.1)"], None))[0]
    assert isinstance(distribution, FloatDistribution)
    assert [distribution.grid(index) for index in range(10)] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


KEYS = {
    "plain": ("x=1,2", "x"),
    "dotted": ("a.b.c=1,2", "a.b.c"),
    "list-index": ("trainer.callbacks.2.patience=1,2", "trainer.callbacks.2.patience"),
    "group": ("db=mysql,postgresql", "db"),
    "nested-group": ("db/schema=a,b", "db/schema"),
    "package": ("db@src=a,b", "db@src"),
    "group-package": ("optimizer@optimizer_feat=Adam,AdamW,SGD", "optimizer@optimizer_feat"),
    "add": ("+x=1,2", "+x"),
    "force-add": ("++x.y=1,2", "++x.y"),
    "add-package": ("+db@src.x=a,b", "+db@src.x"),
    "dollar": ("$x=1,2", "$x"),
    "underscores": ("a._target_=b,c", "a._target_"),
}


@pytest.mark.parametrize(("argument", "name"), KEYS.values(), ids=KEYS)
def test_a_parameter_is_named_by_its_key(argument: str, name: str) -> None:
    key, _, text = argument.partition("=")
    for plan in (read_plan([argument], None), read_plan([], {key: text})):
        assert plan.space.names == (name,)
        value = plan.space[name].distribution.to_external_repr(1)
        assert plan.overrides({name: value}) == [f"{name}={value}"]


@pytest.mark.skipif(hydra.__version__.startswith("1.3"), reason="keys with brackets came with Hydra 1.4")
@pytest.mark.parametrize("key", ["items[1].a", "a[b].c", r"a\.b"])
def test_keys_with_brackets_and_escapes(key: str) -> None:
    plan = read_plan([f"{key}=1,2"], None)
    assert plan.space.names == (key,)
    assert plan.overrides({key: 2}) == [f"{key}=2"]


FIXED = {
    "value": "y=5",
    "added": "+y=5",
    "forced": "++y=5",
    "deleted": "~z",
    "deleted-with-value": "~z=5",
    "deleted-group": "~trainer.callbacks.save_checkpoint",
    "list": "evaluator.metrics=[MAE,RMSE]",
    "dict": "a={b:1,c:[x,y]}",
    "quoted": "a='b, c'",
    "interpolation": "a=${b}",
    "empty": "a=",
    "null": "a=null",
    "cast": "a=int('3')",
    "group": "model=cnn",
    "package": "db@src=mysql",
}


@pytest.mark.parametrize("argument", FIXED.values(), ids=FIXED)
def test_fixed_overrides_go_to_every_job_unchanged(argument: str) -> None:
    plan = read_plan([argument, "x=1,2"], None)
    assert plan.fixed == (argument,)
    assert plan.overrides({"x": 2}) == [argument, "x=2"]


VALUES_IN_YAML = {
    "int": (5, "y=5"),
    "float": (1e-5, "y=1e-05"),
    "bool": (True, "y=true"),
    "null": (None, "y=null"),
    "list": ([1, "a b"], "y=[1,'a b']"),
    "empty-dict": ({}, "y={}"),
    "text-in-the-grammar": ("[a,b]", "y=[a,b]"),
}


@pytest.mark.parametrize(("value", "line"), VALUES_IN_YAML.values(), ids=VALUES_IN_YAML)
def test_plain_values_in_yaml_are_fixed(value: Any, line: str) -> None:
    assert read_plan([], OmegaConf.create({"y": value})).fixed == (line,)


class TestBothPlaces:
    def test_the_command_line_wins_over_yaml(self) -> None:
        plan = read_plan(["lr=0.1", "+w=interval(0,1)"], {"lr": "interval(0,1)", "w": "1,2", "depth": "range(3)"})
        assert plan.space.names == ("depth", "+w")
        assert plan.overrides({"depth": 2, "+w": 0.5}) == ["depth=2", "lr=0.1", "+w=0.5"]

    def test_a_deletion_on_the_command_line_takes_a_parameter_out(self) -> None:
        plan = read_plan(["~lr"], {"lr": "interval(0,1)", "x": "1,2"})
        assert plan.space.names == ("x",)
        assert plan.overrides({"x": 1}) == ["x=1", "~lr"]

    def test_the_last_of_several_fixed_values_wins_as_in_hydra(self) -> None:
        assert read_plan(["x=1", "x=2"], None).fixed == ("x=1", "x=2")

    def test_names_that_are_no_parameters_are_taken_as_keys(self) -> None:
        plan = read_plan(["x=1,2"], None)
        assert plan.overrides({"x": 1, "+w": 0.25}) == ["x=1", "+w=0.25"]

    def test_a_plan_made_by_hand_has_fixed_lines(self) -> None:
        assert Plan(SearchSpace([]), ("y=5",)).overrides({"x": "a b"}) == ["x='a b'", "y=5"]


SPECS: dict[str, tuple[dict[str, Any], BaseDistribution]] = {
    "float": ({"type": "float", "low": 0, "high": 1}, F(0, 1)),
    "float-log": ({"type": "float", "low": 1e-5, "high": 1e-2, "log": True}, F(1e-5, 1e-2, log=True)),
    "float-step": ({"type": "float", "low": -5.5, "high": 5.5, "step": 0.5}, F(-5.5, 5.5, step=0.5)),
    "float-as-text": ({"type": "float", "low": "1e-5", "high": "1e-2"}, F(1e-5, 1e-2)),
    "float-log-as-text": ({"type": "float", "low": "1e-5", "high": "1e-2", "log": "True"}, F(1e-5, 1e-2, log=True)),
    "float-nulls": ({"type": "float", "low": 0, "high": 1, "step": None, "log": None}, F(0, 1)),
    "int": ({"type": "int", "low": 1, "high": 8}, I(1, 8)),
    "int-log": ({"type": "int", "low": 1, "high": 1e3, "log": True}, I(1, 1000, log=True)),
    "int-step": ({"type": "int", "low": 0, "high": 10, "step": 5}, I(0, 10, step=5)),
    "categorical": ({"type": "categorical", "choices": ["a", 1, None, True]}, C("a", 1, None, True)),
    "categorical-lists": ({"type": "categorical", "choices": [[512, 256], [1024]]}, C([512, 256], [1024])),
    "categorical-without-type": ({"choices": ["1", 1]}, C("1", 1)),
    "sweep": ({"sweep": "interval(0,1)"}, F(0, 1)),
}


@pytest.mark.parametrize(("spec", "expected"), SPECS.values(), ids=SPECS)
def test_a_mapping_describes_a_parameter(spec: dict[str, Any], expected: BaseDistribution) -> None:
    flat = read_plan([], OmegaConf.create({"a.x": spec}))
    nested = read_plan([], OmegaConf.create({"a": {"x": spec}}))
    assert flat.space == nested.space == SearchSpace.of({"a.x": expected})


def test_nested_dictionaries_hold_parameters() -> None:
    plan = read_plan([], OmegaConf.create({"+m": {"o": {"lr": "interval(0,1)", "name": "x"}, "type": "choice(a,b)"}}))
    assert plan.space.names == ("+m.o.lr", "+m.type")
    assert plan.fixed == ("+m.o.name=x",)


def test_ordered_choices_in_a_mapping() -> None:
    assert swept(read_plan([], {"x": {"choices": [4, 2], "ordered": True}})) == (C(2, 4), True)


def test_interpolations_in_yaml_are_resolved_and_escaped_ones_kept() -> None:
    config = OmegaConf.create(
        {"top": 3, "space": {"x": "range(${top})"}, "params": "${space}", "more": {"y": r"choice(\${top},a)"}}
    )
    assert read_plan([], config.params).space == SearchSpace.of({"x": I(0, 2)})
    plan = read_plan([], config.more)
    assert plan.space["y"].distribution == C("${top}", "a")
    assert plan.overrides({"y": "${top}"}) == [r"y='\${top}'"]


# --- conditions -----------------------------------------------------------------------------------------------------

FAMILY = """
model: choice(svm, forest, mlp)
when model=svm:
  model.C: interval(1e-3, 1e3, log=true)
  model.kernel: choice(rbf, poly)
  when model.kernel=poly:
    model.degree: range(2, 6)
when model in [forest,mlp]:
  model.size: {type: int, low: 1, high: 100}
when model=forest and model.size>=10:
  +model.bootstrap: choice(true, false)
dropout: {type: float, low: 0, high: 0.5, when: {model: mlp, model.size: "> 20"}}
"""


class TestConditions:
    plan = read_plan([], OmegaConf.create(FAMILY))

    @pytest.mark.parametrize(
        ("params", "active"),
        [
            ({"model": "svm", "model.kernel": "rbf"}, ["model.C", "model.kernel"]),
            ({"model": "svm", "model.kernel": "poly"}, ["model.C", "model.kernel", "model.degree"]),
            ({"model": "forest", "model.size": 9}, ["model.size"]),
            ({"model": "forest", "model.size": 10}, ["model.size", "+model.bootstrap"]),
            ({"model": "mlp", "model.size": 20}, ["model.size"]),
            ({"model": "mlp", "model.size": 21}, ["model.size", "dropout"]),
        ],
        ids=str,
    )
    def test_each_family_has_its_own_parameters(self, params: dict[str, Any], active: list[str]) -> None:
        point = {**dict.fromkeys(self.plan.space.names, 1), **params}
        assert list(self.plan.space.active_only(point)) == ["model", *active]

    def test_inactive_parameters_are_not_passed(self) -> None:
        assert self.plan.overrides({"model": "forest", "model.size": 3}) == ["model=forest", "model.size=3"]

    @pytest.mark.parametrize(
        "when",
        [
            {"a": "x"},
            {"a": ["x"]},
            "a=x",
            "a==x",
            "a = x",
            "a in [x]",
            "a in x",
            "a in ['x']",
        ],
        ids=str,
    )
    def test_ways_to_write_one_condition(self, when: Any) -> None:
        plan = read_plan([], {"a": "x,y,z", "b": {"sweep": "1,2", "when": when}})
        assert plan.space["b"].when == (Clause("a", "in", ("x",)),)

    @pytest.mark.parametrize(
        ("when", "clause"),
        [
            ({"n": "> 2"}, Clause("n", ">", 2)),
            ({"n": "<=2"}, Clause("n", "<=", 2)),
            ({"n": 2}, Clause("n", "in", (2,))),
            ({"n": "!= 2"}, Clause("n", "not in", (2,))),
            ("n not in [1,2]", Clause("n", "not in", (1, 2))),
            ("n!=1,2", Clause("n", "not in", (1, 2))),
            ("n<3", Clause("n", "<", 3)),
        ],
        ids=str,
    )
    def test_operators(self, when: Any, clause: Clause) -> None:
        plan = read_plan([], {"n": "range(5)", "b": {"sweep": "1,2", "when": when}})
        assert plan.space["b"].when == (clause,)

    def test_a_value_is_compared_with_the_type_that_the_parent_has(self) -> None:
        plan = read_plan([], {"x": "interval(0,4,step=1)", "b": {"sweep": "1,2", "when": {"x": 2}}})
        assert plan.space.is_active("b", {"x": 2.0})

    def test_quoted_values_may_hold_and(self) -> None:
        plan = read_plan([], {"a": "'x and y',z", "b": {"sweep": "1,2", "when": "a='x and y' and a!=z"}})
        assert plan.space["b"].when == (Clause("a", "in", ("x and y",)), Clause("a", "not in", ("z",)))

    def test_a_parent_is_found_without_its_prefix(self) -> None:
        plan = read_plan([], {"+a": "x,y", "b": {"sweep": "1,2", "when": "a=x"}})
        assert plan.space["b"].when == (Clause("+a", "in", ("x",)),)

    def test_a_fixed_parent_decides_at_once(self) -> None:
        config = OmegaConf.create(FAMILY)
        svm = read_plan(["model=svm"], config)
        assert svm.space.names == ("model.C", "model.kernel", "model.degree")
        assert not svm.space["model.C"].when
        assert svm.overrides({"model.C": 1.0, "model.kernel": "rbf"})[-1] == "model=svm"
        assert read_plan(["model=mlp"], config).space.names == ("model.size", "dropout")

    def test_a_parent_chosen_in_the_configuration_decides_at_once(self) -> None:
        config = OmegaConf.create({"hydra": {"runtime": {"choices": {"opt@o": "sgd"}}}, "depth": 3})
        params = {
            "momentum": {"sweep": "interval(0,1)", "when": {"opt@o": "sgd"}},
            "beta": {"sweep": "interval(0,1)", "when": {"opt@o": "adam"}},
            "width": {"sweep": "1,2", "when": "depth>2"},
        }
        plan = read_plan([], params, None, config)
        assert plan.space.names == ("momentum", "width")
        assert not plan.space.is_conditional

    def test_one_key_may_have_another_range_in_each_family(self) -> None:
        plan = read_plan(
            [],
            OmegaConf.create(
                """
                opt: choice(adam, sgd)
                when opt=adam: {lr: "interval(1e-5, 1e-3)", beta: 0.9}
                when opt=sgd:
                  lr: interval(1e-3, 1)
                  when lr>0.5: {warmup: "choice(1,2)"}
                """
            ),
        )
        adam, sgd, warmup = plan.space.names[1:]
        assert plan.overrides({"opt": "adam", adam: 1e-4}) == ["opt=adam", "lr=0.0001", "beta=0.9"]
        assert plan.overrides({"opt": "sgd", sgd: 0.6, warmup: 2}) == ["opt=sgd", "lr=0.6", "warmup=2"]
        assert plan.space.active_only({"opt": "adam", sgd: 0.6, warmup: 2}) == {"opt": "adam"}

    def test_conditions_exclude_each_other_by_the_type_of_their_parent(self) -> None:
        blocks = {"when depth>3": {"lr": "interval(1e-5, 1e-3)"}, "when depth<4": {"lr": "interval(1e-3, 1)"}}
        plan = read_plan([], {"depth": "range(1,9)", **blocks})
        deep, shallow = plan.space.names[1:]
        assert plan.space.active_only({"depth": 3, deep: 1e-4, shallow: 0.1}) == {"depth": 3, shallow: 0.1}
        assert plan.space.active_only({"depth": 4, deep: 1e-4, shallow: 0.1}) == {"depth": 4, deep: 1e-4}
        with pytest.raises(ConfigError, match="can hold together"):
            read_plan([], {"depth": "interval(1,9)", **blocks})

    def test_a_conditional_parameter_set_on_the_command_line_keeps_its_condition(self) -> None:
        params = OmegaConf.create(FAMILY)
        fixed = read_plan(["model.C=7"], params)
        assert fixed.overrides({"model": "svm", "model.kernel": "rbf"}) == [
            "model=svm",
            "model.C=7",
            "model.kernel=rbf",
        ]
        assert fixed.overrides({"model": "mlp", "model.size": 3}) == ["model=mlp", "model.size=3"]
        again = read_plan(["model.C=1,2"], params)
        assert again.space["model.C"].distribution == C(1, 2)
        assert again.space["model.C"].when == (Clause("model", "in", ("svm",)),)


# --- values through a job's configuration ---------------------------------------------------------------------------

TRICKY = st.text(alphabet=st.sampled_from(list("ab10 \\'\"${}[]():=,~#\n\té%-.+_/日")), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    TRICKY.filter(lambda text: text != "???"),
    st.text(max_size=6).filter(lambda text: text != "???" and "\x00" not in text),
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_ ]{0,5}[a-z]", fullmatch=True), inner, max_size=3),
    ),
    max_leaves=6,
)
KEYWORDS = {"null", "true", "false", "inf", "nan"}


def has_keyword_key(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key in KEYWORDS or has_keyword_key(item) for key, item in value.items())
    return isinstance(value, list) and any(map(has_keyword_key, value))


def typed(value: Any) -> Any:
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return (type(value).__name__, repr(value))


@settings(max_examples=150, deadline=None)
@given(NESTED.filter(lambda value: not has_keyword_key(value)))
def test_every_value_arrives_as_it_is(value: Any) -> None:
    plan = read_plan([], OmegaConf.create({"x": {"type": "categorical", "choices": [_escaped(value), "other"]}}))
    stored = plan.space["x"].distribution.to_external_repr(0)
    assert typed(stored) == typed(value)
    (line,) = plan.overrides({"x": stored})
    config = OmegaConf.create({"x": None})
    override = OverridesParser.create().parse_override(line)
    OmegaConf.update(config, "x", override.value())
    arrived = OmegaConf.to_container(config, resolve=True)["x"]  # type: ignore[index, call-overload]
    assert typed(arrived) == typed(value)


def _escaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return escape(value) if isinstance(value, str) else value


@settings(max_examples=100, deadline=None)
@given(TRICKY)
def test_an_override_without_special_characters_has_no_quotes(text: str) -> None:
    written = as_text(text)
    assert written == text or written.startswith("'")


def test_interpolations_stay_interpolations() -> None:
    plan = read_plan(["x=choice(${y},b)"], None)
    (line,) = plan.overrides({"x": "${y}"})
    config = OmegaConf.create({"y": 7, "x": None})
    OmegaConf.update(config, "x", OverridesParser.create().parse_override(line).value())
    assert config.x == 7


# --- enqueued points ------------------------------------------------------------------------------------------------


class TestPoints:
    plan = read_plan(["z=5"], OmegaConf.create({"+lr": "interval(0,1)", "n": "range(1,9)", "m": "choice(a,b)"}))

    def test_points_take_the_names_and_types_of_the_space(self) -> None:
        ((point,), typed_n) = self.plan.points([{"lr": 1, "n": 2.0, "m": "b", "z": 5}]), int
        assert point == {"+lr": 1.0, "n": 2, "m": "b"}
        assert type(point["n"]) is typed_n

    def test_points_may_be_partial(self) -> None:
        assert self.plan.points([{"m": "a"}, {"+lr": 0.5}]) == ({"m": "a"}, {"+lr": 0.5})

    def test_inactive_values_are_left_out(self) -> None:
        plan = read_plan([], OmegaConf.create(FAMILY))
        assert plan.points([{"model": "svm", "model.C": 1, "model.size": 4}]) == ({"model": "svm", "model.C": 1.0},)

    @pytest.mark.parametrize(
        ("point", "message"),
        [
            ({"lrr": 1}, "enqueue[0]: 'lrr' is no parameter"),
            ({"lr": 2}, "enqueue[0].lr: 2 is not possible"),
            ({"m": "c"}, "enqueue[0].m: 'c' is not possible"),
            ({"z": 6}, "enqueue[0].z: 6 is not possible; 'z' is fixed to 5"),
        ],
        ids=str,
    )
    def test_points_outside_are_refused(self, point: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError) as error:
            self.plan.points([point])
        assert message in str(error.value)

    def test_a_custom_search_space_may_know_other_names(self) -> None:
        assert self.plan.points([{"w": 3}], open_ended=True) == ({"w": 3},)


# --- against a real configuration -----------------------------------------------------------------------------------


@pytest.fixture
def loader(tmp_path: Path) -> Any:
    (tmp_path / "config.yaml").write_text("defaults: [{model: cnn}, _self_]\nlr: 0.1\nitems: [{a: 1}, {a: 2}]\n")
    (tmp_path / "model").mkdir()
    for name in ("cnn", "mlp", "mlp_large"):
        (tmp_path / "model" / f"{name}.yaml").write_text(f"name: {name}\n{name}_only: 1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()


def composer(loader: Any) -> Any:
    from hydra.types import RunMode

    return lambda overrides: loader.load_configuration("config", overrides, RunMode.RUN)


class TestGroups:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("glob(*)", C("cnn", "mlp", "mlp_large")),
            ("glob('mlp*')", C("mlp", "mlp_large")),
            ("glob(*,exclude=cnn)", C("mlp", "mlp_large")),
            ("glob([cnn,mlp])", C("cnn", "mlp")),
            ("choice(cnn,mlp)", C("cnn", "mlp")),
            ("cnn,mlp", C("cnn", "mlp")),
        ],
    )
    def test_choices_of_a_group(self, loader: Any, text: str, expected: BaseDistribution) -> None:
        assert swept(read_plan([f"model={text}"], None, loader))[0] == expected
        assert swept(read_plan([], {"model": text}, loader))[0] == expected

    @pytest.mark.parametrize("text", ["cnn,mlpp", "choice(cnn,mlpp)", "glob(x*)"])
    def test_options_that_do_not_exist_are_refused(self, loader: Any, text: str) -> None:
        with pytest.raises(ConfigError, match=r"'model' on the command line: .*cnn, mlp, mlp_large"):
            read_plan([f"model={text}"], None, loader)

    def test_a_plan_that_fits_the_configuration_passes(self, loader: Any) -> None:
        params = """
        model: cnn,mlp
        lr: interval(0,1)
        items.1.a: range(3)
        when model=cnn: {model.cnn_only: "1,2"}
        when model=mlp: {model.mlp_only: "1,2"}
        """
        rehearse(read_plan(["+new=1,2"], OmegaConf.create(params), loader), composer(loader))

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"lrr": "interval(0,1)"}, "'lrr' in hydra.sweeper.params is not in the configuration"),
            (
                {"model": "cnn,mlp", "when model=mlp": {"model.cnn_only": "1,2"}},
                "'model.cnn_only' in hydra.sweeper.params",
            ),
            ({"model.nam": "a,b"}, "'model.nam' in hydra.sweeper.params"),
            ({"modell": "cnn,mlp"}, "'modell' in hydra.sweeper.params is not"),
        ],
        ids=str,
    )
    def test_a_key_that_does_not_exist_is_refused(self, loader: Any, params: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError) as error:
            rehearse(read_plan([], params, loader), composer(loader))
        assert message in str(error.value)


def test_hydras_own_functions_mean_what_they_meant() -> None:
    parser = OverridesParser.create()
    plain, log = (parser.parse_override(f"x=interval(1,2{more})").value() for more in ("", ",log=true"))
    assert (plain.start, plain.end, plain.tags) == (1.0, 2.0, set())
    assert (log.start, log.end, log.tags) == (1.0, 2.0, {"log"})
    for wrong in ("interval(a,2)", "choice(range(1,3))", "choice()", "interval(1,2,lg=true)"):
        with pytest.raises(Exception, match="evaluating"):
            parser.parse_override(f"x={wrong}")
