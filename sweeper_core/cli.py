"""``hpo-sweeper``: studies on the command line.

::

    hpo-sweeper studies --storage URL
    hpo-sweeper best    --storage URL --study NAME
    hpo-sweeper export  --storage URL --study NAME FILE      (.jsonl, or .csv)
    hpo-sweeper import  --storage URL FILE
    hpo-sweeper copy    --storage URL --study NAME --to URL [--to-study NAME]
    hpo-sweeper delete  --storage URL --study NAME
    hpo-sweeper upgrade URL                                  (a database of an older Optuna)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from sweeper_core.exceptions import SweeperError
from sweeper_core.storages import get_storage, upgrade
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.study.studies import load_study
from sweeper_core.transfer import copy_trials, export_csv, export_json_lines, import_json_lines

USER_ERRORS = (SweeperError, KeyError, ValueError, OSError, ModuleNotFoundError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status. Errors of the user's are one line."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except USER_ERRORS as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"hpo-sweeper: {text}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hpo-sweeper", description="Studies on the command line.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str, study: bool = True) -> _Parser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=run)
        one.add_argument("--storage", required=True, help="URL of a database, or path of a journal")
        if study:
            one.add_argument("--study", required=True, help="name of the study")
        return one

    command("studies", _studies, "List the studies of a storage.", study=False)
    command("best", _best, "Print the best trial, or those of the Pareto front, as JSON.")
    one = command("export", _export, "Write a study to JSON lines or CSV; repeated, it adds what is new.")
    one.add_argument("file", type=Path, help="ends in .jsonl or .csv")
    one = command("import", _import, "Add the trials of a file in JSON lines to a study.", study=False)
    one.add_argument("--study", help="name of the study; by default the one in the file")
    one.add_argument("file", type=Path)
    one = command("copy", _copy, "Copy a study to another storage; repeated, it copies what is new.")
    one.add_argument("--to", required=True, help="URL or path of the other storage")
    one.add_argument("--to-study", help="name there; by default the same")
    command("delete", _delete, "Remove a study and its trials.")
    text = "Bring a database that an older Optuna wrote to today's schema; stop what uses it, and copy it, first."
    one = commands.add_parser("upgrade", help=text, description=text)
    one.set_defaults(command=_upgrade)
    one.add_argument("storage", metavar="URL", help="URL of the database")
    return parser


_Parser = argparse.ArgumentParser


def _open(options: argparse.Namespace) -> tuple[Storage, StudyRecord]:
    storage = get_storage(options.storage)
    try:
        return storage, storage.create_or_open_study(options.study, None, exist_ok=True)
    except KeyError as error:
        names = ", ".join(record.name for record in storage.list_studies()) or "none"
        raise KeyError(f"There is no study {options.study!r} in this storage. Studies: {names}.") from error


def _studies(options: argparse.Namespace) -> None:
    storage = get_storage(options.storage)
    for study in storage.list_studies():
        states = Counter(record.state.name for record in storage.changes(study.study_id)[0])
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no trials"
        directions = ", ".join(direction.name.lower() for direction in study.directions)
        print(f"{study.name}\t{directions}\t{counts}")


def _best(options: argparse.Namespace) -> None:
    _open(options)
    study = load_study(study_name=options.study, storage=options.storage)
    for trial in study.best_trials:
        print(json.dumps({"number": trial.number, "values": trial.values, "params": trial.params}))


def _export(options: argparse.Namespace) -> None:
    storage, study = _open(options)
    if options.file.suffix == ".csv":
        count = export_csv(storage, study, options.file)
    elif options.file.suffix == ".jsonl":
        count = export_json_lines(storage, study, options.file)
    else:
        raise ValueError(f"{options.file} must end in .jsonl (everything) or .csv (a table).")
    print(f"{count} trials written to {options.file}")


def _import(options: argparse.Namespace) -> None:
    study, count = import_json_lines(options.file, get_storage(options.storage), options.study)
    print(f"{count} trials added to study {study.name!r}")


def _copy(options: argparse.Namespace) -> None:
    storage, original = _open(options)
    target = get_storage(options.to)
    name = options.to_study or original.name
    copy = target.create_or_open_study(name, original.directions, exist_ok=True)
    if copy.directions != original.directions:
        raise ValueError(f"There is a study {name!r} with other directions already; choose another with --to-study.")
    target.set_study_attrs(copy.study_id, user=original.user_attrs, system=original.system_attrs)
    count = copy_trials(storage.changes(original.study_id)[0], target, copy)
    print(f"{count} trials copied to study {copy.name!r}")


def _delete(options: argparse.Namespace) -> None:
    storage, study = _open(options)
    storage.delete_study(study.study_id)
    print(f"study {study.name!r} deleted")


def _upgrade(options: argparse.Namespace) -> None:
    before = upgrade(options.storage)
    print(f"upgraded from revision {before}" if before else "is up to date")


if __name__ == "__main__":
    sys.exit(main())
