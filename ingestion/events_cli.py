"""The command `almanac events`: the tracking plan's events for people."""

from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.tail_cli import tail
from ingestion.terminal import print_table
from ingestion.tracking_plan.docs import dictionary
from ingestion.tracking_plan.load import load_plan
from ingestion.tracking_plan.model import Plan


@click.group("events")
def events() -> None:
    """Events of the tracking plan: list them, write their dictionary, see them arrive."""


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


def _own_names(plan: Plan, tenant: str) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for own, alias in plan.tenant(tenant).events.items():
        names.setdefault(alias.event, []).append(own)
    return {event: ", ".join(own) for event, own in names.items()}


events.add_command(tail)
COMMANDS: dict[str, click.Command] = {"events": events}
