"""Commands that move studies between storages and files, or remove them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sweeper_core.cli import term
from sweeper_core.cli.options import place_options, study_options, where_of
from sweeper_core.cli.source import find_place, find_study
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage

EXPORTS = (".jsonl", ".csv", ".parquet")


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@study_options
def export_command(file: Path, where: str | None, storage: str | None, study: str | None) -> None:
    """Write a study to FILE: .jsonl (everything), .csv or .parquet (a table).

    JSON lines can be read again by `hpo import`; repeated, the export adds what is new.

    \b
    Example:
      hpo export trials.csv outputs/sweep
    """
    from sweeper_core.transfer import export_csv, export_json_lines, export_parquet

    writers = {".jsonl": export_json_lines, ".csv": export_csv, ".parquet": export_parquet}
    if file.suffix not in writers:
        raise ValueError(f"{file} must end in .jsonl (everything), .csv or .parquet (a table).")
    source = find_study(where_of(where, storage), study)
    with term.progress(f"writing {file.name}"):
        count = writers[file.suffix](source.storage, source.study, file)
    term.say(f"{count} trials written to {file}")


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@place_options
@click.option("--study", "-s", metavar="NAME", help="Name of the study; by default the one in the file.")
def import_command(file: Path, where: str | None, storage: str | None, study: str | None) -> None:
    """Add the trials of FILE (JSON lines) to a study, which is made when there is none.

    \b
    Example:
      hpo import trials.jsonl sqlite:///all.db
    """
    from sweeper_core.transfer import import_json_lines

    target = where_of(where, storage)
    if target is None:
        raise click.UsageError("Where to? Give a URL, the path of a journal, or a sweep's directory.")
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist.")
    with term.progress(f"reading {file.name}"):
        found, count = import_json_lines(file, new_or_existing(target), study)
    term.say(f"{count} trials added to study {found.name!r}")


def new_or_existing(where: str) -> Storage:
    """Return a storage that is written to: what does not exist is made."""
    return find_place(where).open() if Path(where).exists() else get_storage(where)


@click.command("copy")
@study_options
@click.option("--to", required=True, metavar="URL", help="The other storage; made when it does not exist.")
@click.option("--to-study", metavar="NAME", help="Name there; by default the same.")
def copy_command(where: str | None, storage: str | None, study: str | None, to: str, to_study: str | None) -> None:
    """Copy a study to another storage; repeated, it copies what is new.

    \b
    Example:
      hpo copy outputs/sweep --to sqlite:///all.db --to-study first
    """
    from sweeper_core.transfer import copy_study

    source = find_study(where_of(where, storage), study)
    with term.progress("copying"):
        copy, count = copy_study(source.storage, source.study, new_or_existing(to), to_study)
    term.say(f"{count} trials copied to study {copy.name!r}")


@click.command("rm")
@study_options
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def rm_command(where: str | None, storage: str | None, study: str | None, yes: bool) -> None:
    """Remove a study and its trials, after asking. Job directories stay."""
    source = find_study(where_of(where, storage), study)
    if not yes:
        if not sys.stdin.isatty():
            raise ValueError("Nobody is there to ask; --yes removes the study without asking.")
        count = len(source.records())
        term.say(f"Study {source.study.name!r} in {source.shown_url} has {count} trials.")
        click.confirm("Remove it for good?", abort=True)
    source.storage.delete_study(source.study.study_id)
    term.say(f"study {source.study.name!r} deleted")


@click.command("delete")
@study_options
def delete_command(where: str | None, storage: str | None, study: str | None) -> None:
    """Remove a study and its trials, without asking."""
    if study is None:
        raise click.UsageError("Which study? Give --study NAME.")
    source = find_study(where_of(where, storage), study)
    source.storage.delete_study(source.study.study_id)
    term.say(f"study {source.study.name!r} deleted")


@click.command("upgrade")
@click.argument("url")
def upgrade_command(url: str) -> None:
    """Bring a database that an older Optuna wrote to today's schema; stop what uses it, and copy it, first."""
    from sweeper_core.storages import upgrade

    path = Path(url)
    before = upgrade(f"sqlite:///{path.absolute()}" if path.is_file() else url)
    click.echo(f"upgraded from revision {before}" if before else "is up to date")
