"""No tenant's reader sees a row of another tenant in PostgreSQL: in no relation, of no kind, in no version."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner, Result

from almanac.cli import cli
from almanac.doctor_services import serving
from almanac.errors import AlmanacError
from almanac.serving_store import EVERY_TENANT, walls
from almanac.serving_store.access import CREATORS_ARE_HARMLESS
from almanac.serving_store.declared import load_declared
from almanac.serving_store.follow import follow
from almanac.serving_store.granting import grant, revoke
from almanac.settings import SERVING_DSN
from tests.conftest import ROOT
from tests.integration.serving_place import TENANTS, Place, foreign, make_version, seen, serving_place, show
from tests.postgres import execute

pytestmark = pytest.mark.xdist_group("serving_store")

WHOLE = ("dim_date", "kpi_values", "nothing", "publication")


@pytest.fixture(scope="module")
def place(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A serving database with two versions, a reader for each tenant, and one for all of them."""
    with serving_place(postgres_dsn, tmp_path_factory.mktemp("walls")) as place:
        make_version(place.settings, 1)
        follow(place.settings)
        for tenant in TENANTS:
            place.let_in(tenant, tenant)
        place.let_in("operator", EVERY_TENANT)
        make_version(place.settings, 2)
        follow(place.settings)
        yield place


def test_a_tenants_reader_sees_its_rows_in_every_version_and_no_others(place: Place) -> None:
    for tenant in TENANTS:
        readable, leaks = foreign(place.login(tenant), tenant)
        assert leaks == []
        versions = {relation.partition(".")[0] for relation in readable}
        assert len(versions) == 2
        assert readable == sorted(f"{schema}.{name}" for schema in versions for name in WHOLE)
        assert execute(place.login(tenant), "select count(*) from published.kpi_values") == [(100,)]
        assert execute(place.login(tenant), "select count(*) from published.dim_date") == [(1,)]
        assert seen(place.login(tenant))


def test_an_operators_reader_sees_everything(place: Place) -> None:
    assert execute(place.login("operator"), "select count(*) from published.kpi_values") == [(200,)]
    assert execute(place.login("operator"), "select message from published.check_results") == [
        ("advisory/web: 3 events",)
    ]


def test_not_even_the_owner_sees_rows_and_nobody_may_write(place: Place) -> None:
    assert place.settings.serving_dsn
    assert execute(place.settings.serving_dsn, "select count(*) from published.kpi_values") == [(0,)]
    for statement in ("delete from published.kpi_values", "create table published.own (n int)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(place.login("operator"), statement)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(place.login("rentals"), "select * from published_access.tenant_role")


HIDDEN = "create schema {hidden}; create materialized view {hidden}.daily as select * from published.kpi_values"
BARRIER = "create view published.daily with (security_barrier) as select * from {hidden}.daily"
ASKS = " where tenant = any ((select published_access.tenants_of(current_user))::text[])"


@pytest.mark.parametrize(
    ("planted", "is_leak"),
    [
        (["create view published.daily as select * from published.kpi_values"], True),
        (["create view published.daily with (security_invoker) as select * from published.kpi_values"], False),
        (["create materialized view published.daily as select * from published.kpi_values"], True),
        ([HIDDEN, BARRIER], True),
        ([HIDDEN, BARRIER + ASKS], False),
        (["create table published.daily as select * from published.kpi_values"], True),
    ],
    ids=["view", "invoker", "materialized", "barrier", "asking barrier", "table"],
)
def test_the_look_for_holes_finds_every_relation_that_shows_foreign_rows(
    place: Place, planted: list[str], is_leak: bool
) -> None:
    """What is planted belongs to a superuser, whose rights see every row."""
    hidden, connection = f"hidden_{place.tag}", psycopg2.connect(place.admin)
    try:
        with connection, connection.cursor() as cursor:
            for statement in planted:
                cursor.execute(statement.format(hidden=hidden))
            cursor.execute(f"grant select on published.daily to {place.role('rentals')}")
        assert foreign(place.login("rentals"), "rentals")[1] == (["published.daily"] if is_leak else [])
        with connection, connection.cursor() as cursor:
            found = walls.holes(cursor, "published")
        assert [line.split()[0] for line in found] == (["daily"] if is_leak else [])
        assert ("daily" in "".join(str(line) for line in serving(place.settings))) == is_leak
    finally:
        with connection, connection.cursor() as cursor:
            cursor.execute("select relkind::text from pg_class where oid = 'published.daily'::regclass")
            [(kind,)] = cursor.fetchall()
            kinds = {"v": "view", "m": "materialized view", "r": "table"}
            cursor.execute(f"drop {kinds[kind]} published.daily; drop schema if exists {hidden} cascade")
        connection.close()


def test_a_version_with_a_hole_is_not_switched_to(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = seen(place.login("operator"))
    make_version(place.settings, 9)
    raise_walls = walls.raise_walls
    monkeypatch.setattr(
        "almanac.serving_store.fill.raise_walls",
        lambda cursor, schema, relation, **about: (
            relation == "nothing" or raise_walls(cursor, schema, relation, **about)
        ),
    )
    with pytest.raises(AlmanacError, match="have holes, nothing was switched: nothing is a table without forced row"):
        follow(place.settings)
    assert seen(place.login("operator")) == before
    assert before
    show(place.settings, before)


def test_what_is_granted_and_revoked_holds_at_once_and_in_every_version(place: Place) -> None:
    dsn = place.let_in("analyst", "rentals")
    assert foreign(dsn, "rentals")[1] == []
    place.let_in("analyst", *TENANTS)
    assert execute(dsn, "select count(*) from published.kpi_values") == [(200,)]
    open_already = psycopg2.connect(dsn)
    revoke(place.settings, place.role("analyst"), ["advisory"])
    with open_already.cursor() as cursor:
        cursor.execute("select count(*) from published.kpi_values")
        assert cursor.fetchone() == (100,)
    open_already.close()
    revoke(place.settings, place.role("analyst"))
    assert foreign(dsn, "none") == ([], [])
    with pytest.raises(AlmanacError, match=r"analyst_\w+ was not granted any tenant"):
        revoke(place.settings, place.role("analyst"))


def test_a_role_that_is_made_anew_under_an_old_name_inherits_nothing(place: Place) -> None:
    role = place.role("former")
    place.let_in("former", "rentals")
    execute(place.admin, f"drop owned by {role}; drop role {role}; create role {role} login password 'test'")
    number = int((seen(place.login("operator")) or "").rpartition("-")[2], 16)
    make_version(place.settings, number + 1)
    followed = follow(place.settings)
    assert followed
    assert followed.notes == (f"role {role} no longer exists: revoke it: it was not let in",)
    assert foreign(place.login("former"), "rentals") == ([], [])
    revoke(place.settings, role)


def test_roles_that_no_policy_stops_are_refused(place: Place) -> None:
    execute(place.admin, f"create role {place.role('strong')} bypassrls")
    publisher = place.role("publisher")
    execute(place.admin, f"create role {place.role('member')} in role {place.role('strong')}")
    execute(place.admin, f"create role {place.role('own')} in role {publisher}")
    for role, why in (
        (place.role("strong"), "has bypassrls"),
        (place.role("member"), "is a member of a role that has it"),
        (publisher, "is the role that publishes"),
        (place.role("own"), "is the role that publishes, or a member of it"),
        ("postgres", "is a superuser"),
        ("public", "give a role of its own"),
        ("pg_read_all_data", "give a role of its own"),
    ):
        with pytest.raises(AlmanacError, match=why):
            grant(place.settings, role, ["rentals"])
    execute(place.admin, f"alter role {publisher} nocreaterole")
    with pytest.raises(AlmanacError, match=r"there is no role new_role, .*create role \"new_role\" login password"):
        grant(place.settings, "new_role", ["rentals"])
    execute(place.admin, f"alter role {publisher} createrole")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("in role pg_read_all_data", "is a member of pg_read_all_data, which gets past policies"),
        ("in role pg_write_all_data", "is a member of pg_write_all_data, which gets past policies"),
        ("replication", "has replication"),
        ("createrole", "has createrole"),
    ],
)
def test_a_role_that_gets_past_policies_another_way_is_refused(place: Place, made: str, why: str) -> None:
    role = place.role("past" + made.rpartition(" ")[2])
    execute(place.admin, f"create role {role} {made}")
    is_harmless = int(execute(place.admin, "show server_version_num")[0][0]) >= CREATORS_ARE_HARMLESS
    with nullcontext() if made == "createrole" and is_harmless else pytest.raises(AlmanacError, match=why):
        grant(place.settings, role, ["rentals"])
        revoke(place.settings, role)


def test_what_a_refused_role_would_see_is_rows_of_others(place: Place) -> None:
    """Why `pg_read_all_data` is refused: policies stop it at tables, and not at samples of their values."""
    dsn = place.let_in("sampled", "advisory")
    samples = (
        "select stavalues1::text from pg_statistic join pg_attribute on attrelid = starelid and attnum = staattnum "
        "where starelid = 'published.kpi_values'::regclass and attname = 'tenant'"
    )
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(dsn, samples)
    execute(place.admin, f"grant pg_read_all_data to {place.role('sampled')}")
    assert "rentals" in execute(dsn, samples)[0][0]
    assert "is a member of pg_read_all_data" in command(place, "status").output
    revoke(place.settings, place.role("sampled"))


def test_a_role_that_is_given_such_rights_later_is_shut_out_of_every_version(place: Place) -> None:
    dsn = place.let_in("turned", "rentals")
    execute(place.admin, f"alter role {place.role('turned')} bypassrls")
    assert "has bypassrls" in command(place, "status").output
    number = int(str(seen(place.login("operator"))).rpartition("-")[2], 16)
    make_version(place.settings, number + 1)
    followed = follow(place.settings)
    assert followed
    (note,) = followed.notes
    assert note.startswith(f"role {place.role('turned')} has bypassrls")
    assert note.endswith("it was not let in")
    assert foreign(dsn, "rentals") == ([], [])
    revoke(place.settings, place.role("turned"))


def test_the_commands_say_who_reads_what(place: Place) -> None:
    role = place.role("bi")
    first = command(place, "grant", "--role", role, "--tenant", "rentals")
    assert first.output.splitlines() == [
        f"role {role} reads rentals",
        f"it was created without a password: set one in psql with \\password {role}",
    ]
    assert command(place, "grant", "--role", role, "--tenant", "rentals").output == f"role {role} reads rentals\n"
    said = command(place, "status")
    assert said.exit_code == 0, said.output
    assert f"{role}  " in said.output
    assert "test@" not in said.output
    assert command(place, "revoke", "--role", role).output == f"role {role} does not read anything any more\n"
    unknown = command(place, "grant", "--role", role, "--tenant", "rental")
    assert unknown.exit_code == 1
    assert "rental" in str(unknown.output)
    assert command(place, "grant", "--role", role).exit_code == 2
    nowhere = CliRunner().invoke(cli, ["serving", "status"], env={SERVING_DSN: ""})
    assert "no serving database is configured: set ALMANAC_SERVING_POSTGRES_DSN" in nowhere.output


def test_the_commands_move_both_and_say_when_postgresql_is_behind(place: Place) -> None:
    older = str(seen(place.login("operator")))
    newer = make_version(place.settings, int(older.rpartition("-")[2], 16) + 1)
    behind = command(place, "status")
    assert behind.exit_code == 1
    assert "PostgreSQL is behind the portal: `almanac serving publish` brings it up" in behind.output
    (line,) = serving(place.settings)
    assert (line.verdict, line.todo) == ("fail", "almanac serving publish")
    assert command(place, "publish").output == f"PostgreSQL now serves version {newer}\n"
    assert command(place, "publish").output == f"PostgreSQL serves version {newer}\n"
    back = almanac(place, "rollback", "--to", older)
    assert back.output == f"portal and PostgreSQL now show version {older}\n"
    assert seen(place.login("operator")) == older


def command(place: Place, *arguments: str) -> Result:
    return almanac(place, "serving", *arguments)


def almanac(place: Place, *arguments: str) -> Result:
    env = {"ALMANAC_HOME": str(place.settings.home), SERVING_DSN: place.settings.serving_dsn or ""}
    return CliRunner().invoke(cli, list(arguments), env=env)


def test_what_models_declare_fits_them(tmp_path: Path) -> None:
    declared = load_declared(ROOT)
    assert declared.shared == {"kpi_catalogue", "publication", "dim_date"}
    assert {"fact_events", "fact_sessions", "fact_searches", "fact_revenue", "kpi_values"} <= set(declared.indexes)
    models = tmp_path / "dbt_project" / "models"
    models.mkdir(parents=True)
    for meta, why in (
        ("indexes: [[tennant]]", "an index names tennant, which is no column"),
        ("indexes: [tenant]", "must be a list of lists"),
        ("for_every_tenant: true", "take for_every_tenant away"),
    ):
        (models / "a.yml").write_text(
            f"models:\n- name: a\n  config: {{meta: {{{meta}}}}}\n  columns: [{{name: tenant}}]\n"
        )
        with pytest.raises(AlmanacError, match=rf"a\.yml: a.*{why}"):
            load_declared(tmp_path)


def test_the_doctor_says_what_is_served(place: Place) -> None:
    (line,) = serving(place.settings)
    assert (line.verdict, line.subject) == ("ok", "serving")
    (line,) = serving(replace(place.settings, serving_dsn="postgresql://somebody:s3cret@127.0.0.1:1/almanac"))
    assert line.verdict == "fail"
    assert "s3cret" not in str(line)
