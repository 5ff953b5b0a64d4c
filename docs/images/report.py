"""Make report.png, the picture on the front page: run the digits example's sweep, and take its report's picture.

Needs Chromium and the extra ``demo``; takes about two minutes: ``python docs/images/report.py``. With the directory of
a sweep that is there already, that one is shown: ``python docs/images/report.py DIR``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent.parent / "example_configs" / "digits"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = "1280,1180"


def main(arguments: list[str]) -> None:
    """Write the picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("Chromium is not installed.")
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(arguments[0]) if arguments else Path(folder) / "digits"
        if not arguments:
            command = [sys.executable, "train.py", "--multirun", f"hydra.sweep.dir={sweep}"]
            subprocess.run(command, cwd=EXAMPLE, check=True)
        page = Path(folder) / "report.html"
        subprocess.run([sys.executable, "-m", "sweeper_core.cli", "report", sweep, "-o", page], check=True)
        picture(browser, page, HERE / "report.png", Path(folder))


def picture(browser: str, page: Path, target: Path, folder: Path) -> None:
    """Write what a browser shows of a page's beginning."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000"]
    options += [f"--user-data-dir={folder / 'browser'}", f"--window-size={SIZE}", f"--screenshot={target}"]
    subprocess.run([browser, *options, page.as_uri()], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
