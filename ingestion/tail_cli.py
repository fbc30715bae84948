"""`almanac events tail`: what arrives, as it arrives, accepted or rejected and why."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from almanac.errors import AlmanacError
from almanac.event_names import named
from almanac.settings import Settings
from ingestion.terminal import safe

if TYPE_CHECKING:
    from ingestion.lake_tail import Tail

LOOK_SECONDS = 0.2
# Columns of the lake that say where a row lies, which a row of the tail does not know yet.
_PLACE = ("file_id", "ingest_row")


@click.command("tail")
@click.option("--tenant", help="Only this tenant's events.")
@click.option("--follow", "-f", is_flag=True, help="Go on and show what arrives, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: the lake's columns, and `verdict`.")
def tail(tenant: str | None, follow: bool, as_json: bool) -> None:
    """Show events that the collector has acknowledged and not yet landed: accepted, or rejected with field and reason.

    Reads the log of the collector on this machine, judges and masks as the landing will, and leaves out who was erased
    meanwhile. With --follow each event is shown within a second of its acknowledgement. What is landed is in the lake:
    see `almanac quarantine list`.
    """
    # Imported here: the other commands about events need no Parquet.
    from ingestion.lake import Lake
    from ingestion.lake_tail import LakeTail
    from ingestion.privacy.erased_since import ErasedSince

    settings = Settings.from_env()
    lake = Lake.open(settings)
    if tenant is not None and tenant not in lake.plan.tenants:
        raise AlmanacError(f"tenant {tenant!r} is unknown: use one of {', '.join(sorted(lake.plan.tenants))}")
    if not settings.log_dir.is_dir():
        raise AlmanacError(f"there is no collector's log at {settings.log_dir}: start one with `almanac collect`")
    with LakeTail(lake, settings.log_dir, tenant, erased=ErasedSince(settings)) as reader:
        shown = _show(_rows(reader.read()), as_json)
        if not follow:
            if not shown:
                click.echo("Nothing waits in the log; -f waits for events.", err=True)
            return
        while True:
            time.sleep(LOOK_SECONDS)
            reader.read()
            _show(_rows(reader.added), as_json)


def _rows(found: "Tail") -> Iterator[dict[str, Any]]:
    """The rows in the order of their arrival, each with its `verdict` (no property has this name)."""
    rows = [{"verdict": "accepted", **row} for row in found.events.to_pylist()]
    rows += [{"verdict": "rejected", **row} for row in found.quarantine.to_pylist()]
    for row in sorted(rows, key=lambda row: (row["received_at"], row["tenant"], row["source"], row["ingest_row"])):
        yield {key: value for key, value in row.items() if key not in _PLACE}


def _show(rows: Iterable[dict[str, Any]], as_json: bool) -> int:
    shown = 0
    for row in rows:
        if as_json:
            click.echo(json.dumps({key: _plain(value) for key, value in row.items() if value is not None}))
        else:
            click.echo(_line(row))
        shown += 1
    return shown


def _line(row: dict[str, Any]) -> str:
    when = row["received_at"].isoformat(sep=" ", timespec="milliseconds")
    what = f"{when}  {row['verdict']}  {row['tenant']}/{row['source']}  {safe(named(row['event'] or '', '-'))}"
    if row["verdict"] == "rejected":
        return f"{what}  {row['code']}  {safe(row['field'] or '-')}: {safe(row['message'])}"
    who = safe(row["user_id"] or row["anonymous_id"] or "-")
    noted = f"  ({safe(row['warnings'])})" if row["warnings"] else ""
    return f"{what}  {who}  {safe(row['properties'])}{noted}"


def _plain(value: Any) -> Any:
    """A value as JSON has it; exact numbers and instants as text."""
    if isinstance(value, UUID):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
