"""The shape of a dashboard file, and reading it with errors that name file and field.

A file holds only what a BI tool's dashboard can express too: cards on a grid of 24 columns and filters.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from almanac.errors import AlmanacError
from almanac.yaml_files import read_yaml

FOLDER = Path("dashboards") / "specs"
COLUMNS = 24  # of the grid on which cards lie
# What pydantic puts into the path of an error.
TAGS = {"tile", "time_series", "table", "ranking", "tenant", "date_range"}

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Grain = Literal["day", "week", "month", "quarter"]
Section = Literal["leadership", "revenue", "growth", "operations", "customer", "other"]
SECTIONS: tuple[Section, ...] = get_args(Section)  # in the order in which they are listed


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class TenantFilter(_Model):
    """Which business to show; `default` is used where the address names none."""

    type: Literal["tenant"]
    default: Name | None = None


class DateRangeFilter(_Model):
    """Which days to show; the default ends on the last complete day."""

    type: Literal["date_range"]
    default: Literal["7d", "28d", "90d", "month", "last_month", "all"] = "28d"


class Position(_Model):
    """The upper left corner of a card, in grid steps from 0."""

    row: Annotated[int, Field(ge=0, le=999)]
    column: Annotated[int, Field(ge=0, lt=COLUMNS)]


class Size(_Model):
    """Width in columns of the grid, height in its rows (about 48 px each)."""

    width: Annotated[int, Field(ge=1, le=COLUMNS)]
    height: Annotated[int, Field(ge=1, le=30)]


class _Card(_Model):
    id: Name
    title: Text | None = None  # a tile's default is its KPI's title
    description: Text | None = None
    position: Position
    size: Size

    @model_validator(mode="after")
    def _fits_the_grid(self) -> Self:
        if self.position.column + self.size.width > COLUMNS:
            raise ValueError(f"position.column + size.width is more than {COLUMNS}: the card leaves the grid")
        return self


class Tile(_Card):
    """One number with its change and its trend."""

    type: Literal["tile"]
    kpi: Name


class _Kpis(_Card):
    kpis: Annotated[tuple[Name, ...], Field(min_length=1, max_length=12)]
    time_grain: Grain
    dimension: Name | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.title is None:
            raise ValueError("title is missing: say what the card shows")
        if len(set(self.kpis)) < len(self.kpis):
            raise ValueError("kpis names a KPI twice")
        return self


class TimeSeries(_Kpis):
    """A chart over time: several KPIs of one unit, or one KPI split by a dimension."""

    type: Literal["time_series"]
    chart: Literal["line", "bar", "area"] = "line"

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if len(self.kpis) > 1 and self.dimension:
            raise ValueError("dimension needs exactly one KPI in kpis: more could not be told apart")
        if self.chart == "area" and (len(self.kpis) > 1 or self.dimension):
            raise ValueError("chart: area is for one series; use line or bar")
        if self.chart == "bar" and len(self.kpis) > 1:
            raise ValueError("chart: bar would stack different KPIs; use line")
        return self


class Table(_Kpis):
    """A table: a row per period (and value of the dimension), a column per KPI."""

    type: Literal["table"]


class Ranking(_Card):
    """The values of one dimension over the whole range, added up: the largest first, or in the order of their names."""

    type: Literal["ranking"]
    kpi: Name
    dimension: Name
    order: Literal["value", "name"] = "value"
    limit: Annotated[int, Field(ge=1, le=50)] = 10

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.title is None:
            raise ValueError("title is missing: say what the card shows")
        return self


AnyCard = Tile | TimeSeries | Table | Ranking
Card = Annotated[AnyCard, Field(discriminator="type")]
Filter = Annotated[TenantFilter | DateRangeFilter, Field(discriminator="type")]


class Dashboard(_Model):
    """One dashboard; its name is that of its file."""

    name: Name
    title: Text
    description: Text
    section: Section = "other"
    filters: tuple[Filter, ...] = (TenantFilter(type="tenant"), DateRangeFilter(type="date_range"))
    cards: Annotated[tuple[Card, ...], Field(min_length=1, max_length=60)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        kinds = [f.type for f in self.filters]
        if sorted(kinds) != ["date_range", "tenant"]:
            raise ValueError("filters must hold one of type tenant and one of type date_range")
        taken: dict[tuple[int, int], str] = {}
        ids: set[str] = set()
        for card in self.cards:
            if card.id in ids:
                raise ValueError(f"cards: the id {card.id!r} is used twice")
            ids.add(card.id)
            for cell in _cells(card):
                if (other := taken.setdefault(cell, card.id)) != card.id:
                    raise ValueError(f"cards: {card.id!r} and {other!r} lie on top of each other (row {cell[0]})")
        return self

    @property
    def tenant_default(self) -> str | None:
        """The tenant to show where the address names none."""
        return next((f.default for f in self.filters if isinstance(f, TenantFilter)), None)

    @property
    def range_default(self) -> str:
        """The named range to show where the address names none."""
        return next((f.default for f in self.filters if isinstance(f, DateRangeFilter)), "28d")

    @property
    def ordered_cards(self) -> tuple[AnyCard, ...]:
        """Cards as one reads them: by row, then by column."""
        return tuple(sorted(self.cards, key=lambda c: (c.position.row, c.position.column)))


def kpis_of(card: AnyCard) -> tuple[str, ...]:
    """The KPIs that a card names."""
    return (card.kpi,) if isinstance(card, Tile | Ranking) else card.kpis


def dimension_of(card: AnyCard) -> str | None:
    """The dimension by which a card splits its KPIs, if any."""
    return None if isinstance(card, Tile) else card.dimension


def in_order(dashboards: Iterable[Dashboard]) -> list[Dashboard]:
    """Dashboards as they are listed: by section, then by name."""
    return sorted(dashboards, key=lambda one: (SECTIONS.index(one.section), one.name))


def dashboard_files(root: Path) -> list[Path]:
    """The dashboard files of a repository, sorted by name."""
    return sorted((root / FOLDER).glob("*.yml"))


def load_dashboards(root: Path) -> dict[str, Dashboard]:
    """All dashboards of a repository by name. Raises AlmanacError naming file and field of the first fault."""
    return {path.stem: load_dashboard(path, root) for path in dashboard_files(root)}


def load_dashboard(path: Path, root: Path | None = None) -> Dashboard:
    """One dashboard file; read again only if the file changed. Raises AlmanacError naming file and field."""
    label = path.relative_to(root).as_posix() if root else path.name
    try:
        stat = path.stat()
    except OSError as error:
        raise AlmanacError(f"{label}: cannot be read: {error.strerror}") from error
    return _load(path, label, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=128)
def _load(path: Path, label: str, _changed: int, _size: int) -> Dashboard:
    try:
        raw = read_yaml(path, label).content
    except OSError as error:
        raise AlmanacError(f"{label}: cannot be read: {error.strerror}") from error
    if not isinstance(raw, dict):
        raise AlmanacError(f"{label}: must be a mapping with title, description and cards")
    if raw.get("name", path.stem) != path.stem:
        raise AlmanacError(f"{label}: name: is {raw['name']!r}, but the file's name says {path.stem!r}")
    try:
        return Dashboard.model_validate({**raw, "name": path.stem})
    except ValidationError as error:
        raise AlmanacError(f"{label}: {'; '.join(_fault(raw, e) for e in error.errors())}") from error


def _cells(card: AnyCard) -> list[tuple[int, int]]:
    rows = range(card.position.row, card.position.row + card.size.height)
    return [(r, c) for r in rows for c in range(card.position.column, card.position.column + card.size.width)]


def _fault(raw: dict[str, Any], error: Any) -> str:
    """One validation error as `cards[2] (gmv_by_day).time_grain: ...`."""
    where = ""
    for part in error["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
            if where == f"cards[{part}]":
                where += _card_name(raw, part)
        elif part not in TAGS:
            where += f".{part}" if where else str(part)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown field"
    elif error["type"] == "missing":
        message = "missing"
    elif error["type"] != "value_error" and not isinstance(error["input"], dict):
        message = f"{message}, not {str(error['input'])[:80]!r}"
    return f"{where}: {message}" if where else message


def _card_name(raw: dict[str, Any], index: int) -> str:
    card = raw["cards"][index]
    return f" ({card['id']})" if isinstance(card, dict) and "id" in card else ""
