"""How people are named on the command line: by their ids, as options or from a file."""

from collections.abc import Iterable
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.state import IdKind
from ingestion.tracking_plan import load_plan

Named = list[tuple[IdKind, str]]


def person_options(command: click.decorators.FC) -> click.decorators.FC:
    """The options that name people."""
    for option in (
        click.option(
            "--file", type=click.File(encoding="utf-8"), help="Ids, one a line, from a file or - for standard input."
        ),
        click.option("--email", multiple=True, metavar="ADDRESS", help="An e-mail address; may be repeated."),
        click.option("--anonymous-id", multiple=True, metavar="ID", help="The id of a visitor; may be repeated."),
        click.option(
            "--user-id", multiple=True, metavar="ID", help="What the platform calls its user; may be repeated."
        ),
    ):
        command = option(command)
    return command


def named_ids(
    user_id: Iterable[str], anonymous_id: Iterable[str], email: Iterable[str], file: Iterable[str] | None
) -> Named:
    """The ids that these options and this file give, with their kinds. Raises click.UsageError if there is none."""
    named: Named = [("user", text) for text in user_id]
    named += [("anonymous", text) for text in anonymous_id]
    named += [("email", text) for text in email]
    lines = (line.strip() for line in file or ())
    named += [("email" if "@" in line else "user", line) for line in lines if line]
    if not named:
        raise click.UsageError("name somebody: --user-id, --anonymous-id, --email or --file")
    return named


def known_tenant(root: Path, tenant: str) -> None:
    """Raise AlmanacError unless the tracking plan has this tenant."""
    tenants = load_plan(root).tenants
    if tenant not in tenants:
        known = ", ".join(sorted(tenants))
        raise AlmanacError(f"there is no tenant {tenant!r} in the tracking plan: use one of {known}")
