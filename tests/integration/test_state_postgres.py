"""The application state on PostgreSQL: the same migrations and the same answers as on SQLite."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from almanac import quality
from almanac.checks import CheckResult
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import active_keys, create_key, find_key, hash_key, list_keys, open_state, revoke_key
from tests.postgres import database

OPEN = """
import sys
from dataclasses import replace
from pathlib import Path
from almanac.settings import Settings
from almanac.state import create_key, open_state
state = open_state(replace(Settings.for_home(Path(sys.argv[1])), state_dsn=sys.argv[2]))
create_key(state, "rentals", "web", sys.argv[3])
"""


def test_write_keys_on_postgresql_with_processes_that_start_at_once(postgres_dsn: str, tmp_path: Path) -> None:
    with database(postgres_dsn) as dsn:
        settings = replace(Settings.for_home(tmp_path), state_dsn=dsn)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(tmp_path), dsn, str(n)], stderr=subprocess.PIPE, text=True
            )
            for n in range(3)
        ]
        for process in started:
            _, stderr = process.communicate(timeout=60)
            assert process.returncode == 0, stderr
        state = open_state(settings)
        assert sorted(key.name for key in list_keys(state)) == ["0", "1", "2"]
        key, plaintext = create_key(state, "advisory", "web", "réntals")
        assert find_key(state, plaintext) == key
        assert active_keys(state)[hash_key(plaintext)] == key
        assert revoke_key(state, key.prefix).revoked_at is not None
        assert find_key(state, plaintext) is None
        state.close()
        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("update almanac_state_version set version_num = '9999'")
        connection.close()
        with pytest.raises(AlmanacError, match="schema 9999"):
            open_state(settings)


def test_what_checks_said_is_the_same_on_both_engines_and_two_judgements_at_once_are_one(
    postgres_dsn: str, tmp_path: Path
) -> None:
    def judge(settings: Settings, days: int, passed: bool) -> None:
        checks = [CheckResult(name, "expectation", "rentals/web", "error", passed or name == "b") for name in "ab"]
        at = datetime(2026, 8, 3, 9, tzinfo=UTC) + timedelta(days=days)
        quality.record(settings, checks, is_whole=True, at=at)

    with database(postgres_dsn) as dsn:
        own = Settings.for_home(tmp_path)
        both = (own, replace(own, home=tmp_path / "other", state_dsn=dsn))
        for settings in both:
            judge(settings, 0, True)
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda _, s=settings: judge(s, 1, False), range(2)))
            judge(settings, 2, True)
        one, other = (quality.remembered(settings) for settings in both)
        assert one == other
        assert len(one.days) == 3
        assert len(one.failures) == 1
        assert quality.extent(both[0]) == quality.extent(both[1])
