"""Commands about the command line itself."""

from __future__ import annotations

import click

from sweeper_core.cli import term


@click.command("schema")
@click.argument("name", required=False)
def schema_command(name: str | None) -> None:
    """Print the JSON Schema of what --json prints: one command's, or all by command."""
    from sweeper_core.cli.schemas import SCHEMAS

    if name is None:
        term.write_json(SCHEMAS)
        return
    if name not in SCHEMAS:
        raise ValueError(f"{name!r} prints no JSON; these do: {', '.join(SCHEMAS)}.")
    term.write_json(SCHEMAS[name])


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      eval "$(hpo completion bash)"
      hpo completion fish > ~/.config/fish/completions/hpo.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    name = root.info_name or "hpo"
    click.echo(kind(root.command, {}, name, f"_{name.upper().replace('-', '_')}_COMPLETE").source())
