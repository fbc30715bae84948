"""Application state: a schema that migrates itself, and write keys that are stored as hashes only."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import text

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import (
    active_keys,
    create_key,
    find_key,
    hash_key,
    limit_key,
    list_keys,
    open_state,
    revoke_key,
    scope_key,
)
from almanac.state.migrate import VERSION_TABLE, alembic_config, newest
from almanac.state.models import Base
from ingestion.collector.keys_cli import keys

OPEN = """
import sys
from pathlib import Path
from almanac.settings import Settings
from almanac.state import create_key, open_state
state = open_state(Settings.for_home(Path(sys.argv[1])))
create_key(state, "rentals", "web", sys.argv[2])
"""
LOCK = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    other.execute("begin immediate")
    print("granted", end="")
except sqlite3.OperationalError as error:
    print(error, end="")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


def test_a_created_key_is_found_by_its_plain_text_and_belongs_to_tenant_and_source(settings: Settings) -> None:
    state = open_state(settings)
    before = datetime.now(UTC)
    key, plaintext = create_key(state, "rentals", "web", "the site")
    assert plaintext.startswith("alm_")
    assert len(plaintext) >= len("alm_") + 43  # 256 bits
    assert (key.tenant, key.source, key.name, key.revoked_at) == ("rentals", "web", "the site", None)
    assert before <= key.created_at <= datetime.now(UTC)
    assert find_key(state, plaintext) == key
    assert find_key(state, plaintext + "x") is None
    assert find_key(state, key.prefix) is None
    assert active_keys(state) == {hash_key(plaintext): key}


def test_the_plain_text_is_nowhere_in_the_database(settings: Settings) -> None:
    state = open_state(settings)
    _, plaintext = create_key(state, "rentals", "web")
    state.close()
    content = b"".join(file.read_bytes() for file in settings.home.iterdir())
    assert plaintext.encode() not in content
    assert plaintext.removeprefix("alm_")[8:].encode() not in content
    assert hash_key(plaintext).encode() in content


def test_only_its_owner_may_read_the_database(settings: Settings) -> None:
    open_state(settings)
    assert (settings.home / "state.db").stat().st_mode & 0o077 == 0


def test_a_revoked_key_is_not_found_but_stays_listed(settings: Settings) -> None:
    state = open_state(settings)
    first, one = create_key(state, "rentals", "web")
    second, two = create_key(state, "advisory", "web")
    revoked = revoke_key(state, first.prefix)
    assert revoked.id == first.id
    assert revoked.revoked_at is not None
    assert find_key(state, one) is None
    assert find_key(state, two) == second
    assert set(active_keys(state)) == {hash_key(two)}
    assert [key.id for key in list_keys(state)] == [first.id, second.id]
    assert [key.id for key in list_keys(state, "advisory")] == [second.id]
    assert revoke_key(state, first.id) == revoked  # again: nothing changes


def test_a_whole_key_can_be_pasted_to_revoke_it(settings: Settings) -> None:
    state = open_state(settings)
    key, plaintext = create_key(state, "rentals", "web")
    assert revoke_key(state, plaintext).id == key.id


def test_revoking_what_is_not_there_says_so(settings: Settings) -> None:
    with pytest.raises(AlmanacError, match="there is no write key 'alm_nothing'"):
        revoke_key(open_state(settings), "alm_nothing")


@pytest.mark.parametrize("slug", ["", "../evil", "a/b", "Rentals", "x" * 64, "a\0", "réntals", "-a"])
def test_names_that_cannot_be_folders_are_refused(settings: Settings, slug: str) -> None:
    state = open_state(settings)
    with pytest.raises(AlmanacError, match="tenant"):
        create_key(state, slug, "web")
    with pytest.raises(AlmanacError, match="source"):
        create_key(state, "rentals", slug)


def test_opening_again_changes_nothing(settings: Settings) -> None:
    _, plaintext = create_key(open_state(settings), "rentals", "web")
    content = (settings.home / "state.db").read_bytes()
    assert find_key(open_state(settings), plaintext) is not None
    assert (settings.home / "state.db").read_bytes() == content


def test_the_migrations_make_the_tables_that_the_models_describe(settings: Settings) -> None:
    state = open_state(settings)
    with state.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        differences = [
            item for item in compare_metadata(context, Base.metadata) if getattr(item[1], "name", "") != VERSION_TABLE
        ]
    assert differences == []


def test_processes_that_start_at_once_migrate_once(settings: Settings) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(settings.home), str(n)], stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    for process in started:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert sorted(key.name for key in list_keys(open_state(settings))) == ["0", "1", "2", "3"]


def test_opening_again_leaves_the_locks_of_the_process_alone(settings: Settings) -> None:
    # POSIX drops them when the process closes any handle of the file, and another process would write at the same time.
    state = open_state(settings)
    with state.write() as session:
        session.execute(text("select 1"))
        open_state(settings).close()
        done = subprocess.run([sys.executable, "-c", LOCK, settings.home / "state.db"], capture_output=True, text=True)
        assert done.stdout == "database is locked"
    done = subprocess.run([sys.executable, "-c", LOCK, settings.home / "state.db"], capture_output=True, text=True)
    assert done.stdout == "granted"


def test_a_migration_that_dies_leaves_nothing_behind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", die)
        with pytest.raises(Killed):
            open_state(settings)
    with sqlite3.connect(settings.home / "state.db") as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == []
    assert list_keys(open_state(settings)) == []


def test_a_schema_of_the_future_is_refused_by_name(settings: Settings) -> None:
    open_state(settings).close()
    with sqlite3.connect(settings.home / "state.db") as connection:
        connection.execute(f"update {VERSION_TABLE} set version_num = '9999'")
    with pytest.raises(AlmanacError, match="schema 9999, which this Almanac does not know: update Almanac"):
        open_state(settings)


@pytest.mark.parametrize("url", ["nonsense", "mysql://root:geheim@localhost/x", "postgres://u:geheim@h/d"])
def test_a_url_of_no_use_is_explained_without_its_password(settings: Settings, url: str) -> None:
    with pytest.raises(AlmanacError, match="give ALMANAC_STATE_URL as postgresql://") as caught:
        open_state(replace(settings, state_dsn=url))
    assert "geheim" not in str(caught.value)


def test_an_unreachable_server_is_named_without_its_password(settings: Settings) -> None:
    with pytest.raises(
        AlmanacError, match=r"postgresql://almanac:\*\*\*@127\.0\.0\.1:1/state cannot be used"
    ) as caught:
        open_state(replace(settings, state_dsn="postgresql://almanac:geheim@127.0.0.1:1/state"))
    assert "geheim" not in str(caught.value)


def test_the_limits_of_a_key_are_set_and_taken_away(settings: Settings) -> None:
    state = open_state(settings)
    key, plaintext = create_key(state, "rentals", "web", events_per_second=2.5, body_bytes=4_000_000)
    assert (key.events_per_second, key.body_bytes) == (2.5, 4_000_000)
    assert find_key(state, plaintext) == key
    limited = limit_key(state, key.prefix, events_per_second=100, body_bytes=None)
    assert (limited.events_per_second, limited.body_bytes) == (100, None)
    assert active_keys(state) == {hash_key(plaintext): limited}
    with pytest.raises(AlmanacError, match="no write key"):
        limit_key(state, "alm_nobody", events_per_second=1, body_bytes=None)


@pytest.mark.parametrize("limits", [{"events_per_second": 0}, {"events_per_second": float("nan")}, {"body_bytes": 0}])
def test_a_limit_that_is_none_is_refused(settings: Settings, limits: dict[str, int]) -> None:
    with pytest.raises(AlmanacError):
        create_key(open_state(settings), "rentals", "web", **limits)


def test_the_newest_version_is_what_alembic_would_migrate_to() -> None:
    assert newest() == ScriptDirectory.from_config(alembic_config()).get_current_head()


def test_what_a_key_may_send_is_kept_and_can_be_changed(settings: Settings) -> None:
    state = open_state(settings)
    key, plaintext = create_key(state, "rentals", "web", scope=["page", "identify", "page"])
    assert key.scope == {"page", "identify"}
    assert scope_key(state, key.prefix, ["track"]).scope == {"track"}
    assert find_key(state, plaintext) == scope_key(state, key.id, ["track"])
    assert scope_key(state, key.id, None).scope is None
    for none in ([], ["Page Viewed"]):
        with pytest.raises(AlmanacError, match="name at least one"):
            scope_key(state, key.id, none)


def test_a_scope_is_given_by_names_that_the_tracking_plan_knows(settings: Settings) -> None:
    def run(*arguments: str) -> str:
        return (
            CliRunner().invoke(keys, arguments, env={"ALMANAC_HOME": str(settings.home)}, catch_exceptions=False).output
        )

    new = ("create", "--tenant", "rentals", "--source", "web")
    with pytest.raises(AlmanacError, match="'Page Viewed' is neither a type of message"):
        run(*new, "--only", "Page Viewed")
    plaintext = run(*new, "--only", "page", "--only", "search_performed").split()[0]
    assert "page, search_performed" in run("list")
    assert "may send everything" in run("scope", plaintext)
    assert [key.scope for key in list_keys(open_state(settings))] == [None]
