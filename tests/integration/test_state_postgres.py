"""The application state on PostgreSQL: the same migrations and the same answers as on SQLite."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

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
