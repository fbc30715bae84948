"""`almanac kpis`: the catalogue, what the published version says about one KPI, and the dictionary of all."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings

if TYPE_CHECKING:
    from almanac.kpi_docs import Example
    from almanac.kpis import Catalogue


@click.group()
def kpis() -> None:
    """List the KPIs, show one with its latest values, or write the dictionary of all."""


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
    facts = {
        "formula": kpi.settings.formula,
        "numerator": kpi.numerator_label,
        "denominator": kpi.denominator_label or "-",
        "measures": ", ".join(f"{m.name} ({m.agg} of {m.expr} in {m.fact})" for m in kpi.measures),
        "adds up": "yes" if kpi.is_additive else "no: a longer period is counted anew",
        "unit": kpi.settings.unit,
        "better": kpi.settings.direction.replace("_is_good", ""),
        "time grains": ", ".join(kpi.settings.time_grains),
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
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the page; target/docs/kpis.md of the repository by default.",
)
def write_docs(output: Path | None) -> None:
    """Write the KPI dictionary as a Markdown page, with examples from the published version if there is one."""
    from almanac.event_lineage import source_events
    from almanac.kpi_docs import kpi_dictionary
    from almanac.kpis import load_catalogue
    from almanac.readers import readers_by_kpi

    settings = Settings.from_env()
    path = output or settings.root / "target" / "docs" / "kpis.md"
    catalogue = load_catalogue(settings.root)
    events = {fact: names for fact, (names, _) in source_events(settings.root).items()}
    examples = _examples(settings, catalogue)
    shown_on = {kpi: [reader.title for reader in found] for kpi, found in readers_by_kpi(settings.root).items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kpi_dictionary(catalogue, events, settings.root, examples, shown_on), encoding="utf-8")
    except OSError as error:
        raise AlmanacError(f"cannot write {path}: {error.strerror}; choose another place with --output") from error
    known = f"{len(examples)} with an example" if examples else "without examples: nothing is published yet"
    click.echo(f"wrote {path}: {len(catalogue.kpis)} KPIs, {known}")


def _examples(settings: Settings, catalogue: "Catalogue") -> "dict[str, Example]":
    """The newest complete value of the shortest time grain of each KPI, of the first tenant that has one."""
    from almanac.kpi_docs import Example
    from serving.formatting import Style, bare, exact, period

    examples: dict[str, Example] = {}
    for name, kpi in catalogue.kpis.items():
        for tenant, currency, grain, start, over, under, value in _latest_rows(settings, name) or ():
            if value is not None:
                own = kpi.settings
                examples[name] = Example(
                    tenant,
                    period(start, grain).replace("\u00a0", " "),
                    exact(value, Style(own.unit, own.format, currency)).replace("\u00a0", " "),
                    bare(over, _part(own.unit)),
                    bare(under, _part(own.unit)) if kpi.denominator else "",
                )
                break
    return examples


def _latest(settings: Settings, name: str, unit: str, form: str) -> str:
    from almanac.tables import text_table

    rows = _latest_rows(settings, name)
    if rows is None:
        return "Nothing is published yet: run `make demo`, or `almanac build`."
    if not rows:
        return "The published version has no complete period of it yet."
    # The one place that formats numbers for people; imported late because the list needs none of it.
    from serving.formatting import Style, bare, exact, period

    lines = [
        (
            tenant,
            grain,
            period(start, grain),
            exact(value, Style(unit, form, currency)),
            bare(over, _part(unit)),
            bare(under, _part(unit)),
        )
        for tenant, currency, grain, start, over, under, value in rows
    ]
    headers = ("tenant", "grain", "latest complete period", "value", "numerator", "denominator")
    return text_table(headers, lines, right=headers[3:]).replace("\u00a0", " ")


def _part(unit: str) -> Any:
    from serving.formatting import Style

    return Style("count", "decimal", decimals=2 if unit == "money" else 0)


def _latest_rows(settings: Settings, name: str) -> list[tuple[Any, ...]] | None:
    """Per tenant and time grain the newest complete period of a KPI; None where nothing is published."""
    from almanac import versions

    version = versions.current(settings)
    if version is None:
        return None
    import duckdb

    query = """
        select v.tenant, t.currency, v.time_grain, v.period_start, v.numerator, v.denominator, v.value
        from kpi_values as v left join dim_tenants as t on t.tenant = v.tenant
        where v.kpi = ? and v.dimension = 'all' and v.is_complete
        qualify row_number() over (partition by v.tenant, v.time_grain order by v.period_start desc) = 1
        order by v.tenant, list_position(['day', 'week', 'month'], v.time_grain)
    """
    with versions.hold(version), duckdb.connect(str(version.path), read_only=True) as connection:
        return connection.execute(query, [name]).fetchall()


COMMANDS: dict[str, click.Command] = {"kpis": kpis}
