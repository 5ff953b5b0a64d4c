"""``hpo``: what its commands print for people, for pipes and for programs, and what they say to mistakes."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study, load_study
from sweeper_core.cli import hpo, term
from sweeper_core.cli.app import COMMANDS
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.report import overrides
from sweeper_core.report.beacon import beacons, lit
from sweeper_core.report.pictures import bars, sparkline
from sweeper_core.study import Study
from sweeper_core.trial import TrialState, create_trial

SPACE = {"lr": FloatDistribution(1e-5, 0.1, log=True), "kind": CategoricalDistribution(["a", "b", None])}
ESCAPE = "\x1b[31mred\x07"
SECRET = "postgresql://me:hunter2@host/db"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Return a directory as a sweep leaves it, with trials of every kind."""
    directory = tmp_path / "sweep"
    directory.mkdir()
    fill(f"sqlite:///{directory / 'study.db'}")
    return directory


def fill(url: str, name: str = "hpo") -> Study:
    study = create_study(storage=url, study_name=name, direction="minimize")
    for index in range(6):
        study.add_trial(
            create_trial(
                params={"lr": 10.0 ** -(index % 4 + 1), "kind": ["a", "b", None][index % 3]},
                distributions=SPACE,
                value=1.0 + abs(index - 3),
                intermediate_values={0: 3.0, 1: 2.0},
                system_attrs={"hpo:suggestion": {"origin": "tpe", "why": "good density"}},
            )
        )
    failed = {"hpo:failure": f"ValueError: {ESCAPE} {SECRET} 7", "hpo:traceback": f"Traceback\n  {ESCAPE} {SECRET}"}
    for _ in range(2):
        study.add_trial(create_trial(state=TrialState.FAIL, system_attrs=failed))
    verdict = {"hpo:verdict": {"step": 2, "reason": "below the median"}}
    study.add_trial(create_trial(state=TrialState.PRUNED, value=9.0, system_attrs=verdict))
    study.enqueue_trial({"lr": 0.01})
    return study


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that succeeds; return what it printed."""
    capsys.readouterr()
    assert hpo(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that fails; return its one line."""
    capsys.readouterr()
    assert hpo(arguments) == 1
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1, shown.err
    return shown.err


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that is not understood; return what it says."""
    capsys.readouterr()
    assert hpo(arguments) == 2
    return capsys.readouterr().err


# --- which study ----------------------------------------------------------------------------------------------------


def test_a_study_is_found_by_directory_file_url_and_alone(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sweep / "study.db"
    monkeypatch.chdir(sweep.parent)
    wheres: list[list[str]] = [[str(sweep)], [str(database)], [f"sqlite:///{database}"], [], ["--storage", str(sweep)]]
    for where in wheres:
        assert json.loads(said(capsys, "best", "--json", *where))["number"] == 3
    monkeypatch.setenv("HPO_STORAGE", f"sqlite:///{database}")
    monkeypatch.chdir("/")
    assert json.loads(said(capsys, "best", "--json"))["number"] == 3


def test_a_journal_is_found_in_its_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(str(tmp_path / "study.log"))
    assert json.loads(said(capsys, "best", "--json", str(tmp_path)))["number"] == 3


def test_a_directory_leads_to_the_storage_of_its_configuration(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    settings = (
        f"hydra:\n  sweeper:\n    storage: sqlite:///{sweep / 'study.db'}\n    study_name: hpo\n    n_trials: 50\n"
    )
    (other / "multirun.yaml").write_text(settings)
    found = json.loads(said(capsys, "status", "--json", str(other)))
    assert (found["study"], found["budget"], found["trials"]) == ("hpo", 50, 10)


def test_mistakes_about_where_are_one_line_and_create_nothing(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    broken = tmp_path / "broken.db"
    broken.write_bytes((sweep / "study.db").read_bytes()[:5000].ljust(20000, b"x"))
    (tmp_path / "text.log").write_text("2026 INFO hello")
    sqlite3.connect(tmp_path / "alien.db").execute("CREATE TABLE t (x)").connection.close()
    assert "has no study" in refused(capsys, "best", str(empty))
    assert "no study here" in refused(capsys, "status")
    assert "is not a storage" in refused(capsys, "best", "nonsense")
    assert "does not exist" in refused(capsys, "best", "sqlite:///typo.db")
    assert "does not exist" in refused(capsys, "trials", "journal:///typo.log")
    assert "does not exist" in refused(capsys, "trials", "typo.db")
    assert "neither a database nor a journal" in refused(capsys, "best", str(tmp_path / "text.log"))
    assert "not a database of studies" in refused(capsys, "best", str(tmp_path / "alien.db"))
    refused(capsys, "best", str(broken))
    assert "no study 'nobody'" in refused(capsys, "best", str(sweep), "--study", "nobody")
    assert "Did you mean 'complete'?" in wrong(capsys, "trials", str(sweep), "--state", "compelte")
    assert "Did you mean 'optimization_history'?" in wrong(capsys, "plot", "history", str(sweep))
    assert "'x' is not the number of a trial" in wrong(capsys, "why", "x", str(sweep))
    assert "/nowhere/a.html: " in refused(capsys, "report", str(sweep), "-o", "/nowhere/a.html")
    assert list(empty.iterdir()) == []
    (empty / "study.db").write_text("no database")
    assert "study.db is no database" in refused(capsys, "studies", str(empty))


def test_of_three_studies_one_has_to_be_named(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("second", f"third{ESCAPE}"):
        create_study(storage=f"sqlite:///{sweep / 'study.db'}", study_name=name)
    line = refused(capsys, "best", str(sweep))
    assert "3 studies" in line
    assert "--study" in line
    assert "\x1b" not in line
    assert said(capsys, "studies", str(sweep)).count("\n") == 3


# --- looking --------------------------------------------------------------------------------------------------------


def test_json_is_strict_and_fits_its_schema(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    study = load_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")
    study.add_trial(create_trial(value=math.inf, intermediate_values={0: math.nan}))
    running = study.ask()
    running.report(2.5, 0)
    schemas = json.loads(said(capsys, "schema"))
    outputs = {
        "status": ["--json"], "trials": ["--json"], "best": ["--json"], "studies": ["--json"],
    }  # fmt: skip
    for name, flags in outputs.items():
        for line in said(capsys, name, str(sweep), *flags).splitlines():
            jsonschema.validate(json.loads(line, parse_constant=pytest.fail), schemas[name])
    for arguments in (["why", "6"], ["diff", "0", "3"]):
        found = json.loads(said(capsys, *arguments, str(sweep), "--json"))
        jsonschema.validate(found, schemas[arguments[0]])
    assert set(schemas) == {*outputs, "why", "diff", "ask"}


def test_status_has_what_decides(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = load_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")
    trial = study.ask()
    trial.report(2.5, 7)
    found = json.loads(said(capsys, "status", "--json", str(sweep)))
    assert found["counts"] == {"RUNNING": 1, "COMPLETE": 6, "PRUNED": 1, "FAIL": 2, "WAITING": 0}
    assert [one["number"] for one in found["best"]] == [3]
    assert found["baseline"]["number"] == 0
    assert found["gain"] == 0.75
    assert found["running"][0]["curve"] == [[7, 2.5]]
    assert [(group["count"], group["trials"]) for group in found["failures"]] == [(2, [6, 7])]
    assert "hunter2" not in json.dumps(found)
    assert found["active"] is False
    text = said(capsys, "status", str(sweep))
    assert "trial 9 runs for" in text
    assert "2 failed" in text


def test_trials_are_chosen_and_ordered(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def numbers(*arguments: str) -> list[int]:
        lines = said(capsys, "trials", str(sweep), *arguments).splitlines()[1:]
        return [int(line.split("\t")[0]) for line in lines]

    assert numbers() == list(range(10))
    assert numbers("--state", "fail") == [6, 7]
    assert numbers("--best", "-n", "2") == [3, 2]
    assert numbers("-n", "3") == [7, 8, 9]


def test_a_terminal_gets_tables_and_no_escapes_of_others(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")
    space = {"evil": CategoricalDistribution([f"[bold]{ESCAPE}[/bold]"])}
    study.add_trial(create_trial(params={"evil": space["evil"].choices[0]}, distributions=space, value=0.1))
    monkeypatch.setattr(term, "is_terminal", lambda: True)
    for command in (["trials"], ["best"], ["studies"], ["status"], ["why", "6"], ["why", "10"], ["diff", "0", "10"]):
        text = said(capsys, *command, str(sweep))
        assert ESCAPE not in text
        assert "\x07" not in text
        assert "hunter2" not in text
    assert "[bold]\\x1b[31mred" in said(capsys, "best", str(sweep))


def test_why_tells_the_origin_the_verdict_and_the_failure(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"suggested by\s+tpe\nbecause\s+good density", said(capsys, "why", "3", str(sweep)))
    assert "stopped at step 2: below the median" in said(capsys, "why", "8", str(sweep))
    failed = said(capsys, "why", "6", str(sweep))
    assert "ValueError: \\x1b[31mred\\x07 postgresql://me:***@host/db" in failed
    assert "Traceback\n  \\x1b" in failed
    assert "no trial 77" in refused(capsys, "why", "77", str(sweep))


def test_the_best_as_overrides(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "best", "--overrides", str(sweep)) == "lr=0.0001 kind=a\n"
    (sweep / "optimization_results.yaml").write_text("best_trial: 3\n")
    (sweep / "best_overrides.yaml").write_text("- lr=0.0001\n- note='two words'\n")
    assert "--quote" in refused(capsys, "best", "--overrides", str(sweep))
    quoted = said(capsys, "best", "--overrides", "--quote", str(sweep))
    assert shlex.split(quoted) == ["lr=0.0001", "note='two words'"]


def test_the_top_trials_as_overrides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The best first, the earliest of equals, each configuration once; what jobs saved has what was fixed for them."""
    study = create_study(storage=f"sqlite:///{tmp_path}/study.db", direction="maximize")
    space = {"x": CategoricalDistribution(["a b", "b", "c"])}
    jobs = [("a b", 1.0, None), ("b", 3.0, "job"), ("b", 3.0, None), ("c", 2.0, "shared")]
    for x, value, folder in jobs:
        attrs = {} if folder is None else {"hpo:job_dir": str(tmp_path / folder)}
        study.add_trial(create_trial(params={"x": x}, distributions=space, value=value, system_attrs=attrs))
    for folder, lines in {"job": ["+fixed=1", "x='b'"], "shared": ["x='b'"]}.items():
        (tmp_path / folder / ".hydra").mkdir(parents=True)
        (tmp_path / folder / ".hydra" / "overrides.yaml").write_text(json.dumps(lines))
    lines = said(capsys, "best", "--top", "3", "--overrides", str(tmp_path)).splitlines()
    assert [shlex.split(line) for line in lines] == [["+fixed=1", "x='b'"], ["x=c"], ["x='a b'"]]
    assert [
        json.loads(line)["number"] for line in said(capsys, "best", "--top", "2", "--json", str(tmp_path)).splitlines()
    ] == [1, 3]


@pytest.mark.parametrize(
    "value", ["10", "null", "a'b", "a\\", "a\\'b", "", "${x}", "1e-5", 1e-05, True, None, [1, "x", None], {"a": "b c"}]
)
def test_an_override_gives_the_value_back(value: Any) -> None:
    parser = pytest.importorskip("hydra.core.override_parser.overrides_parser").OverridesParser.create()
    parsed = parser.parse_override(f"key={overrides.as_override(value)}")
    wanted = value.replace("${", "\\${") if isinstance(value, str) else value
    found = parsed.value()
    assert found == wanted
    assert type(found) is type(wanted)


def test_pictures_do_without_unicode() -> None:
    assert sparkline([1, 2, 3], 10, unicode=True) == "▁▄█"
    assert sparkline([1, math.nan, 3], 10, unicode=False).isascii()
    assert all(line.isascii() for line in bars({"a": 0.7, "b": 0.3}, 40, unicode=False))


def test_show_draws(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", str(sweep))
    assert "Importances" in text
    assert "trial 5" in text


def test_a_terminal_without_utf_8_and_colours(sweep: Path) -> None:
    """The one real process here: encodings belong to a process."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "sweeper_core.cli", "show", str(sweep)], env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"\x1b" not in done.stdout


# --- beside a sweep -------------------------------------------------------------------------------------------------


def test_watch_ends_with_the_sweep_and_tells_a_deleted_study(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = said(capsys, "watch", str(sweep)).splitlines()
    assert len(told) == 10
    assert told[-1].startswith("Study hpo (not running): ")
    study = load_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")

    def delete(_: float) -> None:
        from sweeper_core import delete_study

        delete_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")

    monkeypatch.setattr("sweeper_core.cli.beside.time.sleep", delete)
    with lit(sweep, 20, 2, "python train.py"):
        line = refused(capsys, "watch", str(sweep))
    assert "study" in line
    assert study is not None


@pytest.mark.parametrize("replaced", [False, True])
def test_watch_tells_a_database_that_is_removed_or_replaced(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    def remove(_: float) -> None:
        kept = (sweep / "study.db").rename(sweep / "elsewhere")
        if replaced:
            (sweep / "study.db").write_bytes(kept.read_bytes())

    monkeypatch.setattr("sweeper_core.cli.beside.time.sleep", remove)
    with lit(sweep, 20, 2, "python train.py"):
        line = refused(capsys, "watch", str(sweep))
    assert ("another file" if replaced else "was removed") in line


def test_watch_fails_when_the_process_of_the_sweep_has_died(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(study_name="hpo", storage=f"sqlite:///{sweep / 'study.db'}")
    trial = study.ask()
    monkeypatch.setattr("sweeper_core.cli.beside.is_abandoned", lambda attrs: True)
    assert f"The sweep died while trial {trial.number} ran" in refused(capsys, "watch", str(sweep))


def test_stop_interrupts_the_sweep_of_a_directory(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr("sweeper_core.cli.beside.os.kill", lambda pid, number: sent.append((pid, number)))
    assert "No sweep" in refused(capsys, "stop", str(sweep))
    with lit(sweep, 20, 2, "python train.py"):
        found = json.loads(said(capsys, "status", "--json", str(sweep)))
        assert (found["active"], found["budget"], found["sweeps"][0]["pid"]) == (True, 20, os.getpid())
        said(capsys, "stop", str(sweep))
    assert sent == [(os.getpid(), signal.SIGINT)]
    assert beacons(sweep) == []


def test_stop_does_not_touch_a_process_of_another_machine(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lit(sweep, None, None, ""):
        (path,) = sweep.glob(".sweep-*")
        content = json.loads(path.read_text())
        content["owner"]["host"] = "elsewhere"
        path.write_text(json.dumps(content))
        assert "elsewhere" in refused(capsys, "stop", str(sweep))


# --- moving and asking ----------------------------------------------------------------------------------------------


def test_tables_hold_no_formulas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    study = create_study(storage=url, study_name="s")
    space = {"x": CategoricalDistribution(["=cmd()", "@x", "-1+2", -3.5])}
    for value in space["x"].choices:
        study.add_trial(create_trial(params={"x": value}, distributions=space, value=-1.0, user_attrs={"=n": "+1"}))
    said(capsys, "export", str(tmp_path / "s.csv"), url)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert [line.split(",")[5] for line in lines[1:]] == ['"""=cmd()"""', '"""@x"""', '"""-1+2"""', "-3.5"]
    assert lines[1].split(",")[6] == '"""+1"""'


def test_parquet_has_typed_columns(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    said(capsys, "export", str(tmp_path / "s.parquet"), str(sweep))
    table = parquet.read_table(tmp_path / "s.parquet").to_pydict()
    assert table["value"][:2] == [4.0, 3.0]
    assert table["params_kind"][:3] == ["a", "b", None]
    assert table["number"] == list(range(10))


def test_trials_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    space = '{"x": {"type": "int", "low": 1, "high": 2}}'
    assert said(capsys, "create", url, "-s", "mine", "-d", "maximize", "--space", space) == "mine\n"
    assert "--exist-ok" in refused(capsys, "create", url, "-s", "mine")
    said(capsys, "enqueue", "x=2", "--in", url)
    assert "is not in" in refused(capsys, "enqueue", "x=3", "--in", url)
    assert "no parameter 'y'" in refused(capsys, "enqueue", "y=3", "--in", url)
    assert json.loads(said(capsys, "ask", url)) == {"number": 0, "params": {"x": 2}}
    assert "trial 0 COMPLETE" in said(capsys, "tell", "0", url, "--value", "-0.5")
    asked = json.loads(said(capsys, "ask", url))
    said(capsys, "tell", str(asked["number"]), url, "--state", "fail")
    study = load_study(study_name="mine", storage=url)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL"]
    study.add_trial(create_trial(params={"x": 1}, distributions={"x": IntDistribution(1, 2)}, value=1.0))
    assert "All 2 points" in refused(capsys, "ask", url)
    assert hpo(["tell", "0", url]) == 2


def test_rm_asks_first(sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--yes" in refused(capsys, "rm", str(sweep))
    monkeypatch.setattr("sweeper_core.cli.moving.sys.stdin", type("Tty", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: "n")
    assert hpo(["rm", str(sweep)]) == 130
    said(capsys, "rm", str(sweep), "--yes")
    assert said(capsys, "studies", str(sweep)) == ""


def test_plots_are_written(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("plotly")
    said(capsys, "plot", "slice", str(sweep), "-p", "lr", "-o", str(tmp_path / "s.html"))
    assert "plotly" in (tmp_path / "s.html").read_text()
    assert "takes no --param" in refused(capsys, "plot", "edf", str(sweep), "-p", "lr", "-o", str(tmp_path / "e.html"))


def test_a_plot_of_several_objectives_is_about_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    url, page = f"sqlite:///{tmp_path / 'two.db'}", str(tmp_path / "e.html")
    study = create_study(storage=url, study_name="two", directions=["minimize", "maximize"])
    study.set_metric_names(["loss", "accuracy"])
    study.add_trial(create_trial(values=[1.0, 0.5]))
    assert "'loss', 'accuracy'" in refused(capsys, "plot", "edf", url, "-o", page)
    assert "no objective '2'" in refused(capsys, "plot", "edf", url, "--objective", "2", "-o", page)
    assert "takes no --objective" in refused(capsys, "plot", "timeline", url, "--objective", "1", "-o", page)
    assert "pairs of parameters" in refused(capsys, "plot", "rank", url, "-p", "lr", "-o", page)
    said(capsys, "plot", "optimization_history", url, "--objective", "accuracy", "-o", page)
    assert "Best Value" in Path(page).read_text()


# --- help and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, command, "--help").startswith(f"Usage: hpo {command}")


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "rich", "sqlalchemy", "yaml", "scipy"}
    code = f"import sys; from sweeper_core.cli import hpo; hpo(['--help']); print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_status_starts_without_numpy(sweep: Path) -> None:
    code = f"import sys; from sweeper_core.cli import hpo; hpo(['status', '--json', {str(sweep)!r}]); "
    code += "print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_wrong_command_and_an_unexpected_error(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hpo(["bets"]) == 2
    assert "Did you mean 'best'" in capsys.readouterr().err

    def broken(*_: Any) -> None:
        raise RuntimeError("a\nb")

    monkeypatch.setattr("sweeper_core.cli.looking.find_study", broken)
    assert "RuntimeError: a\\nb (unexpected; HPO_DEBUG=1" in refused(capsys, "best", str(sweep))
    monkeypatch.setenv("HPO_DEBUG", "1")
    with pytest.raises(RuntimeError):
        hpo(["best", str(sweep)])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "_HPO_COMPLETE" in said(capsys, "completion", shell)
