"""The command `almanac events`: the tracking plan's events for people."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.conflicts import CODE, conflicts
from ingestion.drift import read_drift
from ingestion.lake import Lake
from ingestion.plan_at import plan_at
from ingestion.plan_diff import diff_document, diff_text
from ingestion.refused_ahead import Ahead, refused_ahead
from ingestion.tail_cli import tail
from ingestion.terminal import print_table
from ingestion.tracking_plan.compare import compare
from ingestion.tracking_plan.docs import dictionary
from ingestion.tracking_plan.load import load_plan
from ingestion.tracking_plan.model import Plan


@click.group("events")
def events() -> None:
    """Events of the tracking plan: list them, document them, see them arrive, what drifts and what changed."""


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
    print_table(head, rows)


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


@events.command("drift")
@click.option("--tenant", help="Only this tenant's events.")
@click.option(
    "--days", default=7, show_default=True, type=click.IntRange(1, 3650), help="The last days of arrival (UTC)."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def drift(tenant: str | None, days: int, as_json: bool) -> None:
    """Show which properties are new, missing or of another type, per event and day, in the published version."""
    settings = Settings.from_env()
    if tenant is not None:
        load_plan(settings.root).tenant(tenant)
    rows = read_drift(settings, tenant, days)
    if rows is None:
        raise AlmanacError("nothing is published yet: run `almanac build`")
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.document(), ensure_ascii=False))
        return
    if not rows:
        click.echo(f"no drift in the last {days} days" + (f" of {tenant}" if tenant else ""))
        return
    print_table(
        ("day (UTC)", "tenant", "event", "property", "drift", "events", "what"),
        [
            (
                row.received_date.isoformat(),
                row.tenant,
                row.event,
                row.property,
                row.drift,
                f"{row.drift_count:,} of {row.event_count:,}",
                row.text(),
            )
            for row in rows
        ],
    )


@events.command("diff")
@click.argument("ref", metavar="GIT_REF")
@click.option(
    "--days",
    default=7,
    show_default=True,
    type=click.IntRange(0, 3650),
    help="Judge the events of the lake's last days by the plan as it is now; 0 leaves the lake alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def diff(context: click.Context, ref: str, days: int, as_json: bool) -> None:
    """Say what changed in the tracking plan since GIT_REF, and what of it breaks; the exit code is 1 if anything does.

    Breaking is what can refuse events that were accepted, empty a column, or change what stored values mean. Where this
    installation has a lake, its newest events are judged by the plan as it is now.
    """
    settings = Settings.from_env()
    new = load_plan(settings.root)
    old = plan_at(settings.root, ref)
    changes = compare(old, new)
    ahead = Ahead(0, Counter())
    if days:
        with progress("Judging", None, "events") as said:
            ahead = refused_ahead(Lake.open(settings, new), old, new, changes, days, said.advance)
    click.echo(diff_document(changes, ahead, days) if as_json else diff_text(changes, ahead, days, ref))
    if any(change.is_breaking for change in changes):
        context.exit(1)


@events.command("conflicts")
@click.option("--tenant", help="Only this tenant's events.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only copies that arrived on this UTC day or later.")
def list_conflicts(tenant: str | None, since: datetime | None) -> None:
    """List copies of a message that say something else than the first one, which is the one that counts."""
    lake = Lake.open(Settings.from_env())
    if tenant is not None and not any(entry.tenant == tenant for entry in lake.entries("events")):
        lake.plan.tenant(tenant)  # one that left the plan may still have events here
    found = conflicts(lake, tenant, None if since is None else since.date())
    if not found:
        click.echo("No copy differs from the first one of its message.")
        return
    head = ("tenant", "source", "message id", "event", "received (UTC)", "row", "differs in")
    rows = [
        (c.tenant, c.source, c.message_id, c.event, c.received_at, f"{c.file_id}:{c.ingest_row}", ", ".join(c.differs))
        for c in found
    ]
    print_table(head, rows)
    click.echo(f"{len(found):,} with {CODE}: the first copy of each message counts.", err=True)


def _own_names(plan: Plan, tenant: str) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for own, alias in plan.tenant(tenant).events.items():
        names.setdefault(alias.event, []).append(own)
    return {event: ", ".join(own) for event, own in names.items()}


events.add_command(tail)
COMMANDS: dict[str, click.Command] = {"events": events}
