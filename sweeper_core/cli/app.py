"""The commands of ``hpo`` by name. Each is imported when it is run, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib

import click

COMMANDS: dict[str, tuple[str, str]] = {
    # Looking
    "studies": ("looking", "List the studies of a directory or storage."),
    "trials": ("looking", "List the trials of a study."),
    "best": ("looking", "Show the best trial, or those of the Pareto front."),
    "show": ("looking", "Draw the history and the importances in the terminal."),
    "why": ("looking", "Tell why a trial was suggested, pruned or failed."),
    "diff": ("looking", "Compare two trials."),
    # Beside a running sweep
    "status": ("beside", "Tell what runs, the best, failures and the expected end."),
    "watch": ("beside", "Follow a sweep until it ends."),
    "stop": ("beside", "End a running sweep as Ctrl-C does."),
    # Workers
    "worker": ("workers", "Take trials of a sweep until its budget ends."),
    # Pictures and pages
    "report": ("pages", "Write one HTML page about a study, or about several."),
    "plot": ("pages", "Write a plot as HTML or as an image."),
    "dashboard": ("pages", "Start optuna-dashboard, where it is installed."),
    # Data
    "export": ("moving", "Write a study to JSON lines, CSV or Parquet."),
    "import": ("moving", "Add the trials of a file in JSON lines to a study."),
    "copy": ("moving", "Copy a study to another storage."),
    "rm": ("moving", "Remove a study and its trials, after asking."),
    "delete": ("moving", "Remove a study and its trials, without asking."),
    "upgrade": ("moving", "Bring a database of an older Optuna to today's schema."),
    # Running trials by hand
    "create": ("asking", "Make a study."),
    "enqueue": ("asking", "Add a point that is tried next."),
    "ask": ("asking", "Begin a trial and print its parameters."),
    "tell": ("asking", "End a trial with its value."),
    # About the command line itself
    "schema": ("about", "Print the JSON Schema of what --json prints."),
    "completion": ("about", "Print the completion script for a shell."),
}
"""Name -> (module of this package, the line that ``--help`` shows)."""

SECTIONS = {
    "looking": "Look",
    "beside": "Beside a running sweep",
    "workers": "Workers",
    "pages": "Pages and pictures",
    "moving": "Studies between storages and files",
    "asking": "Trials by hand",
    "about": "About this command",
}

HIDDEN = frozenset({"delete"})

EPILOG = """\b
Examples:
  hpo show outputs/sweep
  python train.py $(hpo best --overrides outputs/sweep)
  hpo status --json outputs/sweep
  hpo report outputs/a outputs/b -o both.html

WHERE is a sweep's directory, a storage's file or a URL; the current directory by default. The only study there needs
no name. The environment variable HPO_STORAGE gives a URL that need not stand on the command line.
"""


class Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"sweeper_core.cli.{COMMANDS[name][0]}")
        command = getattr(module, f"{name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            found: tuple[str | None, click.Command | None, list[str]] = super().resolve_command(ctx, args)
            return found
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if close:
                raise click.UsageError(f"No command {args[0]!r}. Did you mean {close[0]!r}?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for module, title in SECTIONS.items():
            rows = [(name, text) for name, (where, text) in COMMANDS.items() if where == module and name not in HIDDEN]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="hydra-hpo-sweeper", message="%(package)s %(version)s")
def cli() -> None:
    """Studies on the command line: see how a sweep goes, what mattered, and what to run now."""
