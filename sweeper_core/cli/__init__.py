"""``hpo``: studies on the command line. See ``docs/command-line.md``.

``hpo-sweeper`` is the older name: the same commands, and ``best`` writes JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DEBUG = "HPO_DEBUG"
"""Environment variable: with any value, an error shows its traceback."""


def hpo(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``hpo``; return the exit status. Errors are one line."""
    return _run("hpo", arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``hpo-sweeper``; return the exit status. Errors are one line."""
    return _run("hpo-sweeper", arguments)


def _run(name: str, arguments: Sequence[str] | None) -> int:
    import click

    from sweeper_core.cli.app import cli

    _speak_any_text()
    try:
        result = cli.main(None if arguments is None else list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.Abort:
        return 130
    except click.exceptions.Exit as ending:
        return int(ending.exit_code)
    except click.UsageError as error:
        error.show()
        return int(error.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has gone; the interpreter would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        from sweeper_core.cli.failing import message_of

        print(f"{name}: {message_of(error)}", file=sys.stderr)
        return 1


def _speak_any_text() -> None:
    """Let a terminal without UTF-8 show what it can, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
