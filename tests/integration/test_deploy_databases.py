"""`deploy/postgres/databases.sh` on a real server: a role and a database for each service, closed to the others."""

import base64
import hashlib
import hmac
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import pytest

from almanac.settings import Settings
from almanac.state import list_keys, open_state
from tests import postgres
from tests.conftest import ROOT

ROLES = ("state", "dagster", "warehouse", "metabase")


def test_every_service_gets_a_database_that_the_others_cannot_open(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy" / "make-secrets", secrets], check=True, capture_output=True)
    try:
        # A server of its own: roles belong to a whole server, and these have everyday names.
        with postgres.server(None) as dsn:
            run_script(dsn, secrets)
            allowed = postgres.execute(
                dsn,
                "select datname, rolname from pg_database, pg_roles where datname = any(array['state', 'dagster', "
                "'warehouse', 'metabase']) and has_database_privilege(rolname, datname, 'connect') and not rolsuper "
                "and rolcanlogin",
            )
            assert sorted(allowed) == sorted((role, role) for role in ROLES)
            kept = dict(
                postgres.execute(dsn, "select rolname, rolpassword from pg_authid where rolpassword is not null")
            )
            assert set(kept) == set(ROLES)
            assert all(is_password(kept[role], (secrets / f"{role}_password").read_text().strip()) for role in ROLES)
            assert {name for (name,) in postgres.execute(dsn, "select distinct datcollate from pg_database")} == {"C"}

            place = urlparse(dsn).netloc.rpartition("@")[2]
            address = (secrets / "state_dsn").read_text().strip().replace("postgres:5432", place)
            state = open_state(replace(Settings.for_home(tmp_path), state_dsn=address))
            assert list_keys(state) == []
            state.close()
    except postgres.NoServer as error:
        pytest.skip(str(error))


def is_password(kept: str, password: str) -> bool:
    """Whether the server keeps this password (RFC 5803); the test's server itself asks for none."""
    count, salt, stored = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):.*", kept).groups()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(count))
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client).digest() == base64.b64decode(stored)


def run_script(dsn: str, secrets: Path) -> None:
    server = urlparse(dsn)
    psql = next(folder for folder in postgres.programs() if (folder / "psql").exists())
    subprocess.run(
        ["/bin/sh", ROOT / "deploy" / "postgres" / "databases.sh"],
        env={
            "PATH": f"{psql}:{os.defpath}",
            "PGHOST": str(server.hostname),
            "PGPORT": str(server.port),
            "SECRETS": str(secrets),
        },
        check=True,
    )
