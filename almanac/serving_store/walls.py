"""Walls between tenants: a policy on every served relation, the rights of each reader, and a look for holes."""

from typing import Any

from psycopg2.sql import SQL, Identifier

from almanac.serving_store import ACCESS, EVERY_TENANT
from almanac.serving_store.access import Reader

# Asked once for each statement, not for each row: hence the sub-select.
_TENANTS = f"(select {ACCESS}.tenants_of(current_user))::text[]"
_ALL = f"'{EVERY_TENANT}' = any ({_TENANTS})"
OWN_ROWS, SHARED_ROWS, OPERATORS = "rows_of_the_tenant", "rows_of_everybody", "rows_of_operators"
POLICIES = {
    OWN_ROWS: f"tenant = any ({_TENANTS}) or {_ALL}",
    SHARED_ROWS: f"cardinality({_TENANTS}) > 0",
    OPERATORS: _ALL,
}


def raise_walls(cursor: Any, schema: str, relation: str, *, has_tenant: bool, is_shared: bool) -> None:
    """Row security on a table, for its owner too; one without tenants that is not shared is the operators' alone."""
    kind = OWN_ROWS if has_tenant else SHARED_ROWS if is_shared else OPERATORS
    table = Identifier(schema, relation)
    cursor.execute(SQL("alter table {} enable row level security, force row level security").format(table))
    cursor.execute(
        SQL("create policy {} on {} for select using (" + POLICIES[kind] + ")").format(Identifier(kind), table)
    )


def open_to(cursor: Any, schema: str, readers: list[Reader]) -> None:
    """Let readers into a version: the policies say which rows a role sees, its rights which tables are there for it."""
    cursor.execute("select tablename, policyname from pg_policies where schemaname = %s order by 1", [schema])
    policies = cursor.fetchall()
    for reader in readers:
        role = Identifier(reader.role)
        tables = [t for t, policy in policies if reader.reads_everything or policy != OPERATORS]
        close_to(cursor, schema, reader.role)
        cursor.execute(SQL("grant usage on schema {} to {}").format(Identifier(schema), role))
        if tables:
            named = SQL(", ").join(Identifier(schema, t) for t in tables)
            cursor.execute(SQL("grant select on table {} to {}").format(named, role))


def close_to(cursor: Any, schema: str, role: str) -> None:
    """Take every right in a schema away from a role."""
    for what in ("all on all tables in schema", "all on schema"):
        cursor.execute(SQL("revoke " + what + " {} from {}").format(Identifier(schema), Identifier(role)))


def holes(cursor: Any, schema: str) -> list[str]:
    """Relations of a schema, of any kind, that could show a reader a row of another tenant; in words, by name.

    A table needs forced row security whose policies ask for the reader's tenants; a foreign table or a materialized
    view can have none; a view must read with its reader's rights or, over what readers may not see, be a security
    barrier that asks for the reader's tenants itself.
    """
    cursor.execute(
        """
        select c.relname, c.relkind::text, c.relrowsecurity and c.relforcerowsecurity,
            coalesce(c.reloptions::text[], '{}'), case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
            array(select coalesce(pg_get_expr(p.polqual, p.polrelid), '') from pg_policy p
                where p.polrelid = c.oid and p.polpermissive)
        from pg_class c where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p', 'f', 'm', 'v')
        order by c.relname
        """,
        [f'"{schema}"'],
    )
    return [f"{name} {why}" for name, *about in cursor.fetchall() if (why := _hole(*about))]


def _hole(kind: str, is_forced: bool, options: list[str], definition: str | None, policies: list[str]) -> str:
    asks = f"{ACCESS}.tenants_of("
    if kind in ("r", "p"):
        if not is_forced:
            return "is a table without forced row security"
        return "" if all(asks in policy for policy in policies) else "has a policy that does not ask for tenants"
    if kind == "v":
        if {"security_invoker=true", "security_invoker=on"} & set(options):
            return ""
        is_barrier = bool({"security_barrier=true", "security_barrier=on"} & set(options))
        return "" if is_barrier and asks in (definition or "") else "is a view with the rights of its owner"
    return "is a materialized view, which has no row security" if kind == "m" else "is a foreign table"
