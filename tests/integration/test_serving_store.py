"""PostgreSQL follows the published version: the same rows, switched to at once, whatever happens on the way."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from almanac.errors import AlmanacError
from almanac.serving_store import EVERY_TENANT, schema_of, session
from almanac.serving_store import fill as filling
from almanac.serving_store import follow as following
from almanac.serving_store.follow import follow
from tests.conftest import ROOT
from tests.integration.serving_place import Place, assert_equal, make_version, schemas, seen, serving_place, show
from tests.postgres import execute

pytestmark = pytest.mark.xdist_group("serving_store")

# Every type that is served, and values that a copy could spoil.
ODD_TEXT = "a\tb\\N\\.\\\n\r\"''%s zürich 東京 \U0001f3e0"
ODD = f"""
    create table odd (
        tenant varchar, n integer, txt varchar, amount decimal(18, 4), large decimal(38, 10), is_so boolean,
        tiny tinyint, small smallint, big bigint, ubig ubigint, huge hugeint, f float, d double, day date,
        seen_at timestamp, zoned_at timestamptz, moment time, id uuid, doc json);
    insert into odd values
        ('rentals', 1, '{ODD_TEXT}', -0.0001, 9999999999999999999999999999.9999999999, true,
            -128, -32768, -9223372036854775808, 18446744073709551615, -170141183460469231731687303715884105728,
            0.5, 'infinity', '0001-01-01', '2026-03-29 01:59:59.999999', '2026-03-29 01:59:59.999999+00',
            '23:59:59.999999', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{{"a": "\\u0000"}}'),
        ('rentals', 2, '', 0, 0, false, 127, 32767, 9223372036854775807, 0, 0, 'nan', 5e-324, '9999-12-31',
            '1969-12-31 23:59:59.000001', '2026-10-25 02:30:00+02', '00:00:00', uuid(), '[]'),
        (null, 3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
"""


@pytest.fixture(scope="module")
def shared(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One database and home for all tests here: making one costs as much as a test."""
    with serving_place(postgres_dsn, tmp_path_factory.mktemp("store")) as place:
        yield place


@pytest.fixture
def place(shared: Place) -> Place:
    """A home and a serving database in which nothing was published yet."""
    shutil.rmtree(shared.settings.versions, ignore_errors=True)
    for schema in schemas(shared.admin):
        execute(shared.admin, f"drop schema {schema} cascade")
    return shared


@pytest.fixture
def served(place: Place) -> Place:
    """A place that serves version 1, and a reader of everything."""
    make_version(place.settings, 1)
    follow(place.settings)
    place.let_in("reader", EVERY_TENANT)
    return place


def test_who_takes_a_database_from_another_installation_says_so(served: Place) -> None:
    make_version(served.settings, 2)
    same = follow(served.settings)
    assert same is not None
    assert same.notes == ()
    other = replace(served.settings, home=served.settings.home / "other")
    make_version(other, 3)
    displacing = follow(other)
    assert displacing is not None
    assert "served what another installation published" in displacing.notes[0]
    make_version(served.settings, 4)
    back = follow(served.settings)
    assert back is not None
    assert "give each its own" in back.notes[0]


def test_a_database_of_an_earlier_version_is_followed(served: Place) -> None:
    execute(served.admin, "alter table published_access.version drop column filled_by")
    version = make_version(served.settings, 2)
    assert follow(served.settings) == following.Followed(version, is_new=True)


def test_the_copy_is_equal_in_rows_types_comments_and_has_its_indexes(place: Place) -> None:
    reader = place.let_in("reader", EVERY_TENANT)  # before there is anything to read
    version = make_version(place.settings, 1, more=ODD)
    assert follow(place.settings) == following.Followed(version, is_new=True)
    assert_equal(place.settings, version, reader)
    indexes = execute(reader, "select tablename, indexdef from pg_indexes where schemaname = 'published' order by 2")
    assert [(table, text.partition("btree ")[2]) for table, text in indexes] == [
        ("kpi_values", "(kpi, tenant, period_start)"),
        ("kpi_values", "(period_start)"),
    ]
    assert follow(place.settings) == following.Followed(version, is_new=False)


def test_what_cannot_be_served_is_named_and_changes_nothing(served: Place) -> None:
    version = make_version(served.settings, 2, more="create table odd (tenant varchar, parts integer[]);")
    with pytest.raises(AlmanacError, match=rf"not brought to version {version}.*: odd.parts has the type integer\[\]"):
        follow(served.settings)
    third = make_version(served.settings, 3, more="create table odd as select 'a' || chr(0) as txt;")
    make_version(served.settings, 4, more=f"create table odd as select 1 as {'a' * 64};")
    with pytest.raises(AlmanacError, match=r"a{64} is longer than the 63 bytes of a name"):
        follow(served.settings)
    show(served.settings, third)
    with pytest.raises(AlmanacError, match="a value of odd cannot be stored in PostgreSQL: invalid byte sequence"):
        follow(served.settings)
    assert str(seen(served.login("reader"))).endswith("1")
    assert schemas(served.admin) == {"published", "published_access"}


def test_a_schema_of_somebody_else_is_left_alone(place: Place) -> None:
    execute(place.admin, "create schema published")
    make_version(place.settings, 1)
    with pytest.raises(AlmanacError, match="there is a schema published that Almanac did not make"):
        follow(place.settings)
    assert schemas(place.admin) == {"published"}


def test_readers_never_meet_two_versions_in_one_transaction(served: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers look as often as they can while versions are switched; each time one transaction asks three times."""
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 60.0)  # however slow the machine is
    dsn, stop, looks, wrong = served.login("reader"), threading.Event(), [0, 0], []

    def read(n: int) -> None:
        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("select min(value), max(value), count(*) from published.kpi_values")
                found = cursor.fetchall()
                cursor.execute("select right(publication_id, 12) from published.publication")
                number = int(cursor.fetchall()[0][0], 16)
                cursor.execute("select distinct value, 200 from published.kpi_values")
                connection.commit()
                looks[n] += 1
                if found != [(number, number, 200)] or cursor.fetchall() != [(number, 200)]:
                    wrong.append((found, number))

    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for reader in readers:
        reader.start()
    try:
        names = [make_version(served.settings, n, make_current=False) for n in (2, 3)]
        for n in range(12):
            show(served.settings, names[n % 2])
            before = looks.copy()
            followed = follow(served.settings)
            assert followed
            assert followed.is_new
            assert followed.notes == ()
            deadline = time.monotonic() + 30
            while any(now == then for now, then in zip(looks, before, strict=True)):
                assert time.monotonic() < deadline, "a reader does not read any more"
                assert all(reader.is_alive() for reader in readers)
    finally:
        stop.set()
        for reader in readers:
            reader.join(30)
    assert wrong == []


def test_an_open_transaction_does_not_stop_the_switch_and_is_named(
    served: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.3)
    with psycopg2.connect(served.login("reader")) as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="REPEATABLE READ")
        cursor.execute("select count(*) from published.dim_date")
        for number in (2, 3, 4):
            make_version(served.settings, number)
            followed = follow(served.settings)
            assert followed
            assert followed.is_new
            if number == 2:
                (note,) = followed.notes
                assert f"of {served.role('reader')}, session {connection.info.backend_pid}" in note
        # The oldest of four is one too many, and the reader has it.
        assert "stays for now: " in followed.notes[0]
        assert f"session {connection.info.backend_pid}" in followed.notes[0]
        assert len(schemas(served.admin)) == 5
        # Its snapshot is older than the version, whose rows it sees nevertheless.
        cursor.execute("select min(value), count(*) from published.kpi_values")
        assert cursor.fetchone() == (4, 200)
    connection.close()
    make_version(served.settings, 5)
    assert follow(served.settings)
    assert len(schemas(served.admin)) == 4


def test_whoever_changes_the_schemas_meanwhile_is_named(served: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RENAME_SECONDS", 0.1)
    version = make_version(served.settings, 2)
    with psycopg2.connect(served.admin, application_name="psql") as connection, connection.cursor() as cursor:
        cursor.execute("comment on schema published is 'ours'; alter schema published owner to postgres")
        session = connection.info.backend_pid
        with pytest.raises(
            AlmanacError, match=rf"the switch waited 0.1 s in vain: psql of postgres, session {session}"
        ):
            follow(served.settings)
        connection.rollback()
    connection.close()
    assert follow(served.settings) == following.Followed(version, is_new=True)


def test_what_is_built_on_an_old_version_is_not_dropped_with_it(served: Place) -> None:
    execute(served.admin, "create view public.own as select count(*) from published.kpi_values")
    for number in (2, 3, 4):
        make_version(served.settings, number)
        followed = follow(served.settings)
    assert followed
    assert "stays for now: view own depends on table " in followed.notes[0]
    assert execute(served.admin, "select * from public.own") == [(200,)]


def test_going_back_switches_to_the_version_that_is_still_there(served: Place) -> None:
    first = seen(served.login("reader"))
    number = "select oid from pg_namespace where nspname = 'published'"
    before = execute(served.admin, number)
    make_version(served.settings, 2)
    follow(served.settings)
    assert first
    late = served.let_in("late", "rentals")
    show(served.settings, first)
    assert follow(served.settings) == following.Followed(first, is_new=True)
    assert execute(served.admin, number) == before
    assert seen(served.login("reader")) == seen(late) == first
    # Somebody drops what is served: it is copied again.
    execute(served.admin, "drop schema published cascade")
    assert follow(served.settings) == following.Followed(first, is_new=True)
    assert seen(late) == first


def test_a_version_whose_file_was_removed_goes_from_postgresql_too(served: Place) -> None:
    first = str(seen(served.login("reader")))
    second = make_version(served.settings, 2)
    follow(served.settings)
    assert schema_of(first) in schemas(served.admin)
    (served.settings.versions / f"{first}.duckdb").unlink()  # somebody in it was erased
    third = make_version(served.settings, 3)
    assert follow(served.settings) == following.Followed(third, is_new=True)
    assert schemas(served.admin) == {"published", "published_access", schema_of(second)}


@pytest.mark.parametrize("makes", ["first", "next"])
def test_a_publisher_killed_at_any_point_leaves_the_old_version_and_no_garbage(place: Place, makes: str) -> None:
    old = None
    if makes == "next":
        for number in (1, 2, 3):
            old = make_version(place.settings, number)
            follow(place.settings)
        place.let_in("reader", EVERY_TENANT)
    new = make_version(place.settings, 4)
    points = [("_copy", 0), ("_copy", 3), ("_rename", 0)]
    if makes == "next":
        points += [("_wait_for_readers", 0), ("_rename", 1), ("_drop", 0)]
    command, standing = [sys.executable, "-m", "tests.integration.follower"], schemas(place.admin)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for point, passing in [*points, ("-", 0)]:
            settings = place.settings
            line = f"{point} {passing} {settings.root} {settings.home} {settings.serving_dsn}\n"
            process.stdin.write(line)
            process.stdin.flush()
            status = int(process.stdout.readline())
            assert status == (-signal.SIGKILL if point != "-" else 0), point
            if point in ("_copy", "_rename", "_wait_for_readers"):
                assert schemas(place.admin) == standing
                assert old is None or seen(place.login("reader")) == old
            elif point == "_drop":
                assert seen(place.login("reader")) == new  # it died after its work was done
        process.stdin.close()
    place.let_in("reader", EVERY_TENANT)
    assert seen(place.login("reader")) == new
    # What nobody came to drop goes with the next one.
    make_version(place.settings, 5)
    follow(place.settings)
    assert len(schemas(place.admin)) == (3 if makes == "first" else 4)


def test_two_publishers_take_turns_and_the_one_that_waits_in_vain_says_for_whom(
    served: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WAIT_SECONDS", 0.1)
    version = make_version(served.settings, 2)
    with session.connection(served.settings) as opened, session.changing(opened, "another publication"):
        with pytest.raises(AlmanacError, match=r"almanac: another publication of publisher_\w+, session \d+"):
            follow(served.settings)
        assert str(seen(served.login("reader"))).endswith("1")
    assert follow(served.settings) == following.Followed(version, is_new=True)


def test_a_server_that_goes_away_while_it_is_copied_to_is_an_error_and_the_next_run_mends_it(
    served: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(served.settings, 2)
    copy, ends = (
        filling._copy,
        [f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{served.role('publisher')}'"],
    )

    def cut(*arguments: Any) -> None:
        copy(*arguments)
        if ends:
            execute(served.admin, ends.pop())

    monkeypatch.setattr(filling, "_copy", cut)
    with pytest.raises(AlmanacError, match=r"not brought to version .*failed: (terminating connection|server closed)"):
        follow(served.settings)
    assert str(seen(served.login("reader"))).endswith("1")
    assert schemas(served.admin) == {"published", "published_access"}
    assert follow(served.settings) == following.Followed(version, is_new=True)
