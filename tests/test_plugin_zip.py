"""``pair=zip(model=choice(a,b), training.batch_size=choice(32,64))``: one dimension that sets several overrides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
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
from sweeper_core.report.overrides import overrides_of
from sweeper_core.search_space.space import Clause
from sweeper_core.testing.simulation import record_of
from sweeper_core.trial.attrs import JOB_DIRECTORY

PAIR = "pair=zip(model=choice(resnet,'vit, b'), training.batch_size=[32,64], +db@src=choice(x,y))"
ROWS = ("model=resnet training.batch_size=32 +db@src=x", "model='vit, b' training.batch_size=64 +db@src=y")


@pytest.mark.parametrize("in_yaml", [False, True], ids=["command line", "yaml"])
def test_a_zip_is_one_parameter_of_texts_that_sets_several_overrides(in_yaml: bool) -> None:
    lines = ([], {"pair": PAIR.partition("=")[2]}) if in_yaml else ([PAIR], None)
    plan = read_plan(*lines)
    assert plan.space["pair"].distribution.choices == ROWS  # type: ignore[attr-defined]
    assert plan.overrides({"pair": ROWS[1]}) == ["model='vit, b'", "training.batch_size=64", "+db@src=y"]


def test_a_zip_is_enqueued_by_its_members_or_its_row() -> None:
    plan = read_plan([PAIR, "lr=interval(0,1)"], None)
    given = [{"training.batch_size": 64, "lr": 0.5}, {"pair": ROWS[0]}]
    assert plan.points(given) == ({"pair": ROWS[1], "lr": 0.5}, {"pair": ROWS[0]})
    with pytest.raises(ConfigError, match=r"enqueue\[0\]: model=resnet training.batch_size=64 is no row of pair"):
        plan.points([{"model": "resnet", "training.batch_size": 64}])


def test_conditions_look_at_the_members_of_a_zip_and_hold_for_zips() -> None:
    params = {
        "pair": PAIR.partition("=")[2],
        "when training.batch_size>40": {"lr": "interval(0,1)"},
        "when lr<0.5": {"other": "zip(a=[1,2], b=[3,4])"},
    }
    space = read_plan([], params).space
    assert space["lr"].when == (Clause("pair", "in", (ROWS[1],)),)
    assert space["other"].when == (Clause("lr", "<", 0.5),)


WRONG = {
    "pair=zip(a=[1,2], b=[1])": "the members of zip() need equally many values, but a has 2, b has 1",
    "pair=zip(a=[1,2])": "zip() needs two members at least, not 1",
    "pair=zip()": "zip() takes members such as model=choice(a,b), not ''",
    "pair=zip(choice(1,2), b=[1,2])": "zip() takes members such as model=choice(a,b), not 'choice(1,2)'",
    "pair=zip(a=interval(0,1), b=[1,2])": "'a' of zip() needs choice(…), range(…) or a list, not an interval",
    "pair=zip(a=zip(c=[1],d=[2]), b=[1])": "the member 'a' is a zip() itself",
    "pair=zip(a=[1,2], a=[1,2])": "the member 'a' is in zip() twice",
    "pair=zip(a=[1,2, b=[1,2])": "expected ']' before the end of zip(",
    "pair=zip(a=3, b=[1,2])": "the member 'a' of zip() needs choice(…), range(…) or a list, not 3",
    "a.b=zip(a=[1,2], b=[1,2])": "the name of a zip is one word",
    "+pair=zip(a=[1,2], b=[1,2])": "the name of a zip is one word, neither a key nor a config group and without +",
    "model=zip(a=[1,2], b=[1,2])": "'model' on the command line is a key of the configuration; a zip has",
    "pair=zip(hydra.run.dir=[1,2], b=[1,2])": "Hydra's own configuration cannot be swept",
    "pair=zip(lr=[1,2], b=[1,2])": "its member 'lr' is given besides ('lr' on the command line)",
    "pair=zip(fix=[1,2], b=[1,2])": "its member 'fix' is given besides ('fix' on the command line)",
    "pair=zip(q=[1,2], b=[1,2])": "its member 'q' is given besides ('first' on the command line)",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG)
def test_a_wrong_zip_is_answered_in_one_line(text: str, message: str) -> None:
    others = ["lr=interval(0,1)", "fix=3", "first=zip(q=[1,2],p=[1,2])"]
    with pytest.raises(ConfigError) as caught:
        read_plan([*others, text], None, config=OmegaConf.create({"model": "x"}))
    assert message in str(caught.value)


def test_hydra_passes_a_zip_on_and_other_sweepers_refuse_it() -> None:
    (override,) = OverridesParser.create().parse_overrides([PAIR])
    assert override.is_sweep_override()
    assert (override.get_key_element(), override.input_line) == ("pair", PAIR)
    with pytest.raises(HydraException, match="understood by hydra/sweeper=hpo"):
        list(override.sweep_string_iterator())
    named_wrongly = OverridesParser.create().parse_overrides([f"+{PAIR}", f"a.b{PAIR}"])
    assert [one.input_line for one in named_wrongly] == [f"+{PAIR}", f"a.b{PAIR}"]  # the sweeper says what is wrong


def test_tab_completion_goes_on_behind_a_zip(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("training: {batch_size: 8}\nmodel: a\n")
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("app", create_config_search_path(str(tmp_path)))
    try:
        line = "-m pair=zip(model=[a,b],training.batch_size=[1,2]) x=interval(1,2) tr"
        assert BashCompletion(hydra.config_loader)._query("config", line) == ["training."]
    finally:
        GlobalHydra.instance().clear()


def test_a_sweep_over_a_zip(tmp_path: Path) -> None:
    seen: list[tuple[Any, Any, Any]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.model, cfg.training.batch_size, cfg.lr))
        return float(cfg.lr)

    config = "model: vit\ntraining: {batch_size: 64}\nlr: 2\n"
    pair = "pair=zip(model=choice(resnet,vit), training.batch_size=choice(32,64))"
    sweep(task, tmp_path / "s", [pair, "lr=1,2", "hydra.sweeper.n_trials=9"], config)
    assert seen[0] == ("vit", 64, 2)  # the configuration's own values
    assert sorted(seen) == [("resnet", 32, 1), ("resnet", 32, 2), ("vit", 64, 1), ("vit", 64, 2)]
    (job,) = tmp_path.glob("s/0")
    row = "model=vit training.batch_size=64"
    record = replace(
        record_of(5, read_plan([pair, "lr=1,2"], None).space, {"pair": row, "lr": 2}),
        system_attrs={JOB_DIRECTORY: str(job)},
    )
    assert overrides_of(tmp_path, record) == ["model=vit", "training.batch_size=64", "lr=2"]
    best = OmegaConf.load(tmp_path / "s" / "best_overrides.yaml")
    assert "lr=1" in best
    assert {"model=resnet", "training.batch_size=32"} <= set(best) or {"model=vit"} <= set(best)
