"""`almanac check`: everything that committed files say about each other, in seconds and without data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.house.findings import Finding
from almanac.settings import Settings

# Checks import what they need when they run: most of them are wanted alone, and the list is wanted at once.


def _plan(root: Path) -> list[Finding]:
    from ingestion.plan_check import check_plan

    return _findings("ingestion/tracking_plan", check_plan(root))


def _kpis(root: Path) -> list[Finding]:
    from almanac.kpis import load_catalogue

    try:
        load_catalogue(root)
    except AlmanacError as error:
        return _findings("dbt_project/models/kpis", [str(error).replace(f"{root}/", "")])
    return []


def _dictionary(root: Path) -> list[Finding]:
    from almanac.kpi_dictionary import check_pages

    return check_pages(root)


def _warehouse(root: Path) -> list[Finding]:
    from almanac.warehouse_docs import check_warehouse

    return check_warehouse(root)


def _promises(root: Path) -> list[Finding]:
    from expectations.promises import FILE, load_promises

    try:
        load_promises(root)
    except AlmanacError as error:
        return [Finding(FILE.as_posix(), str(error).removeprefix(f"{FILE}: "))]
    return []


def _dashboards(root: Path) -> list[Finding]:
    from almanac.kpis import load_catalogue
    from dashboards.check import check_dashboards

    try:
        kpis = load_catalogue(root).kpis
    except AlmanacError:
        return []  # the check of the KPIs says it
    shapes = {name: (kpi.settings.time_grains, kpi.settings.dimensions) for name, kpi in kpis.items()}
    units = {name: kpi.settings.scale for name, kpi in kpis.items()}
    return _findings("dashboards/specs", check_dashboards(root, shapes, units))


def _statements(root: Path) -> list[Finding]:
    from almanac.house.statements import check_statements
    from ingestion.tracking_plan import read_plan

    plan, _ = read_plan(root)
    return check_statements(root, {column.name: column.type for column in plan.columns}) if plan else []


def _formulas(root: Path) -> list[Finding]:
    from almanac.house.formulas import check_formulas

    return check_formulas(root)


def _lineage(root: Path) -> list[Finding]:
    from almanac.house.lineage import check_lineage, check_source_events
    from ingestion.tracking_plan import read_plan

    plan, _ = read_plan(root)
    return [*check_lineage(root), *(check_source_events(root, plan.events) if plan else [])]


def _serving(root: Path) -> list[Finding]:
    from almanac.serving_store.declared import load_declared

    try:
        load_declared(root)
    except AlmanacError as error:
        return _findings("dbt_project/models", [str(error).replace(f"{root}/", "")])
    return []


def _sql(root: Path) -> list[Finding]:
    from almanac.house.sql import check_sql

    return check_sql(root)


def _pages(root: Path) -> list[Finding]:
    from almanac.cli import MOUNTS
    from almanac.house.pages import check_pages

    return check_pages(root, MOUNTS)


def _words(root: Path) -> list[Finding]:
    from almanac.house.words import check_words

    return check_words(root)


@dataclass(frozen=True)
class Check:
    """One check: what it says when it passes, and the function that finds what is wrong."""

    says: str
    find: Callable[[Path], list[Finding]]


CHECKS: dict[str, Check] = {
    "plan": Check("the tracking plan is whole and agrees with itself", _plan),
    "kpis": Check("every KPI is complete and built from measures that exist", _kpis),
    "dictionary": Check("the KPI dictionary in docs/kpis says what the definitions say", _dictionary),
    "warehouse": Check("every model has a reader, and docs/warehouse.md says what the models say", _warehouse),
    "promises": Check("promises about freshness are whole and name a runbook that exists", _promises),
    "dashboards": Check("dashboards name KPIs, time grains and dimensions that exist, and hold no SQL", _dashboards),
    "statements": Check("types and personal data are stated in the tracking plan alone", _statements),
    "formulas": Check("no formula of a KPI stands outside the KPI room", _formulas),
    "lineage": Check("facts with measures name their events, and kpi_periods depends on exactly these facts", _lineage),
    "serving": Check("what models say of their copy in PostgreSQL names columns that exist", _serving),
    "sql": Check("SQL survives the formatter and is portable outside macros/cross_db", _sql),
    "pages": Check("README and docs name only files, targets, commands and settings that exist", _pages),
    "words": Check("no registry, machine path, secret or foreign word in any file", _words),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(CHECKS)), metavar="[NAME]...")
@click.option("--quiet", "-q", is_flag=True, help="Print only what is wrong.")
def check(names: tuple[str, ...], quiet: bool) -> None:
    """Check the tracking plan, KPIs, dashboards and SQL for mistakes.

    Reads committed files only. Without NAME every check runs: plan, kpis, dictionary, warehouse, promises,
    dashboards, statements, formulas, lineage, serving, sql, pages, words.
    """
    root = Settings.from_env().root
    failed, count = [], 0
    for name in names or CHECKS:
        findings = CHECKS[name].find(root)
        if not findings and not quiet:
            click.echo(f"ok    {name:<11} {CHECKS[name].says}")
        if findings:
            failed.append(name)
            count += len(findings)
            click.echo(f"FAIL  {name:<11} not true: {CHECKS[name].says}")
            for finding in findings:
                click.echo(f"      {finding}")
    if failed:
        raise AlmanacError(f"{count} finding{'s' if count > 1 else ''} in {', '.join(failed)}: mend the lines above")


def _findings(path: str, problems: list[str]) -> list[Finding]:
    """Problems that already name their file keep it; others get `path`."""
    found = []
    for problem in problems:
        first, colon, rest = problem.partition(": ")
        names_file = bool(colon) and "/" in first and " " not in first
        found.append(Finding(first, rest) if names_file else Finding(path, problem))
    return found


COMMANDS: dict[str, click.Command] = {"check": check}
