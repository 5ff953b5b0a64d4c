"""Arguments that many commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]

ENVIRONMENT = "HPO_STORAGE"


class TrialNumber(click.IntRange):
    """The number of a trial."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail(f"{value!r} is not the number of a trial; it comes before WHERE, such as 3.", param, ctx)


class Names(click.Choice):  # type: ignore[type-arg, unused-ignore]
    """One of some names; a wrong one is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            from sweeper_core.search_space.expressions import nearest  # which imports NumPy

            known = [str(name) for name in self.choices]
            held = [name for name in known if str(value).lower() in name]
            near = f" Did you mean {held[0]!r}?" if len(held) == 1 else nearest(str(value), known)
            return self.fail(f"{error.message.rstrip('.')}.{near}", param, ctx)


def study_options(command: Command) -> Any:
    """Add ``[WHERE] --storage --study``: which study is meant. Call :func:`where_of` for the first two."""
    command = click.option("--study", "-s", metavar="NAME", help="Name of the study; the only one needs none.")(command)
    return place_options(command)


def place_options(command: Command) -> Any:
    """Add ``[WHERE] --storage``: which storage is meant."""
    command = click.option(
        "--storage", metavar="URL", envvar=ENVIRONMENT, help="The same as WHERE; also read from HPO_STORAGE."
    )(command)
    return click.argument("where", required=False)(command)


def json_option(command: Command) -> Any:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON; `hpo schema` describes it.")(command)


def where_of(where: str | None, storage: str | None) -> str | None:
    """Return the place that the user gave in either way; an argument goes before the environment."""
    return where if where is not None else storage


def is_older_name() -> bool:
    """Return whether the command was called as ``hpo-sweeper``."""
    return bool(click.get_current_context().find_root().info_name == "hpo-sweeper")
