"""`almanac models`: what tables the warehouse has, one row of each, and who reads it."""

import json

import click

from almanac.settings import Settings


@click.group()
def models() -> None:
    """The models of the warehouse: list them, or write the map of all."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_models(as_json: bool) -> None:
    """List every model with its grain, the events that it is made from, and who reads it."""
    from almanac import warehouse_docs
    from almanac.tables import text_table

    root = Settings.from_env().root
    found = warehouse_docs.models(root)
    if as_json:
        rows = [vars(one) | {"file": one.file.relative_to(root).as_posix()} for one in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    headers = ("model", "layer", "one row is", "grain")
    click.echo(text_table(headers, [[m.name, m.layer, _row_of(m.description), ", ".join(m.grain)] for m in found]))


@models.command("docs")
def write_docs() -> None:
    """Write docs/warehouse.md, which belongs to git; `almanac check` says when it is not what the models say."""
    from almanac import warehouse_docs

    root = Settings.from_env().root
    found = warehouse_docs.models(root)
    (root / warehouse_docs.PAGE).write_text(warehouse_docs.warehouse_page(root, found), encoding="utf-8")
    click.echo(f"wrote {root / warehouse_docs.PAGE}: {len(found)} models")


def _row_of(description: str) -> str:
    """The first sentence without the words that every description begins with."""
    return description.split(". ")[0].split(": ")[0].removeprefix("One row per ").rstrip(".")


COMMANDS: dict[str, click.Command] = {"models": models}
