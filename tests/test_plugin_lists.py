"""``order=permutation(a,b,c)`` and ``w=simplex(3)``: a list for the job, numbers for the search."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from plugin_support import sweep

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (widens Hydra's own grammar, as Hydra's start does)
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from sweeper_core import create_study
from sweeper_core.cli import main
from sweeper_core.search_space.lists import ListParameter, Permutation, lists_to_json
from sweeper_core.search_space.space import Clause
from sweeper_core.storages.base import TrialData

CONFIG = "order: [b, a, c]\nw: [0.2, 0.3, 0.5]\nx: 0.5\nmodel: m\n"
LISTS = ("order=permutation(a,b,c)", "w=simplex(3)")
IN_YAML = {"order": {"type": "permutation", "choices": ["a", "b", "c"]}, "w": {"type": "simplex", "size": 3}}


@pytest.mark.parametrize(
    ("arguments", "params"),
    [(LISTS, None), ((), dict(text.split("=") for text in LISTS)), ((), IN_YAML)],
    ids=["command line", "yaml", "mapping"],
)
def test_a_list_is_several_numeric_parameters_and_one_override(arguments: Any, params: Any) -> None:
    plan = read_plan(arguments, params)
    assert plan.space.names == ("order[1]", "order[2]", "w[0]", "w[1]")
    point = {"order[1]": 0, "order[2]": 1, "w[0]": 0.25, "w[1]": 0.5}
    assert plan.overrides(point) == ["order=[b,c,a]", "w=[0.5,0.25,0.25]"]
    assert plan.shown(point) == {"order": ["b", "c", "a"], "w": [0.5, 0.25, 0.25]}
    assert plan.points([{"order": ["b", "c", "a"], "w": [0.5, 0.25, 0.25]}]) == (point,)


def test_items_keep_their_type_and_text() -> None:
    plan = read_plan(["+a.b@c=permutation(1,'1',null,'x y',true)"], None)
    assert plan.overrides({f"+a.b@c[{place}]": place for place in range(1, 5)}) == ["+a.b@c=[1,'1',null,'x y',true]"]


def test_lists_have_conditions_and_may_share_a_key() -> None:
    params = {
        "model": "choice(m,n)",
        "when model=m": {"w": "simplex(2)", "order": IN_YAML["order"]},
        "w": {"type": "simplex", "size": 3, "when": "model=n"},
    }
    plan = read_plan([], params)
    assert plan.space.names == (
        "model",
        "w[0] when model=m",
        "order[1]",
        "order[2]",
        *(f"w[{k}] when model=n" for k in (0, 1)),
    )
    assert plan.space["order[2]"].when == (Clause("model", "in", ("m",)),)
    assert plan.overrides({"model": "n", "w[0] when model=n": 1.0, "w[1] when model=n": 0.0}) == [
        "model=n",
        "w=[0.0,1.0,0.0]",
    ]
    assert plan.points([{"model": "m", "w": [0.25, 0.75]}]) == ({"model": "m", "w[0] when model=m": 0.75},)


WRONG = {
    "w=permutation(a)": "a permutation has 2 to 100 items, not 1",
    "w=permutation(a,b,a)": "the item 'a' is in the permutation twice",
    "w=permutation([a,b])": "permutation() takes its items one by one",
    "w=permutation(a,choice(1,2))": "the items of permutation() are values, not sweeps",
    "w=permutation(a,[1])": "texts, numbers, true, false or null",
    "w=simplex(1)": "a simplex has 2 to 100 weights, not 1",
    "w=simplex(x)": "simplex() takes the number of its weights, an int: simplex(3)",
    "w=simplex(2,3)": "simplex() takes the number of its weights, an int: simplex(3)",
    "w=simplex(3.0)": "simplex() takes the number of its weights, an int: simplex(3)",
    "w=shuffle(permutation(a,b))": "shuffle() does not take permutation(), whose values are lists",
    "w=tag(log,simplex(3))": "tag() does not take simplex()",
    "w=interval(simplex(2),1)": "interval() does not take simplex()",
    "w=choice(simplex(2),1)": "a sweep cannot be a choice of another sweep",
    "w=zip(a=permutation(1,2),b=[1,2])": "the member 'a' of zip() needs choice(…), range(…) or a list, not permu",
    "w=simplx(3)": "Did you mean 'simplex'?",
}


@pytest.mark.parametrize(("argument", "message"), WRONG.items(), ids=WRONG)
def test_mistakes_are_told_in_one_line(argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plan([argument], None)
    assert message in str(caught.value)
    assert str(caught.value).startswith("'w' on the command line: ")
    assert "\n" not in str(caught.value)


MISUSES: dict[str, dict[str, Any]] = {
    "the condition w=1 looks at a list": {"params": {"w": "simplex(2)", "when w=1": {"x": "interval(0,1)"}}},
    "hydra.sweeper.where[0]: 'w' is 2 weights whose sum is 1, of which": {
        "params": {"w": "simplex(2)", "x": "interval(0,1)"},
        "where": ["w[0] < x"],
    },
    "unknown key 'n' of a parameter of type simplex. Did you mean 'size'?": {
        "params": {"w": {"type": "simplex", "n": 3}}
    },
    "an int, not '3'": {"params": {"w": {"type": "simplex", "size": "3"}}},
    "'choices' of a permutation must be a list, not 'ab'": {"params": {"w": {"type": "permutation", "choices": "ab"}}},
    "unknown key 'ordered'": {"params": {"w": {"type": "permutation", "choices": ["a", "b"], "ordered": True}}},
}


@pytest.mark.parametrize(("message", "given"), MISUSES.items(), ids=MISUSES)
def test_misuses_in_the_configuration_are_told_in_one_line(message: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plan([], given["params"], where=given.get("where", ()))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"w": [0.5, 0.6, 0]}, "enqueue[0].w: [0.5, 0.6, 0] is no list of 3 numbers from 0 on whose sum is 1."),
        ({"order": ["a", "b"]}, "enqueue[0].order: ['a', 'b'] is no order of a, b, c."),
        ({"w": 1}, "enqueue[0].w: 1 is not possible; 'w' is 3 weights whose sum is 1."),
        ({"w[0]": 1}, "'w[0]' is no parameter of this sweep. There are order, w."),
    ],
    ids=["sum", "length", "number", "part"],
)
def test_wrong_points_are_told_in_one_line(point: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plan(LISTS, None).points([point])
    assert message in str(caught.value)


def test_hydras_own_parser_takes_them_and_its_sweeper_does_not() -> None:
    override = OverridesParser.create().parse_override("a.b=permutation(1,'x y',null)")
    assert override.is_sweep_override()
    with pytest.raises(HydraException, match="understood by hydra/sweeper=hpo"):
        list(override.sweep_string_iterator())


def test_tab_completion_goes_on_behind_every_function(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("training: {batch_size: 8}\nmodel: a\n")
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("app", create_config_search_path(str(tmp_path)))
    typed = ["order=permutation(a,b)", "w=simplex(3)", "z=choice(1,null,prior=1)", "x=interval(1e-3,1,log=true)"]
    try:
        line = f"-m {' '.join([*typed, 'n=range(1,9,prior=4)', 'p=zip(a.b=[1,2],c=[3,4])'])} tr"
        assert BashCompletion(hydra.config_loader)._query("config", line) == ["training."]
    finally:
        GlobalHydra.instance().clear()


def test_a_sweep_gives_each_job_a_list_and_shows_lists_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, Any]] = []

    def task(config: Any) -> float:
        seen.append(OmegaConf.to_container(config))  # type: ignore[arg-type]
        return float(config.w[0] + list(config.order).index("b"))

    directory = tmp_path / "s"
    more = [
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.report=false",
        "hydra.sweeper.start=config",
        "hydra.sweeper.enqueue=[{order:[c,b,a]}]",
    ]
    result = sweep(task, directory, [*LISTS, *more], CONFIG)
    assert [(sorted(job["order"]), round(sum(job["w"]), 9)) for job in seen] == [(["a", "b", "c"], 1.0)] * 4
    assert seen[0]["order"] == ["c", "b", "a"]
    assert (seen[1]["order"], seen[1]["w"]) == (["b", "a", "c"], [0.2, 0.3, 0.5])  # the configuration's own
    best = min(seen, key=lambda job: job["w"][0] + job["order"].index("b"))
    shown = {name: best[name] for name in ("order", "w")}
    assert result.best_params == shown
    assert yaml.safe_load((directory / "optimization_results.yaml").read_text())["best_params"] == shown
    assert {key: yaml.safe_load((directory / "best_config.yaml").read_text())[key] for key in shown} == shown
    (order,) = (
        line for line in yaml.safe_load((directory / "best_overrides.yaml").read_text()) if line.startswith("order=")
    )
    assert order == f"order=[{','.join(best['order'])}]"
    with open(directory / "trials.csv") as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["params.order"]) for row in rows] == [job["order"] for job in seen]
    assert [json.loads(row["params.w"]) for row in rows] == [job["w"] for job in seen]
    capsys.readouterr()
    assert main(["best", "--json", str(directory)]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == shown
    more = ["order=permutation(a,b)", "hydra.sweeper.n_trials=1"]
    with pytest.raises(Exception, match="'order' is an order of a, b, but in study 'hpo' it is an order of a, b, c"):
        sweep(task, directory, more, CONFIG)


def test_the_line_of_a_trial_that_waits_in_a_queue_shows_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    session = create_study(storage=url, study_name="hpo").session
    order = ListParameter("order", Permutation(("a", "b", "c")))
    storage, study_id = session.storage, session.study.study_id
    storage.set_study_attrs(study_id, system={"hpo:lists": lists_to_json([order])})
    claim = storage.reserve(study_id)
    assert claim is not None
    data = TrialData(order.params(["c", "a", "b"]), order.distributions, system_attrs={"hpo:cluster_job": {"id": "1"}})
    storage.describe(study_id, claim.number, data)
    assert main(["status", url]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "waits in the queue" in line)
    assert line.endswith('order=["c", "a", "b"]')
