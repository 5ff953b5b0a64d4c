"""Overhead of a whole sweep per trivial trial: this sweeper, hydra-optuna-sweeper and Hydra's BasicSweeper.

Run: ``python benchmarks/sweep_overhead.py --peer-python /path/to/venv/bin/python``

Each contender sweeps the same application (it returns at once), one job at a time and then, for this sweeper, on two
lanes. This sweeper stores every trial durably (the default SQLite file), hydra-optuna-sweeper keeps them in memory.
The overhead of a trial is the time from the start of the first job to the start of the last, divided by
the number of jobs between: start-up is not part of it. Contenders take turns; the median of the rounds counts.

``--peer-python`` is an interpreter that has hydra-optuna-sweeper; without it that contender is left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

APP = """
import os, time
import hydra

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    with open(os.environ["STARTS"], "a") as starts:
        starts.write(f"{time.time()}\\n")
    return (cfg.x - 1.0) ** 2

if __name__ == "__main__":
    main()
"""


def contenders(trials: int, peer: str | None) -> dict[str, tuple[str, list[str]]]:
    """Return interpreter and arguments by name."""
    space = ["+x=interval(-5,5)", "hydra/sweeper/sampler=tpe"]
    ours = ["hydra/sweeper=hpo", f"hydra.sweeper.n_trials={trials}", "hydra.sweeper.progress=off", *space]
    found = {
        "hydra-hpo-sweeper, SQLite": (sys.executable, ours),
        "hydra-hpo-sweeper, SQLite, 2 lanes": (sys.executable, [*ours, "hydra.sweeper.n_jobs=2"]),
        "BasicSweeper": (sys.executable, [f"+x=range(0,{trials})"]),
    }
    if peer is not None:
        arguments = ["hydra/sweeper=optuna", f"hydra.sweeper.n_trials={trials}", "hydra.sweeper.n_jobs=1", *space]
        found["hydra-optuna-sweeper, memory"] = (peer, arguments)
    return found


def milliseconds(python: str, arguments: list[str]) -> float:
    """Return the overhead of one trial."""
    with tempfile.TemporaryDirectory() as folder:
        app, starts = Path(folder, "app.py"), Path(folder, "starts.txt")
        app.write_text(APP)
        environment = {**os.environ, "STARTS": str(starts), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
        if python == sys.executable:
            environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [python, str(app), "--multirun", f"hydra.sweep.dir={folder}/sweep", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        times = sorted(float(line) for line in starts.read_text().split())
    return 1000 * (times[-1] - times[0]) / (len(times) - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter that has hydra-optuna-sweeper")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rivals = contenders(options.trials, options.peer_python)
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(options.rounds):
        for name, (python, arguments) in rivals.items():
            times[name].append(milliseconds(python, arguments))
    ours = statistics.median(times["hydra-hpo-sweeper, SQLite"])
    print(f"Overhead per trivial trial ({options.trials} trials, median of {options.rounds} rounds)")
    for name, measured in times.items():
        middle = statistics.median(measured)
        print(f"  {name:36s} {middle:7.1f} ms   {middle / ours:5.2f} x ours on one lane")


if __name__ == "__main__":
    main()
