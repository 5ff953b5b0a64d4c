"""Wrong uses: each is answered in one line before anything starts. The table is ``wrong_uses.txt``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plugin_support import surroundings
from wrong_uses_support import answer

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (widens Hydra's own grammar, as Hydra's start does)

TABLE = Path(__file__).with_name("wrong_uses.txt")
ROWS = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
WRONG_USES = dict(zip(ROWS[::2], map(str.strip, ROWS[1::2]), strict=True))


def test_the_table_is_long() -> None:
    assert len(WRONG_USES) >= 400


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("use", "expected"), WRONG_USES.items(), ids=WRONG_USES)
def test_a_wrong_use_is_answered_in_one_line(use: str, expected: str) -> None:
    kind, _, text = use.partition(" | ")
    said = answer(kind, text)
    assert said.startswith(expected)
    assert "\n" not in said
    assert "Distribution(" not in said
    assert "Error" not in said


APP = """
import sys
import hydra
from hydra.core.global_hydra import GlobalHydra

@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg):
    print("A JOB RAN")
    return 0.0

for line in open("commands.txt", encoding="utf-8"):
    print("COMMAND", flush=True)
    sys.argv[1:] = ["-m", *line.rstrip("\\n").split("\\t")]
    try:
        main()
        print("STATUS 0", flush=True)
    except SystemExit as end:
        print("STATUS", end.code, flush=True)
    except BaseException as error:
        print("Traceback", error, flush=True)
    GlobalHydra.instance().clear()
"""

# The arguments of a command, and a part of its answer.
COMMANDS: dict[str, tuple[list[str], str]] = {
    "bounds": (["x=interval(1,0)"], "swap them"),
    "key-unknown": (["xx=1,2"], "write +xx"),
    "option-unknown": (["model=a,c"], "has no option 'c'"),
    "group-of-numbers": (["model=interval(0,1)"], "choice(a, b)"),
    "sweep-in-list": (["+hydra.sweeper.params={x:[1,'interval(0,1)']}"], "a list cannot hold a sweep"),
    "setting-unknown": (["x=1,2", "hydra.sweeper.n_trails=3"], "Did you mean 'n_trials'?"),
    "setting-wrong": (["x=1,2", "hydra.sweeper.n_jobs=two"], "hydra.sweeper.n_jobs must be"),
    "direction": (["x=1,2", "hydra.sweeper.direction=min"], "Did you mean 'minimize'?"),
    "sampler-argument": (["x=1,2", "+hydra.sweeper.sampler.sed=3"], "Did you mean 'seed'?"),
    "sampler-number": (["x=1,2", "hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.n_startup_trials=abc"], "whole"),
    "samplers": (["x=1,2", "hydra/sweeper/sampler=[tpe,gp]"], "must be one name"),
    "devices": (["x=1,2", "hydra.sweeper.devices=foo"], "hydra.sweeper.devices must be a count"),
    "devices-per-job": (["x=1,2", "hydra.sweeper.devices_per_job=2"], "needs hydra.sweeper.devices"),
    "storage": (["x=1,2", "hydra.sweeper.storage=sqlite//a"], "must be a URL"),
    "enqueue": (["x=interval(0,1)", "hydra.sweeper.enqueue=[{x:3}]"], "'x' is interval(0, 1)"),
    "start": (["x=interval(0,1)", "hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.x0={x:3}"], "x0.x: 3"),
    "unresolved": (["+hydra.sweeper.params={x:'${nope}'}"], "Interpolation key 'nope' not found"),
    "foreign": (["+hydra.sweeper.params={x:{lower:0,upper:1}}"], "the form of Nevergrad"),
    "condition": (["+hydra.sweeper.params={x:{sweep:'1,2',when:{modle:a}}}"], "Did you mean 'model'?"),
    "hydras-own": (["space@hydra.sweeper.params=a,b"], "cannot be swept"),
    "function-unknown": (["pair=zipp(model=choice(a,b),t.x=choice(1,2))"], "no function 'zipp'. Did you mean 'zip'?"),
    "bracket-missing": (["x=int(interval(1,8)"], "cannot read 'int(interval(1,8)▸': expected ')'\n"),
    "argument-unknown": (["x=interval(1,8,logg=true)"], "Did you mean 'log'?\n"),
    "relation-without-quotes": (["x=1,2", "hydra.sweeper.where=[x <= 1]"], "give texts in quotes"),
    "limit": (["x=1,2", "hydra.sweeper.constraints={latency:ten}"], "a limit such as"),
}


def test_wrong_commands_end_with_one_line_and_a_status(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "space").mkdir()
    for name in ("a", "b"):
        (tmp_path / "conf" / "model" / f"{name}.yaml").write_text(f"w: {name}\n")
        (tmp_path / "conf" / "space" / f"{name}.yaml").write_text("x: 1,2\n")
    config = "defaults: [{model: a}, {override hydra/sweeper: hpo}, _self_]\nx: 0\n"
    (tmp_path / "conf" / "config.yaml").write_text(config)
    (tmp_path / "app.py").write_text(APP)
    lines = ["\t".join([*arguments, "hydra.sweep.dir=kept"]) for arguments, _ in COMMANDS.values()]
    (tmp_path / "commands.txt").write_text("\n".join(lines) + "\n")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "study.db").write_text("what was stored before")
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    answers = done.stdout.split("COMMAND\n")[1:]
    assert len(answers) == len(COMMANDS), done.stdout
    for name, said, (_, expected) in zip(COMMANDS, answers, COMMANDS.values(), strict=True):
        assert expected in said, (name, said)
        assert "STATUS 1" in said, (name, said)
        assert "See https" not in said, (name, said)
        assert "Traceback" not in said, (name, said)
        assert "A JOB RAN" not in said, (name, said)
    assert [path.name for path in kept.iterdir()] == ["study.db"]
    assert (kept / "study.db").read_text() == "what was stored before"


def test_names_of_other_tools_lead_to_what_exists() -> None:
    from hydra_plugins.hydra_hpo_sweeper._config._other_names import ALGORITHMS, SETTINGS
    from hydra_plugins.hydra_hpo_sweeper._config._settings import KEYS
    from sweeper_core.registry import TABLES

    assert {name.partition(".")[0] for name in SETTINGS} <= set(KEYS)
    # What exists is never answered with something else.
    assert not {other for others in SETTINGS.values() for other in others.split()} & set(KEYS)
    for kind, table in ALGORITHMS.items():
        assert set(table) <= set(TABLES[kind])
        assert not {other for others in table.values() for other in others.split()} & set(TABLES[kind])
