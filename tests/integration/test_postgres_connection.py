"""Connecting to PostgreSQL: what is wrong is named, without the password, and a silent network is an error in time."""

import socket
import time
from urllib.parse import urlparse

import duckdb
import pytest

from almanac import postgres
from almanac.copy_text import copy
from almanac.errors import AlmanacError
from tests.postgres import execute


def test_a_server_that_never_answers_is_an_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"postgresql://somebody:s3cret@127.0.0.1:{silent.getsockname()[1]}/almanac?connect_timeout=1"
        start = time.monotonic()
        with pytest.raises(AlmanacError, match=r"PostgreSQL of X cannot be reached: .*timeout") as caught:
            postgres.connect(dsn, "X")
        assert time.monotonic() - start < 10
        assert "s3cret" not in str(caught.value)


def test_what_is_waited_for_ends_within_fifteen_seconds() -> None:
    limits = postgres.NEVER_HANG
    assert limits["connect_timeout"] * 2 <= 15  # a name may have two addresses
    assert limits["keepalives_idle"] + limits["keepalives_interval"] * limits["keepalives_count"] <= 15
    assert limits["tcp_user_timeout"] <= 15_000


def test_the_limits_hold_unless_the_address_has_its_own(postgres_dsn: str) -> None:
    connection = postgres.connect(f"{postgres_dsn}?keepalives_idle=4", "X")
    used = connection.info.dsn_parameters
    connection.close()
    assert used["keepalives_idle"] == "4"
    for name in ("connect_timeout", "keepalives_interval", "keepalives_count", "tcp_user_timeout"):
        assert used[name] == str(postgres.NEVER_HANG[name])


def test_an_address_that_is_none_is_named_without_its_password() -> None:
    with pytest.raises(AlmanacError, match=r"^X is no address such as") as caught:
        postgres.connect("postgresql:/somebody:s3cret@host", "X")
    assert "s3cret" not in str(caught.value)


def test_text_is_sent_whole_whatever_environment_address_and_database_say(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(postgres_dsn, "drop database if exists old_letters")
    execute(postgres_dsn, "create database old_letters encoding 'SQL_ASCII' locale 'C' template template0")
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    dsn = urlparse(postgres_dsn)._replace(path="/old_letters", query="client_encoding=latin1").geturl()
    connection = postgres.connect(dsn, "X")
    try:
        with connection.cursor() as cursor, duckdb.connect() as con:
            cursor.execute("create temp table words (word text)")
            assert copy(cursor, "words", [("word", "varchar")], con, "from (select 'zürich 東京' as word)") == 1
            cursor.execute("select word from words")
            assert cursor.fetchall() == [("zürich 東京",)]
    finally:
        connection.close()
        execute(postgres_dsn, "drop database old_letters")
