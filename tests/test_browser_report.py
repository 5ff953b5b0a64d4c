"""The report in headless Chromium: it draws, sorts and filters, runs nothing that is stored, and says no error."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_browser_dashboard import CHROMIUM, QUIET, need
from test_report import EVIL, fill

import sweeper_core
from sweeper_core.cli import hpo

pytestmark = pytest.mark.browser

PROBE = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => errors.push("policy: " + event.violatedDirective));
window.alerted = false;
window.alert = () => { window.alerted = true; };
addEventListener("load", () => {
  const rows = () => document.querySelectorAll("#trials tbody tr").length;
  const input = document.getElementById("filter");
  const type = (text) => new Promise((resolve) => {
    input.value = text;
    input.dispatchEvent(new Event("input"));
    setTimeout(() => resolve(rows()), 300);
  });
  const sort = (name) => {
    [...document.querySelectorAll("#trials th button")].find((b) => b.title === name).click();
    return document.querySelector("#trials tbody tr td").textContent;
  };
  const opened = performance.now();
  setTimeout(async () => {
    const found = { opened, best: document.getElementById("best").textContent, all: rows() };
    found.failed = await type("state=failed");
    found.small = await type("lr<0.0001 state=complete");
    found.none = await type("nowhere-to-be-found");
    await type("");
    found.first = sort("loss");
    document.getElementById("theme").click();
    found.theme = document.documentElement.dataset.theme;
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "/" }));
    found.focused = document.activeElement.id;
    found.plots = document.querySelectorAll(".js-plotly-plot").length;
    found.scrolls = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    found.links = [...document.querySelectorAll("#trials a")].map((a) => a.protocol);
    found.took = performance.now();
    const out = document.createElement("pre");
    out.id = "probe";
    out.textContent = JSON.stringify({ ...found, errors, alerted: window.alerted });
    document.body.append(out);
  }, 500);
});
</script>
"""


SWITCH = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
const titles = () => [...document.querySelectorAll("h2")].map((one) => one.textContent);
const pressed = () => [...document.querySelectorAll(".choice button")].map((one) => one.getAttribute("aria-pressed"));
const histories = async () => {
  const heading = [...document.querySelectorAll("h2")].find((one) => one.textContent.startsWith("History"));
  heading.scrollIntoView();
  for (let tries = 0; tries < 50 && !heading.parentElement.querySelector(".js-plotly-plot"); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return heading.parentElement.querySelector(".js-plotly-plot").data.map((one) => [...one.y].map(Number));
};
addEventListener("load", async () => {
  const found = { before: [pressed(), await histories()], titles: titles() };
  document.querySelectorAll(".choice button")[1].click();
  found.after = [pressed(), await histories()];
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify({ ...found, errors });
  document.body.append(out);
});
</script>
"""


def opened(page: Path, width: int = 1400, probe: str = PROBE) -> tuple[dict[str, Any], str]:
    """Open a page with a script that uses it; return what the script saw, and what the console said."""
    probed = page.with_name("probed.html")
    text = page.read_text()
    probed.write_text(text.replace("<body>", "<body>" + probe, 1))
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, f"--user-data-dir={page.parent / 'browser'}", f"--window-size={width},4000"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", probed.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-2000:] + done.stderr[-2000:]
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(html.unescape(found[1])), console


@pytest.mark.parametrize("width", [1400, 500])
def test_a_report_of_1000_trials(tmp_path: Path, width: int) -> None:
    need(CHROMIUM, "Chromium")
    fill(f"sqlite:///{tmp_path / 'study.db'}", 1000, f"name {EVIL}")
    page = tmp_path / "report.html"
    assert hpo(["report", str(tmp_path / "study.db"), "-o", str(page)]) == 0
    assert page.stat().st_size < 5_000_000
    seen, console = opened(page, width)
    assert seen["errors"] == []
    assert console == ""
    assert seen["alerted"] is False
    assert seen["all"] == 50
    assert seen["failed"] == 50
    assert 0 < seen["small"] <= 50
    assert seen["none"] == 0
    assert seen["theme"] in ("light", "dark")
    assert seen["focused"] == "filter"
    assert seen["plots"] >= 5
    assert seen["scrolls"] is False
    assert set(seen["links"]) == {"file:"}


def test_another_objective_is_shown_at_a_click(tmp_path: Path) -> None:
    need(CHROMIUM, "Chromium")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    directions = ["minimize", "maximize"]
    study = sweeper_core.create_study(storage=url, study_name="two", directions=directions, scheduler="asha")
    study.set_metric_names(["loss", "size"])
    for number in range(6):
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        for step in range(3):
            trial.report({"loss": 1.0 / (step + number + 1), "size": 100.0 + number, "speed": 7.0 + step}, step)
        study.tell(trial, [float(number), 100.0 + number])
    page = tmp_path / "report.html"
    assert hpo(["report", str(tmp_path / "study.db"), "-o", str(page)]) == 0
    seen, console = opened(page, probe=SWITCH)
    assert seen["errors"] == []
    assert console == ""
    assert "Learning curves of speed" in seen["titles"]
    (first, losses), (second, sizes) = seen["before"], seen["after"]
    assert (first, second) == (["true", "false"], ["false", "true"])
    assert max(value for line in losses for value in line) < 100.0
    assert min(value for line in sizes for value in line) >= 100.0
