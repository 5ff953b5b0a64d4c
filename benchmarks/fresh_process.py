"""What a lane loses between two jobs when each job has a process of its own.

    python benchmarks/fresh_process.py [--jobs 50] [--body 2] [--imports numpy]

One lane of processes, with ``fresh_process`` and without, random search. The gap is from the end of a job's body to the
start of the next one's, as the bodies see it (median and 90 % quantile). On a busy machine most of it may be waiting
for a core, so that the CPU time of sweeper and next process within the gap (Linux only), and how long they waited for a
core, stand beside it. ``--body`` is how long a job sleeps: a process that is to be ready has to start meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

APP = """
import json, os, time
import hydra
{imports}

def clocks():
    sweeper, found = os.getppid(), {{}}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if pid != sweeper and int(open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[1]) != sweeper:
                continue
            folder = f"/proc/{{pid}}/task"
            threads = [open(f"{{folder}}/{{thread}}/schedstat").read() for thread in os.listdir(folder)]
        except OSError:
            continue
        ran, queued = (sum(int(text.split()[part]) / 1e9 for text in threads) for part in (0, 1))
        found["sweeper" if pid == sweeper else str(pid)] = (ran, queued)
    return found

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    begun, before = time.time(), clocks()
    time.sleep({body})
    after = clocks()
    with open({spans!r}, "a") as spans:
        print(json.dumps([str(os.getpid()), begun, before, after, time.time()]), file=spans)
    return cfg.x

if __name__ == "__main__":
    main()
"""


def run(jobs: int, body: float, imports: str, settings: list[str]) -> list[Any]:
    """Return a row for each job: process, start, clocks, clocks at the end, end."""
    with tempfile.TemporaryDirectory() as folder:
        app, spans = Path(folder, "app.py"), Path(folder, "spans.txt")
        lines = "\n".join(f"import {name}" for name in imports.split(",") if name)
        app.write_text(APP.format(imports=lines, body=body, spans=str(spans)))
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, str(app), "--multirun", "hydra/sweeper=hpo", "hydra/sweeper/sampler=random"]
        command += [f"hydra.sweep.dir={folder}/sweep", "hydra.sweeper.progress=off", "+x=interval(0,1)"]
        command += [f"hydra.sweeper.n_trials={jobs}", "hydra.sweeper.lanes=process", *settings]
        environment = {**os.environ, "PYTHONPATH": path}
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        return [json.loads(line) for line in spans.read_text().splitlines()]


def gaps(rows: list[Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return wall, CPU and queueing seconds of each gap but the first, whose process may have started late."""
    found: dict[str, list[float]] = {"wall": []}
    for (*_, at_end, end), (process, begun, at_start, *_) in pairwise(rows[1:]):
        found["wall"].append(begun - end)
        for name, pid in (("sweeper", "sweeper"), ("job's process", process)):
            for what, index in (("CPU", 0), ("queue", 1)):
                before = at_end.get(pid, (0.0, 0.0))
                found.setdefault(f"{what} of the {name}", []).append(at_start[pid][index] - before[index])
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--body", type=float, default=2.0, help="seconds that a job sleeps")
    parser.add_argument("--imports", default="numpy", help="modules that the application imports, with commas")
    parser.add_argument("--only", choices=["fresh", "kept"])
    options = parser.parse_args()
    for name, settings in (("kept", []), ("fresh", ["hydra.sweeper.fresh_process=true"])):
        if options.only in (None, name):
            rows = run(options.jobs, options.body, options.imports, settings)
            found = gaps(rows)
            print(f"{name}: {len({row[0] for row in rows})} processes for {len(rows)} jobs", flush=True)
            for what, values in found.items():
                middle, high = 1e3 * np.quantile(values, (0.5, 0.9))
                print(f"  {what:26} median {middle:7.1f} ms   90 % {high:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()
