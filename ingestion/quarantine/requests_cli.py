"""`almanac quarantine requests`: what collectors refused whole, because no events could be told apart in it."""

import json
from datetime import datetime
from pathlib import Path

import click

from almanac.settings import Settings
from ingestion.quarantine.options import SINCE, UNTIL
from ingestion.quarantine.requests import RequestChoice, newest_requests
from ingestion.terminal import print_table


@click.command("requests")
@click.option("--tenant", help="Only requests that came with a write key of this tenant.")
@click.option("--code", help="Only requests refused with this code, such as invalid_json.")
@SINCE
@UNTIL
@click.option(
    "--home",
    "homes",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The home of the collector that refused them (default: ALMANAC_HOME); several may be given.",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that was kept.")
def requests(
    tenant: str | None,
    code: str | None,
    since: datetime | None,
    until: datetime | None,
    homes: tuple[Path, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List the newest requests that were refused whole: when, whose, which code, why, how large.

    No events could be told apart in them, so none is in the lake and none can be replayed: the client has to send them
    again, mended. Each collector keeps the newest of its own, at most 20 MB of them, in its home.
    """
    # Each as it was called; resolved, so that one that is named twice is read once.
    called = {Settings.for_home(home.resolve()).log_dir: str(home) for home in homes}
    folders = list(called) or [Settings.from_env().log_dir]
    choice = RequestChoice(tenant, code, since, until)
    found = newest_requests(folders, choice, limit + 1)
    are_all, found = len(found) <= limit, found[:limit]
    if as_json:
        for request in found:
            click.echo(json.dumps(request.document(), ensure_ascii=False))
        return
    if not found:
        click.echo(_nothing(choice, folders))
        return
    # Whose collector it was is only a question where there are several.
    are_several = len(folders) > 1
    print_table(
        ("received (UTC)", *(["home"] if are_several else []), "tenant", "source", "sent to", "code", "bytes", "why"),
        [
            (
                f"{request.at:%Y-%m-%d %H:%M:%S}",
                *([called[request.folder]] if are_several else []),
                request.tenant or "-",
                request.source or "-",
                request.path,
                request.code,
                f"{request.size:,}",
                request.message,
            )
            for request in found
        ],
    )
    if not are_all:
        click.echo(
            f"The newest {limit:,} are shown: --limit N shows more, --tenant, --code and --since choose.", err=True
        )


def _nothing(choice: RequestChoice, folders: list[Path]) -> str:
    if choice == RequestChoice():
        return f"no refused request is kept in {' or '.join(str(folder) for folder in folders)}"
    return "no refused request is of this kind"
