"""Granting and taking back a tenant's rows: written down, and applied at once to what is served."""

from almanac.errors import AlmanacError
from almanac.serving_store import access, walls
from almanac.serving_store.session import changing, connection
from almanac.settings import Settings


def grant(settings: Settings, role: str, tenants: list[str]) -> bool:
    """Let a role of PostgreSQL read the rows of these tenants, now and in every later version.

    A role that does not exist is created, without a password; True then. Granting twice changes nothing. Raises
    AlmanacError if it cannot be granted: no policy would hold for the role, or it may not be created.
    """
    with connection(settings) as opened, changing(opened, "granting a tenant") as cursor:
        access.prepare(cursor)
        created = access.grant(cursor, role, tenants)
        reader = next(r for r in access.readers(cursor) if r.role == role and not r.problem)
        for schema in access.schemas(cursor):
            walls.open_to(cursor, schema, [reader])
        return created


def revoke(settings: Settings, role: str, tenants: list[str] | None = None) -> None:
    """Take these tenants away from a role, or all that it has; its statements from now on do not see their rows.

    The role itself stays. Raises AlmanacError if it had none of them.
    """
    with connection(settings) as opened, changing(opened, "taking back a tenant") as cursor:
        if not access.exists(cursor) or not access.revoke(cursor, role, tenants):
            raise AlmanacError(f"role {role} was not granted {' or '.join(tenants or ['any tenant'])}")
        left = [r for r in access.readers(cursor) if r.role == role and not r.problem]
        cursor.execute("select 1 from pg_roles where rolname = %s", [role])
        if not cursor.fetchone():
            return
        for schema in access.schemas(cursor):
            if left:
                walls.open_to(cursor, schema, left)
            else:
                walls.close_to(cursor, schema, role)
