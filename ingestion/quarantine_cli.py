"""The command `almanac quarantine`: what was refused, why, and bringing it in after the plan was mended."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import IO, Any

import click

from almanac.errors import AlmanacError
from almanac.event_names import named
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.collector.door import OUT_OF_SCOPE
from ingestion.lake import Lake
from ingestion.quarantine.advice import advice, allowed
from ingestion.quarantine.again import Again
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.options import SINCE, UNTIL
from ingestion.quarantine.replay import Outcome, replay
from ingestion.quarantine.requests_cli import requests
from ingestion.quarantine.rows import Refused, find, newest, oldest_first
from ingestion.terminal import print_table, safe

SHORT_ID = 8  # characters of a landing's id that are shown; `show` understands them
STATES = {"all": None, "waiting": False, "replayed": True}


def _choice(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose refused events, as its parameter `choice`."""

    @wraps(command)  # with the options that the command has already
    def chosen(**given: Any) -> None:
        names = ("tenant", "source", "code", "field", "event", "since", "until")
        command(choice=Choice(**{name: given.pop(name) for name in names}), **given)

    options = (
        click.option("--tenant", help="Only this tenant's events."),
        click.option("--source", help="Only what this source sent."),
        click.option("--code", help="Only events with a reason of this code, such as wrong_type."),
        click.option("--field", help="Only events with a reason about this field."),
        click.option("--event", help="Only events of this name (canonical, or as sent where it is unknown)."),
        SINCE,
        UNTIL,
    )
    for option in reversed(options):
        chosen = option(chosen)
    return chosen


@click.group("quarantine")
def quarantine() -> None:
    """List, explain, export and replay events that were rejected; list requests that were refused whole."""


quarantine.add_command(requests)


@quarantine.command("list")
@_choice
@click.option("--state", type=click.Choice(list(STATES)), default="all", help="Only those that wait, or were replayed.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all reasons and the payload.")
def list_quarantine(choice: Choice, state: str, limit: int, as_json: bool) -> None:
    """List the newest rejected events: when, what, which field, why."""
    lake = _lake(choice)
    rows = newest(lake, _in_state(choice, state), limit + 1)
    are_all, rows = len(rows) <= limit, rows[:limit]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.document(), ensure_ascii=False))
        return
    if not rows:
        click.echo(_nothing(choice))
        return
    print_table(
        ("received (UTC)", "name", "tenant", "source", "event", "field", "code", "state", "why"),
        [
            (
                f"{row.received_at:%Y-%m-%d %H:%M:%S}",
                f"{str(row.place.file_id)[:SHORT_ID]}:{row.place.row}",
                row.tenant,
                row.source,
                named(row.event or "", "-"),
                row.reasons[0].field or "-",
                row.reasons[0].code,
                "waiting" if row.replayed is None else "replayed",
                row.reasons[0].message,
            )
            for row in rows
        ],
    )
    if not are_all:
        click.echo(
            f"The newest {limit:,} are shown: --limit N shows more, --code, --event and --since choose.", err=True
        )


@quarantine.command("show")
@click.argument("name", metavar="FILE_ID:ROW")
def show(name: str) -> None:
    """Show one rejected event: its payload, every reason, what the plan allows there, and what to do."""
    settings = Settings.from_env()
    lake = Lake.open(settings)
    for line in _shown(lake, Again.open(settings, lake.plan), find(lake, name)):
        click.echo(line)


@quarantine.command("export")
@_choice
@click.option("--state", type=click.Choice(list(STATES)), default="all", help="Only those that wait, or were replayed.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    metavar="FILENAME",
    help="The file to write (replaced whole); - is standard output, the default.",
)
def export(choice: Choice, state: str, output: str) -> None:
    """Write rejected events as JSON, one a line: the payload as it came, and all reasons."""
    count = 0
    lake = _lake(choice)
    # Left by an error the file stays what it was.
    with _written_whole(output) as file, progress("Exporting", None, "events") as said:
        for row in oldest_first(lake, _in_state(choice, state)):
            file.write(json.dumps(row.document(), ensure_ascii=False) + "\n")
            count += 1
            said.advance()
    click.echo(f"exported {_many(count)}", err=True)


@quarantine.command("replay")
@_choice
@click.option("--all", "everything", is_flag=True, help="Replay whatever waits, without any condition.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def replay_quarantine(choice: Choice, everything: bool, dry_run: bool) -> None:
    """Judge rejected events again by the plan as it is now, and land those that pass.

    A replay is a new arrival, counted as received on its own day; message ids are kept, so an event that was sent again
    meanwhile does not count twice. The rejected row stays and is marked. Nothing is ever replayed twice, however often
    or by how many people at once this is run. What is still rejected waits on. What a write key might not send is only
    landed by --code insufficient_scope.
    """
    if choice.is_everything and not everything:
        raise click.UsageError("say which events: --tenant, --code, ... (or --all for whatever waits)")
    settings = Settings.from_env()
    lake = _lake(choice)
    with progress("Replaying", None, "events") as said:
        again = Again.open(settings, lake.plan, any_scope=choice.code == OUT_OF_SCOPE)
        outcome = replay(lake, again, _in_state(choice, "waiting"), dry_run=dry_run, each=said.advance)
    for line in _told(outcome, dry_run):
        click.echo(line)
    if outcome.refused:
        print_table(
            ("code", "field", "events", "for example"),
            [
                (code, field or "-", f"{count:,}", outcome.examples[code, field])
                for (code, field), count in outcome.refused.most_common()
            ],
        )


@contextmanager
def _written_whole(name: str) -> Iterator[IO[str]]:
    """What to write into; an ordinary file takes its place when all is written, and stays away if that fails."""
    path = Path(name)
    if name == "-" or (path.exists() and not path.is_file()):
        with click.open_file(name, "w", encoding="utf-8") as stream:
            yield stream
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = aside.open("w", encoding="utf-8")
    except OSError as error:
        raise AlmanacError(f"{name} cannot be written: {error.strerror or error}; choose another --output") from error
    try:
        with file:
            yield file
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _told(outcome: Outcome, dry_run: bool) -> Iterator[str]:
    still = sum(outcome.refused.values())
    if not outcome.landed and not still:
        yield "nothing waits to be replayed"
        return
    if dry_run:
        yield f"{_many(outcome.landed)} would land; {_many(still)} would still be rejected"
        return
    landings = f" in {len(outcome.landings):,} landing{'s' if len(outcome.landings) != 1 else ''}"
    yield f"{_many(outcome.landed)} landed{landings if outcome.landed else ''}; {_many(still)} still rejected"
    if outcome.landed:
        yield "they count after the next `almanac build`"


def _shown(lake: Lake, again: Again, row: Refused) -> Iterator[str]:
    yield f"name      {row.name}"
    yield f"from      {row.tenant}, source {row.source}"
    yield f"received  {row.received_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"event     {safe(named(row.event or '', '-'))}"
    yield ""
    for reason in row.reasons:
        yield f"{safe(reason.field) or 'event'}  {safe(reason.code)}: {safe(reason.message)}"
        for line in allowed(lake.plan, row.tenant, row.event, reason):
            yield f"    plan  {safe(line)}"
        yield f"    do    {advice(row.tenant, reason)}"
    yield ""
    yield from (safe(line) for line in _pretty(row.payload).splitlines())
    yield ""
    yield from _outlook(again, row)


def _outlook(again: Again, row: Refused) -> Iterator[str]:
    """Where the event stands: replayed, ready to be, or still refused."""
    if row.replayed is not None:
        yield f"replayed at {row.replayed.at:%Y-%m-%d %H:%M:%S} UTC by landing {row.replayed.file_id}"
        return
    reasons = again.reasons(row)
    if reasons:
        yield f"by the plan as it is now it is still rejected: {safe(reasons[0].message)}"
        return
    what = f"--tenant {row.tenant} --code {row.reasons[0].code}"
    yield f"by the plan as it is now it would be accepted: almanac quarantine replay {what}"


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return payload


def _lake(choice: Choice) -> Lake:
    lake = Lake.open(Settings.from_env())
    if choice.tenant is not None and not any(entry.tenant == choice.tenant for entry in lake.entries("quarantine")):
        # A tenant that left the plan may still have events here.
        lake.plan.tenant(choice.tenant)
    return lake


def _in_state(choice: Choice, state: str) -> Choice:
    return replace(choice, replayed=STATES[state])


def _nothing(choice: Choice) -> str:
    if choice == Choice(tenant=choice.tenant):
        return "quarantine is empty" + (f" for {choice.tenant}" if choice.tenant else "")
    return "no rejected event is of this kind"


def _many(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"


COMMANDS: dict[str, click.Command] = {"quarantine": quarantine}
