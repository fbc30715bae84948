"""Who may read whose rows: roles of PostgreSQL and the tenants that they were granted, kept beside the data."""

from dataclasses import dataclass
from typing import Any

from psycopg2.errors import InsufficientPrivilege
from psycopg2.sql import SQL, Identifier

from almanac.errors import AlmanacError
from almanac.serving_store import ACCESS, EVERY_TENANT

# A role is kept with its number: one that is made anew under an old name inherits nothing.
TABLES = f"""
create schema if not exists {ACCESS};
create table if not exists {ACCESS}.version (
    id text primary key,
    schema_name text not null unique,
    is_current boolean not null default false,
    filled_at timestamptz not null default now()
);
create unique index if not exists version_current on {ACCESS}.version (is_current) where is_current;
create table if not exists {ACCESS}.tenant_role (
    role_number oid not null,
    role_name name not null,
    tenant text not null,
    granted_at timestamptz not null default now(),
    primary key (role_number, tenant)
);
"""
# The policies ask it for each statement. It runs with its owner's rights, because readers may not see the table, and
# is told the role: inside it, `current_user` would be the owner.
FUNCTION = f"""
create or replace function {ACCESS}.tenants_of(reader name) returns text[]
language sql stable security definer parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(g.tenant), '{{}}')
    from {ACCESS}.tenant_role g join pg_catalog.pg_roles r on r.oid = g.role_number
    where r.rolname = reader
$$
"""

# Samples of every column's values stand in pg_statistic, which has no policies; what can be written or run elsewhere
# can change who was granted what.
PASSING_ROLES = (
    "pg_execute_server_program",
    "pg_read_all_data",
    "pg_read_server_files",
    "pg_write_all_data",
    "pg_write_server_files",
)
CREATORS_ARE_HARMLESS = 160_000  # since this version createrole says nothing about roles that somebody else made


@dataclass(frozen=True)
class Reader:
    """A role that may read, whose rows, and what is wrong with it (empty: nothing), such as that it is gone."""

    role: str
    tenants: tuple[str, ...]
    problem: str = ""
    exists: bool = True

    @property
    def reads_everything(self) -> bool:
        """Whether it was granted every tenant."""
        return EVERY_TENANT in self.tenants


def prepare(cursor: Any) -> None:
    """Make the tables, the function and the column that are not there yet."""
    cursor.execute("select to_regclass(%s) is null or to_regproc(%s) is null", [f"{ACCESS}.tenant_role", _function()])
    if cursor.fetchone()[0]:
        cursor.execute(TABLES)
        cursor.execute(FUNCTION)
    cursor.execute(
        "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = 'filled_by'", [f"{ACCESS}.version"]
    )
    if not cursor.fetchone():  # also in a database of an earlier Almanac
        cursor.execute(f"alter table {ACCESS}.version add column filled_by text")


def exists(cursor: Any) -> bool:
    """Whether anything was ever published here, or granted."""
    cursor.execute("select to_regclass(%s) is not null", [f"{ACCESS}.tenant_role"])
    return bool(cursor.fetchone()[0])


def readers(cursor: Any) -> list[Reader]:
    """Every role that was granted something, by name."""
    cursor.execute(
        f"select coalesce(r.rolname, g.role_name), array_agg(g.tenant order by g.tenant), r.oid is not null "
        f"from {ACCESS}.tenant_role g left join pg_roles r on r.oid = g.role_number "
        "group by r.oid, r.rolname, g.role_name order by 1"
    )
    return [
        Reader(role, tuple(tenants), walls_do_not_hold(cursor, role))
        if is_there
        else Reader(role, tuple(tenants), "no longer exists: revoke it", exists=False)
        for role, tenants, is_there in cursor.fetchall()
    ]


def schemas(cursor: Any) -> list[str]:
    """The schemas in which versions lie, the served one included."""
    cursor.execute(f"select schema_name from {ACCESS}.version where to_regnamespace(schema_name) is not null")
    return [schema for (schema,) in cursor.fetchall()]


def walls_do_not_hold(cursor: Any, role: str) -> str:
    """Why walls do not stop a role, as it is or as a role that it may become; empty if they do."""
    cursor.execute(
        # A superuser counts as a member of every role.
        "select bool_or(s.rolsuper), bool_or(s.rolbypassrls), bool_or(s.rolname = current_user), "
        "bool_or(s.rolreplication), bool_or(s.rolcreaterole), min(s.rolname::text) filter (where s.rolname = any(%s)) "
        "from pg_roles s where pg_has_role(%s, s.oid, 'member')",
        [list(PASSING_ROLES), role],
    )
    is_super, bypasses, owns, replicates, creates, passing = cursor.fetchone()
    if is_super:
        return "is a superuser or a member of one, whom no policy stops"
    if bypasses:
        return "has bypassrls or is a member of a role that has it, so no policy stops it"
    if owns:
        return "is the role that publishes, or a member of it"
    if passing:
        return f"is a member of {passing}, which gets past policies"
    if replicates:
        return "has replication or is a member of a role that has it, and may copy the whole server"
    if creates and cursor.connection.server_version < CREATORS_ARE_HARMLESS:
        return "has createrole or is a member of a role that has it, and may make itself a member of any other"
    return ""


def grant(cursor: Any, role: str, tenants: list[str]) -> bool:
    """Let a role read the rows of these tenants; whether the role was created for it.

    A role that does not exist is created with the right to log in and no password. Raises AlmanacError if it may not be
    created, or if policies would not hold for it.
    """
    if role == "public" or role.startswith("pg_") or not 0 < len(role.encode()) < 64:
        raise AlmanacError(f"{role!r} cannot be granted a tenant: give a role of its own to each reader")
    cursor.execute("select 1 from pg_roles where rolname = %s", [role])
    created = not cursor.fetchone()
    if created:
        try:
            cursor.execute(SQL("create role {} login").format(Identifier(role)))
        except InsufficientPrivilege:
            raise AlmanacError(
                f"there is no role {role}, and Almanac's may not create one: have an administrator run "
                f"`create role \"{role}\" login password '...'`"
            ) from None
    elif problem := walls_do_not_hold(cursor, role):
        raise AlmanacError(f"role {role} {problem}: give readers a role without such rights")
    for tenant in tenants:
        cursor.execute(
            f"insert into {ACCESS}.tenant_role (role_number, role_name, tenant) "
            "select oid, rolname, %s from pg_roles where rolname = %s on conflict do nothing",
            [tenant, role],
        )
    _let_connect(cursor, role)
    return created


def revoke(cursor: Any, role: str, tenants: list[str] | None) -> bool:
    """Take tenants away from a role, all of them for None; whether it had any of them. It holds at once."""
    cursor.execute(
        f"delete from {ACCESS}.tenant_role where role_name = %s and (%s::text[] is null or tenant = any(%s))",
        [role, tenants, tenants],
    )
    return bool(cursor.rowcount)


def _let_connect(cursor: Any, role: str) -> None:
    cursor.execute("select current_database(), has_database_privilege(%s, current_database(), 'connect')", [role])
    database, may = cursor.fetchone()
    if not may:
        cursor.execute(SQL("grant connect on database {} to {}").format(Identifier(database), Identifier(role)))


def _function() -> str:
    return f"{ACCESS}.tenants_of"
