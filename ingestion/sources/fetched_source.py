"""The description of a source that is fetched: a database's tables, a paged HTTP API, or an outbox table of events."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from almanac.errors import AlmanacError
from almanac.yaml_files import read_yaml
from ingestion.tracking_plan import Plan
from ingestion.tracking_plan.names import SLUG

FOLDER = Path("ingestion") / "sources" / "fetched"


class FetchedTable(BaseModel):
    """One table, or one list of an API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[tuple[str, ...], Field(min_length=1)]
    cursor: str | None = (
        None  # a column that grows when a row is new or changed; without it all rows are read each time
    )
    overlap: Annotated[int, Field(ge=0)] = 0  # read again so many seconds (or units) before the greatest cursor
    people: tuple[str, ...] | None = None  # columns that name who a row is about, if not the usual ones
    personal: tuple[str, ...] = ()  # columns in which e-mail addresses and phone numbers are meant to be
    path: str | None = None  # schema.table of a database, or the API's path; the table's own name by default
    rows: str | None = None  # where an answer holds the rows (JSONPath), if not found by itself
    params: dict[str, str | int] = Field(default_factory=dict)
    cursor_param: str | None = None  # the API's parameter for rows from a cursor on
    paginator: dict[str, Any] | None = None  # dlt's words, such as {type: page_number, base_page: 1, total_path: pages}


class Outbox(BaseModel):
    """A table of events in the platform's database: written in the transaction that they are about, read in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = "outbox"
    id: str = "id"
    payload: str = "payload"
    created_at: str = "created_at"
    # Rows become visible when their transaction ends, later than they say: so many seconds are read again.
    overlap: Annotated[int, Field(ge=0)] = 600


class FetchedSource(BaseModel):
    """One source. Its address and secrets are settings: ALMANAC_SOURCE_<NAME>_URL and ALMANAC_SOURCE_<NAME>_TOKEN."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    tenant: str
    title: str = ""
    kind: Literal["sql", "http", "outbox"]
    tables: dict[str, FetchedTable] = Field(default_factory=dict)
    outbox: Outbox | None = None

    @field_validator("tables")
    @classmethod
    def _slugs(cls, tables: dict[str, FetchedTable]) -> dict[str, FetchedTable]:
        for name in tables:
            if not SLUG.fullmatch(name):
                raise ValueError(f"table {name!r}: use a-z, 0-9, _ and -, and say the real name as its path")
        return tables

    @model_validator(mode="after")
    def _consistent(self) -> "FetchedSource":
        if self.kind == "outbox" and (self.tables or self.outbox is None):
            raise ValueError("kind outbox has `outbox:` and no tables")
        if self.kind != "outbox" and (not self.tables or self.outbox is not None):
            raise ValueError(f"kind {self.kind} has `tables:` and no outbox")
        return self


def fetched_names(root: Path) -> list[str]:
    """The fetched sources of the repository at `root`."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.yml"))


def load_fetched(root: Path, name: str, plan: Plan) -> FetchedSource:
    """The source `fetched/<name>.yml`. Raises AlmanacError naming the file and the field of the first problem."""
    path = root / FOLDER / f"{name}.yml"
    if not SLUG.fullmatch(name) or not path.is_file():
        known = ", ".join(fetched_names(root)) or "none yet"
        raise AlmanacError(f"there is no fetched source {name!r}: choose from {known}")
    where = path.relative_to(root).as_posix()
    try:
        found = FetchedSource.model_validate(read_yaml(path, where).content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the source"
        raise AlmanacError(f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}") from error
    if found.source != name:
        raise AlmanacError(f"{where}: source: {found.source!r} must be the file's name, {name!r}")
    tenant = plan.tenants.get(found.tenant)
    if tenant is None:
        raise AlmanacError(f"{where}: tenant: {found.tenant!r} has no file in the tracking plan")
    if found.source not in tenant.sources:
        raise AlmanacError(f"{where}: source: tenant {found.tenant!r} does not list {name!r} among its sources")
    return found
