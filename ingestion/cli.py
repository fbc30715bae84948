"""Commands of the ingestion package itself: the tracking plan and the quarantine.

Sources, the collector and the simulator bring commands of their own, beside their code.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.tracking_plan.docs import dictionary
from ingestion.tracking_plan.load import load_plan
from ingestion.tracking_plan.model import Plan

WIDEST = 60  # characters of one column on a terminal


@click.group("events")
def events() -> None:
    """List the events of the tracking plan, or write their dictionary."""


@events.command("list")
@click.option("--tenant", help="Only what this tenant sends, with its own names.")
def list_events(tenant: str | None) -> None:
    """List every event: its name, how it is sent, who owns it."""
    plan = load_plan(Settings.from_env().root)
    head: tuple[str, ...] = ("event", "sent as", "owner", "retention", "required", "title")
    rows: list[tuple[str, ...]] = [
        (
            name,
            contract.type,
            contract.owner,
            contract.retention,
            ", ".join(key for key, prop in contract.properties.items() if prop.required) or "-",
            contract.title,
        )
        for name, contract in sorted(plan.events.items())
    ]
    if tenant is not None:
        names = _own_names(plan, tenant)
        head = (*head, f"name at {tenant}")
        rows = [(*row, names.get(row[0], "-")) for row in rows]
    _table(head, rows)


@events.command("docs")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the page; docs/events.md of the repository by default.",
)
def write_docs(output: Path | None) -> None:
    """Write the event dictionary as a Markdown page."""
    root = Settings.from_env().root
    path = output or root / "docs" / "events.md"
    plan = load_plan(root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dictionary(plan), encoding="utf-8")
    except OSError as error:
        raise AlmanacError(f"cannot write {path}: {error.strerror}; choose another place with --output") from error
    click.echo(f"wrote {path}: {len(plan.events)} events, {len(plan.tenants)} tenants")


@click.group("quarantine")
def quarantine() -> None:
    """List events that were rejected, with field and reason."""


@quarantine.command("list")
@click.option("--tenant", help="Only this tenant's events.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all reasons and the payload.")
def list_quarantine(tenant: str | None, limit: int, as_json: bool) -> None:
    """List the newest rejected events: when, what, which field, why."""
    settings = Settings.from_env()
    lake = Lake.open(settings)
    if tenant is not None and tenant not in lake.plan.tenants:
        raise AlmanacError(f"tenant {tenant!r} is unknown: use one of {', '.join(sorted(lake.plan.tenants))}")
    rows = newest_rejected(lake, tenant, limit)
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        click.echo("quarantine is empty" + (f" for {tenant}" if tenant else ""))
        return
    head = ("received (UTC)", "tenant", "source", "event", "field", "code", "why")
    _table(
        head,
        [
            (
                row["received_at"][:19].replace("T", " "),
                row["tenant"],
                row["source"],
                row["event"] or "-",
                row["field"] or "-",
                row["code"],
                row["message"],
            )
            for row in rows
        ],
    )


def newest_rejected(lake: Lake, tenant: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest rejected events, newest first, as the quarantine's columns with JSON values."""
    entries = [entry for entry in lake.entries("quarantine") if tenant is None or entry.tenant == tenant]
    entries.sort(key=lambda entry: entry.received_max or "", reverse=True)
    found: list[dict[str, Any]] = []
    for entry in entries:
        # Files overlap in time: stop only where a file ends before the oldest row that is shown.
        if len(found) >= limit and (entry.received_max or "") < found[-1]["received_at"]:
            break
        found += [_as_json(row) for row in lake.read(entry).to_pylist()]
        found.sort(key=lambda row: (row["received_at"], row["file_id"], row["ingest_row"]), reverse=True)
        del found[limit:]
    return found


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "received_at": row["received_at"].isoformat(timespec="microseconds"),
        "message_id": None if row["message_id"] is None else str(row["message_id"]),
        "reasons": json.loads(row["reasons"]),
        "file_id": str(row["file_id"]),
    }


def _own_names(plan: Plan, tenant: str) -> dict[str, str]:
    if tenant not in plan.tenants:
        raise AlmanacError(f"tenant {tenant!r} is unknown: use one of {', '.join(sorted(plan.tenants))}")
    names: dict[str, list[str]] = {}
    for own, alias in plan.tenants[tenant].events.items():
        names.setdefault(alias.event, []).append(own)
    return {event: ", ".join(own) for event, own in names.items()}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for line in _lines(head, rows):
        click.echo(line)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[_short(cell) for cell in row[:-1]] + [_clean(row[-1])] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _clean(text: str) -> str:
    # What a client sent must not steer the terminal.
    return "".join(char if char.isprintable() else "�" for char in text)


def _short(text: str) -> str:
    clean = _clean(text)
    return clean if len(clean) <= WIDEST else clean[: WIDEST - 1] + "…"


COMMANDS: dict[str, click.Command] = {"events": events, "quarantine": quarantine}
