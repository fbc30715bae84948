"""Connecting to PostgreSQL: what is wrong is named, without the password, and a silent network is an error in time."""

import socket
import time

import pytest

from almanac import postgres
from almanac.errors import AlmanacError


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
