"""The mapping of a file source: which columns its files have, and what events their rows are."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from almanac.errors import AlmanacError
from almanac.yaml_files import ConfigError, read_yaml
from ingestion.sources.column_types import ColumnType, column_type
from ingestion.tracking_plan import Plan
from ingestion.tracking_plan.model import time_zones

FOLDER = Path("ingestion") / "sources" / "files"
# What a line of an access log says, by the names that expressions use. `path` is without the query.
ACCESS_LOG_COLUMNS: dict[str, "str | ColumnFormat"] = {
    "host": "string",
    "ident": "string",
    "remote_user": "string",
    "requested_at": "instant",
    "request": "string",
    "method": "string",
    "path": "string",
    "query": "string",
    "protocol": "string",
    "status": "integer",
    "bytes": "integer",
    "referrer": "string",
    "user_agent": "string",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
Format = Literal["csv", "jsonl", "parquet", "access_log"]
Expression = Annotated[str, Field(min_length=1, pattern=r"\S")]


class ColumnFormat(BaseModel):
    """A column whose times are not written in ISO 8601, or whose numbers are written for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    format: str | None = None  # strptime's letters, or epoch, epoch_ms
    decimal: Literal[".", ","] | None = None  # the other one may group thousands, and a currency sign may stand beside


class Also(BaseModel):
    """One more event of the rows for which `when` is true, about the same person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Expression
    event: Expression
    event_at: Expression
    properties: dict[str, Expression] = Field(default_factory=dict)


class Mapping(BaseModel):
    """One file source. Expressions are SQL over the declared columns, evaluated row by row by DuckDB."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    tenant: str
    title: str = ""
    format: Format = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    time_zone: str  # of timestamps that say none
    currency: str  # of the amounts; must be the tenant's
    history_from: date | None = None  # the tenant's local date from which nothing is late or too old
    columns: dict[str, str | ColumnFormat] = Field(default_factory=dict)
    natural_key: tuple[str, ...] = ()
    event: Expression
    event_at: Expression
    user_id: Expression | None = None
    anonymous_id: Expression | None = None
    properties: dict[str, Expression] = Field(default_factory=dict)
    also: tuple[Also, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in time_zones():
            raise ValueError(f"{zone!r} is not an IANA time zone such as Europe/Berlin")
        return zone

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            raise ValueError(
                f"{encoding!r} is no encoding: use utf-8, latin-1, cp1252 or another one of Python's"
            ) from None
        return encoding

    @model_validator(mode="after")
    def _consistent(self) -> "Mapping":
        self._check_columns()
        seen: dict[str, str] = {}
        for name in self.columns:
            if seen.setdefault(name.lower(), name) != name:
                raise ValueError(f"columns {seen[name.lower()]!r} and {name!r} differ in case only")
        for name in self.natural_key:
            if name not in self.types():
                raise ValueError(f"natural_key names {name!r}, which is not among the columns")
        self.types()
        return self

    def _check_columns(self) -> None:
        if self.format == "access_log":
            if self.columns:
                raise ValueError(
                    f"columns of an access log are known: leave them out ({', '.join(ACCESS_LOG_COLUMNS)})"
                )
        elif not self.columns:
            raise ValueError("columns must name the columns of the file with their types")

    def types(self) -> dict[str, ColumnType]:
        """The type of each column of the file. Raises ValueError for an unknown one."""
        columns = ACCESS_LOG_COLUMNS if self.format == "access_log" else self.columns
        # Where events say their currency themselves, amounts may be in any.
        is_said = any(place.endswith(".currency") for place in self.named_properties())
        currency = None if is_said else self.currency
        return {
            name: column_type(given.type, given.format, given.decimal, currency)
            if isinstance(given, ColumnFormat)
            else column_type(given)
            for name, given in columns.items()
        }

    @property
    def text_encoding(self) -> str | None:
        """How the files are encoded; None where they are not text."""
        return None if self.format == "parquet" else self.encoding

    def expressions(self, more: Also | None = None) -> dict[str, str]:
        """Every expression of the row's event, or of one `more`, by its field; properties as `properties.<name>`."""
        of = more or self
        given = {
            "event": of.event,
            "event_at": of.event_at,
            "user_id": self.user_id,
            "anonymous_id": self.anonymous_id,
        }
        found = {name: text for name, text in given.items() if text is not None}
        return found | {f"properties.{name}": text for name, text in of.properties.items()}

    def named_properties(self) -> list[str]:
        """Every property that an event of a row has, as the mapping writes the place: `properties.amount`."""
        more = [f"also.{n}.properties.{name}" for n, also in enumerate(self.also) for name in also.properties]
        return [*(f"properties.{name}" for name in self.properties), *more]


def mapping_names(root: Path) -> list[str]:
    """The file sources of the repository at `root`."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.yml"))


def load_mapping(root: Path, name: str, plan: Plan) -> Mapping:
    """The mapping `files/<name>.yml`, consistent with the tracking plan. AlmanacError names the file and the field."""
    path = root / FOLDER / f"{name}.yml"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise AlmanacError(
            f"there is no file source {name!r}: choose from {', '.join(mapping_names(root)) or 'none yet'}"
        )
    where = path.relative_to(root).as_posix()
    file = read_yaml(path, where)
    try:
        mapping = Mapping.model_validate(file.content)
    except ValidationError as error:
        raise ConfigError(file.problems(error, Mapping)[0]) from error
    _agree(where, name, mapping, plan)
    return mapping


def _agree(where: str, name: str, mapping: Mapping, plan: Plan) -> None:
    """Refuse a mapping that contradicts its name, its tenant or the plan."""
    if mapping.source != name:
        raise AlmanacError(f"{where}: source: {mapping.source!r} must be the file's name, {name!r}")
    tenant = plan.tenants.get(mapping.tenant)
    if tenant is None:
        raise AlmanacError(f"{where}: tenant: {mapping.tenant!r} has no file in the tracking plan")
    if mapping.source not in tenant.sources:
        raise AlmanacError(f"{where}: source: tenant {mapping.tenant!r} does not list {name!r} among its sources")
    if mapping.currency != tenant.currency:
        raise AlmanacError(
            f"{where}: currency: amounts are kept in the tenant's currency {tenant.currency}, not in {mapping.currency}"
        )
    declared = {column.name for column in plan.columns if column.kind == "property"}
    for place in mapping.named_properties():
        if place.rpartition(".")[2] not in declared:
            raise AlmanacError(f"{where}: {place}: no event of the tracking plan has a property of this name")
