"""The KPI dictionary of a repository: `docs/kpis/`, kept in git, written and checked here.

Its examples are those of the golden events. They were computed by hand, stay what they are until a formula changes, and
their events can be looked up; a published value would be another one after each publication, on each machine.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from almanac.errors import AlmanacError
from almanac.event_lineage import source_events
from almanac.house.findings import Finding
from almanac.kpi_docs import BACK, FOLDER, INDEX, TITLE, Example, Surroundings, kpi_pages
from almanac.kpis import Catalogue, load_catalogue
from almanac.model_lineage import model_graph
from almanac.readers import readers_by_kpi
from almanac.settings import Settings

GOLDEN = Path("tests") / "golden"
COMMAND = "almanac kpis docs"


class Value(NamedTuple):
    """One value of a KPI for all rows of a period, with the tenant's currency."""

    tenant: str
    currency: str
    time_grain: str
    period_start: date
    numerator: Decimal | None
    denominator: Decimal | None
    value: float | None


def committed_pages(root: Path) -> dict[str, str]:
    """What `docs/kpis/` of a repository has to hold, by file name. Raises AlmanacError for a broken definition."""
    catalogue = load_catalogue(root)
    origin = f"computed by hand in [the golden events](../../{GOLDEN.as_posix()}/README.md)"
    return kpi_pages(catalogue, _around(root, catalogue, _golden(root, catalogue), origin))


def published_pages(settings: Settings) -> tuple[dict[str, str], int]:
    """The same pages with examples of the published version, and how many there are."""
    catalogue = load_catalogue(settings.root)
    around = _around(settings.root, catalogue, latest_values(settings, catalogue.kpis) or {}, "published")
    return kpi_pages(catalogue, around), len(around.examples)


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write the pages, and remove pages of KPIs that are gone; whatever else lies there stays.

    Raises AlmanacError if the folder has an index of its own, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _pages_in(folder)
        if INDEX in found and not found[INDEX].startswith(TITLE):
            raise AlmanacError(f"{folder / INDEX} is no KPI dictionary: choose another place with --output")
        for name in found.keys() - pages.keys():
            if BACK in found[name]:
                (folder / name).unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise AlmanacError(f"cannot write {folder}: {error.strerror}; choose another place with --output") from error


def check_pages(root: Path) -> list[Finding]:
    """Pages that are missing, of no KPI, or say something else than the definitions."""
    try:
        wanted = committed_pages(root)
    except AlmanacError:
        return []  # the checks of the KPIs and of lineage say it
    found = _pages_in(root / FOLDER)
    problems = dict.fromkeys(wanted.keys() - found.keys(), f"is missing: run `{COMMAND}`")
    for name, text in found.items():
        if name not in wanted:
            mend = f"run `{COMMAND}`" if BACK in text else "move it elsewhere"
            problems[name] = f"no KPI is called that: {mend}"
        elif text != wanted[name]:
            problems[name] = f"is not what the definitions say: run `{COMMAND}`"
    return [Finding((FOLDER / name).as_posix(), said) for name, said in sorted(problems.items())]


def latest_values(settings: Settings, names: Iterable[str]) -> dict[str, list[Value]] | None:
    """By KPI, per tenant and time grain, the newest complete period; None where nothing is published."""
    from almanac import versions

    version = versions.current(settings)
    if version is None:
        return None
    import duckdb

    query = """
        select v.kpi, v.tenant, t.currency, v.time_grain, v.period_start, v.numerator, v.denominator, v.value
        from kpi_values as v left join dim_tenants as t on t.tenant = v.tenant
        where list_contains(?, v.kpi) and v.dimension = 'all' and v.is_complete
    """
    found: dict[str, list[Value]] = {name: [] for name in names}
    with versions.hold(version), duckdb.connect(str(version.path), read_only=True) as connection:
        for name, *value in connection.execute(query, [list(found)]).fetchall():
            found[name].append(Value._make(value))
    return {name: _newest(values) for name, values in found.items()}


def _golden(root: Path, catalogue: Catalogue) -> dict[str, list[Value]]:
    """The newest values computed by hand, by KPI, complete and not 0 if there are such; none without the tests."""
    from ingestion.tracking_plan import load_plan

    tenants = load_plan(root).tenants
    best: dict[str, list[Value]] = {name: [] for name in catalogue.kpis}
    others: dict[str, list[Value]] = {name: [] for name in catalogue.kpis}
    for path in sorted((root / GOLDEN).glob("*.csv"), reverse=True):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get("dimension") == "all" and row["value"] and row["kpi"] in best:
                    start, currency = date.fromisoformat(row["period_start"]), tenants[row["tenant"]].currency
                    parts = Decimal(row["numerator"] or 0), Decimal(row["denominator"] or 0)
                    value = Value(row["tenant"], currency, row["time_grain"], start, *parts, float(row["value"]))
                    found = best if row["is_complete"] == "yes" and value.value else others
                    found[row["kpi"]].append(value)
    return {name: _newest(values or others[name]) for name, values in best.items()}


def _newest(values: Iterable[Value]) -> list[Value]:
    """The newest period of each tenant and time grain, tenants by name, grains from the shortest."""
    grains = ("day", "week", "month", "quarter")
    newest: dict[tuple[str, int], Value] = {}
    for one in values:
        key = (one.tenant, grains.index(one.time_grain))
        if key not in newest or newest[key].period_start < one.period_start:
            newest[key] = one
    return [newest[key] for key in sorted(newest)]


def _around(root: Path, catalogue: Catalogue, values: dict[str, list[Value]], origin: str) -> Surroundings:
    events = {fact: names for fact, (names, _) in source_events(root).items()}
    examples = dict(_examples(catalogue, values, origin))
    return Surroundings(events, model_graph(root), root, examples, readers_by_kpi(root))


def _examples(catalogue: Catalogue, values: dict[str, list[Value]], origin: str) -> Iterator[tuple[str, Example]]:
    """Of each KPI the newest complete value of the shortest time grain, of the first tenant; if it can be, not 0."""
    from serving.formatting import Style, bare, exact, period

    for name, kpi in catalogue.kpis.items():
        own = kpi.settings
        known = [one for one in values.get(name, ()) if one.value is not None]
        if known:
            found = next((one for one in known if one.value), known[0])
            parts = [number for number in (found.numerator, found.denominator) if number is not None]
            part = Style("count", "decimal", decimals=0 if all(number == int(number) for number in parts) else 2)
            yield (
                name,
                Example(
                    found.tenant,
                    _breakable(period(found.period_start, found.time_grain)),
                    _breakable(exact(found.value, Style(own.unit, own.format, found.currency))),
                    bare(found.numerator, part),
                    bare(found.denominator, part) if kpi.denominator else "",
                    origin,
                ),
            )


def _breakable(text: str) -> str:
    return text.replace("\u00a0", " ")


def _pages_in(folder: Path) -> dict[str, str]:
    """The pages of a folder by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
