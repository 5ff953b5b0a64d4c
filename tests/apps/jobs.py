"""An application whose jobs say what they see, and end in the ways that jobs end."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

DEVICES_AT_IMPORT = os.environ.get("CUDA_VISIBLE_DEVICES")
log = logging.getLogger(__name__)


def child(queue: Any) -> None:
    """Run in a process that a job starts."""
    queue.put(os.getppid())


def sees(cfg: Any) -> dict[str, Any]:
    """Return what a job can see of itself."""
    config = HydraConfig.get()
    return {
        "cfg": OmegaConf.to_container(cfg, resolve=True),
        "number": config.job.num,
        "directory": config.runtime.output_dir,
        "overrides": list(config.overrides.task),
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "threads": [thread.name for thread in threading.enumerate()],
        "daemon": multiprocessing.current_process().daemon,
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "devices at import": DEVICES_AT_IMPORT,
        "arguments": sys.argv[1:],
    }


def wait_for_ever() -> None:
    """Wait, together with a child process of another session, until somebody ends this."""
    children = [subprocess.Popen(["sleep", "1000"], start_new_session=new) for new in (False, True)]
    say(f"waiting {os.getpid()} {' '.join(str(one.pid) for one in children)}")
    threading.Event().wait()


def say(text: str) -> None:
    """Tell the test, if it listens."""
    if "TEST_PIPE" in os.environ:
        with open(os.environ["TEST_PIPE"], "w") as pipe:
            pipe.write(text + "\n")


def do(cfg: Any) -> float:
    """End in the way that the configuration names."""
    how = cfg.get("how", "return")
    if how == "exit":
        os._exit(3)
    elif how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "leave":
        sys.exit(4)
    elif how == "raise":
        raise RuntimeError(f"trial {HydraConfig.get().job.num}")
    elif how == "wait" and "TEST_GO" not in os.environ:
        wait_for_ever()
    elif how == "child":
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        assert queue.get() == os.getpid()
        process.join()
    return float(cfg.x) + 1000.0 * HydraConfig.get().job.num


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Write down what is seen, then end."""
    found = sees(cfg)
    Path(found["directory"], "sees.json").write_text(json.dumps(found))
    print(f"printed by {found['number']}")
    log.info("logged by %d", found["number"])
    return do(cfg)


if __name__ == "__main__":
    main()
