"""`almanac kpis`: the catalogue, what the published version says about KPIs, and the dictionary of all."""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from almanac.cli_kpi_range import kpi_range
from almanac.settings import Settings

if TYPE_CHECKING:
    from almanac.kpis import Kpi


@click.group()
def kpis() -> None:
    """List the KPIs, show one with its latest values, sum them up over days, or write the dictionary of all."""


@kpis.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_kpis(as_json: bool) -> None:
    """List every KPI of the catalogue."""
    from almanac.kpis import load_catalogue
    from almanac.tables import text_table

    found = load_catalogue(Settings.from_env().root).kpis.values()
    if as_json:
        rows = [{"kpi": kpi.name, **kpi.settings.model_dump(), "facts": kpi.facts} for kpi in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    headers = ("kpi", "title", "unit", "owner", "formula")
    click.echo(text_table(headers, [[k.name, *(getattr(k.settings, h) for h in headers[1:])] for k in found]))


@kpis.command("show")
@click.argument("name")
def show_kpi(name: str) -> None:
    """Show the definition of KPI NAME and its latest complete values in the published version."""
    from almanac.kpis import load_catalogue
    from almanac.readers import readers_by_kpi

    settings = Settings.from_env()
    kpi = load_catalogue(settings.root).kpi(name)
    ahead, back = kpi.settings.matures_after_days, kpi.settings.looks_back_days
    facts = {
        "formula": kpi.settings.formula,
        "numerator": kpi.numerator_label,
        "denominator": kpi.denominator_label or "-",
        "measures": ", ".join(f"{m.name} ({m.agg} of {m.expr} in {m.fact})" for m in kpi.measures),
        "adds up": _adding_up(kpi),
        "unit": kpi.settings.unit,
        "better": kpi.settings.direction.replace("_is_good", ""),
        "time grains": ", ".join(kpi.settings.time_grains),
        "complete": (f"{ahead} days after" if ahead else "at")
        + " the end of a period"
        + (f", from {back} days after the first of the data on" if back else ""),
        "dimensions": ", ".join(kpi.settings.dimensions) or "-",
        "owner": kpi.settings.owner,
        "shown on": ", ".join(reader.title for reader in readers_by_kpi(settings.root).get(name, ())) or "-",
        "defined in": kpi.file.relative_to(settings.root).as_posix(),
    }
    click.echo(f"{kpi.settings.title}: {kpi.description}\n")
    for label, text in facts.items():
        click.echo(f"  {label:<12} {text}")
    click.echo("\n" + _latest(settings, name, kpi.settings.unit, kpi.settings.format))


@kpis.command("docs")
@click.option("--published", "is_published", is_flag=True, help="With examples of the published version.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write; docs/kpis of the repository by default, target/docs/kpis with --published.",
)
def write_docs(is_published: bool, output: Path | None) -> None:
    """Write the KPI dictionary: a page for each KPI and one that lists them.

    The pages in docs/kpis belong to git, and `almanac check` says when they are not what the definitions say. Their
    examples are those of the golden events, which are the same everywhere.
    """
    from almanac.kpi_dictionary import committed_pages, published_pages, write_pages
    from almanac.kpi_docs import FOLDER

    settings = Settings.from_env()
    known = ""
    if is_published:
        pages, count = published_pages(settings)
        known = f", {count} with an example" if count else ", without examples: nothing is published yet"
        folder = output or settings.root / "target" / FOLDER
    else:
        pages, folder = committed_pages(settings.root), output or settings.root / FOLDER
    write_pages(folder, pages)
    click.echo(f"wrote {folder}: {len(pages) - 1} KPIs{known}")


def _adding_up(kpi: "Kpi") -> str:
    if kpi.is_level:
        return "no: a longer period has the value of its last day"
    return "yes" if kpi.is_additive else "no: a longer period is counted anew"


def _latest(settings: Settings, name: str, unit: str, form: str) -> str:
    from almanac.kpi_dictionary import latest_values
    from almanac.tables import text_table

    found = latest_values(settings, [name])
    if found is None:
        return "Nothing is published yet: run `make demo`, or `almanac build`."
    rows = found[name]
    if not rows:
        return "The published version has no complete period of it yet."
    # The one place that formats numbers for people; imported late because the list needs none of it.
    from serving.explanations import number_style
    from serving.formatting import Style, bare, exact, period

    def part(value: Decimal | None) -> str:
        return bare(value, Style("count", decimals=2) if unit == "money" else number_style(value))

    lines = [
        (
            one.tenant,
            one.time_grain,
            period(one.period_start, one.time_grain),
            exact(one.value, Style(unit, form, one.currency)),
            part(one.numerator),
            part(one.denominator),
        )
        for one in rows
    ]
    headers = ("tenant", "grain", "latest complete period", "value", "numerator", "denominator")
    return text_table(headers, lines, right=headers[3:]).replace("\u00a0", " ")


kpis.add_command(kpi_range)
COMMANDS: dict[str, click.Command] = {"kpis": kpis}
