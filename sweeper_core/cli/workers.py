"""Workers on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from sweeper_core.durations import EXAMPLES, UnknownUnit, seconds_in
from sweeper_core.report.crew import Command


@click.command("worker")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--time-limit",
    metavar="DURATION",
    help=f"When the worker ends ({EXAMPLES}); it begins no trial that would not be over by then.",
)
def worker_command(directory: Path, time_limit: str | None) -> None:
    """Take trials of a sweep, one after the other, until its budget ends.

    It starts what you began the sweep with (hydra.sweeper.role=worker or hydra.sweeper.detach=true), which is kept in
    DIRECTORY for you alone. Start as many as you like, on any machine that sees DIRECTORY.

    \b
    Examples:
      hpo worker outputs/sweep
      hpo worker --time-limit 2h outputs/sweep
    """
    command = Command.of(directory)
    words = [*command.words, *_limit(time_limit)]
    if not os.path.isdir(command.cwd):
        raise FileNotFoundError(
            f"The sweep began in {command.cwd}, which is not a directory on this machine; its application has to be "
            "where all machines see it."
        )
    os.chdir(command.cwd)
    sys.stdout.flush()
    os.execvp(words[0], words)


def _limit(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        seconds = seconds_in(text)
    except UnknownUnit as error:
        raise ValueError(f"--time-limit {text}: the unit {str(error)!r} does not exist ({EXAMPLES}).") from None
    if seconds is None or not seconds > 0:
        raise ValueError(f"--time-limit must be a duration above 0 ({EXAMPLES}), not {text!r}.")
    return [f"hydra.sweeper.time_limit={seconds:g}"]
