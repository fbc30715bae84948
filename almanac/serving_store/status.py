"""What the serving database holds, looked at without changing or locking anything."""

from dataclasses import dataclass, field
from datetime import datetime

from almanac.serving_store import ACCESS, SERVED, access, walls
from almanac.serving_store.access import Reader
from almanac.serving_store.session import connection
from almanac.settings import Settings


@dataclass(frozen=True)
class Kept:
    """A version in PostgreSQL: where it lies, and when it was copied (aware)."""

    id: str
    schema: str
    filled_at: datetime
    is_current: bool


@dataclass(frozen=True)
class ServingStatus:
    """Which database it is, its versions (newest first), who reads, and which walls between tenants have holes."""

    database: str
    versions: list[Kept] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)

    @property
    def served(self) -> str | None:
        """The version that readers see."""
        return next((one.id for one in self.versions if one.is_current), None)

    @property
    def problems(self) -> list[str]:
        """What lets somebody see more than was granted, or nothing at all."""
        return [*self.holes, *(f"role {r.role} {r.problem}" for r in self.readers if r.problem)]


def look(settings: Settings) -> ServingStatus:
    """Look at the serving database. Raises AlmanacError if none is configured or it cannot be reached."""
    with connection(settings) as opened, opened, opened.cursor() as cursor:
        database = f"{opened.info.dbname} on {opened.info.host}:{opened.info.port}"
        if not access.exists(cursor):
            return ServingStatus(database)
        cursor.execute(
            f"select id, schema_name, filled_at, is_current from {ACCESS}.version "
            "where to_regnamespace(schema_name) is not null order by filled_at desc"
        )
        versions = [Kept(*row) for row in cursor.fetchall()]
        holes = walls.holes(cursor, SERVED) if any(one.is_current for one in versions) else []
        return ServingStatus(database, versions, access.readers(cursor), holes)
