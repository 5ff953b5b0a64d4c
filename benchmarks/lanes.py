"""How busy four lanes are kept: this sweeper, and hydra-optuna-sweeper with the joblib launcher.

Run: ``python benchmarks/lanes.py --peer-python /path/to/venv/bin/python``

100 jobs that sleep for log-normal times (sigma 1, median 2 s; the same times for every contender, drawn by the job's
number). Shown is the share of lane time spent in jobs, from the start of the first job to the start of the
last one, and how long the whole took. ``--median`` makes the jobs shorter for a quick look.

``--peer-python`` is an interpreter that has hydra-optuna-sweeper and hydra-joblib-launcher.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANES = 4

APP = """
import math, os, random, time
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    start = time.time()
    number = HydraConfig.get().job.num
    time.sleep(float(os.environ["MEDIAN"]) * math.exp(random.Random(f"job {number}").gauss(0.0, 1.0)))
    with open(os.environ["SPANS"], "a") as spans:
        spans.write(f"{start} {time.time()}\\n")
    return cfg.x

if __name__ == "__main__":
    main()
"""


def run(python: str, arguments: list[str], median: float) -> tuple[list[tuple[float, float]], float]:
    """Return when each job started and ended, and the seconds that the whole took."""
    with tempfile.TemporaryDirectory() as folder:
        app, spans = Path(folder, "app.py"), Path(folder, "spans.txt")
        app.write_text(APP)
        environment = {**os.environ, "SPANS": str(spans), "MEDIAN": str(median), "PYTHONWARNINGS": "ignore"}
        if python == sys.executable:
            environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [python, str(app), "--multirun", f"hydra.sweep.dir={folder}/sweep", "+x=interval(0,1)", *arguments]
        begun = time.time()
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        took = time.time() - begun
        rows = [tuple(map(float, line.split())) for line in spans.read_text().splitlines()]
    return [(row[0], row[1]) for row in rows], took


def busy_share(spans: list[tuple[float, float]]) -> float:
    """Return the share of lane time that jobs take, between the first start and the last."""
    first, last = min(start for start, _ in spans), max(start for start, _ in spans)
    inside = sum(min(end, last) - start for start, end in spans if start < last)
    return inside / (LANES * (last - first))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter that has hydra-optuna-sweeper and hydra-joblib-launcher")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--median", type=float, default=2.0, help="seconds")
    options = parser.parse_args()
    count = [f"hydra.sweeper.n_trials={options.jobs}", f"hydra.sweeper.n_jobs={LANES}", "hydra/sweeper/sampler=random"]
    contenders = {"hydra-hpo-sweeper": (sys.executable, ["hydra/sweeper=hpo", "hydra.sweeper.progress=off", *count])}
    if options.peer_python is not None:
        arguments = ["hydra/sweeper=optuna", "hydra/launcher=joblib", f"hydra.launcher.n_jobs={LANES}", *count]
        contenders["hydra-optuna-sweeper + joblib"] = (options.peer_python, arguments)
    print(f"{options.jobs} jobs of {options.median:g} s (median, log-normal) on {LANES} lanes")
    for name, (python, arguments) in contenders.items():
        spans, took = run(python, arguments, options.median)
        work = sum(end - start for start, end in spans)
        print(f"  {name:32s} lanes busy {100 * busy_share(spans):5.1f} %   {took:7.1f} s for {work:.1f} s of work")


if __name__ == "__main__":
    main()
