"""How dbt is called for a home: its arguments, its variables, and its parse of the project.

dbt keeps a parse in its target folder and then reads only what has changed, in a third of the time. A home that has
none, or an older one, begins with the newest parse of the checkout.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from almanac.errors import AlmanacError
from almanac.readers import write_exposures
from almanac.settings import Settings

_PARSED = "partial_parse.msgpack"  # dbt's name for it


def parse(settings: Settings) -> Any:
    """dbt's manifest of the project for these settings. Raises AlmanacError if dbt cannot parse it."""
    from dbt.cli.main import dbtRunner

    from almanac.dbt_shortcuts import take_shortcuts

    take_shortcuts()
    os.environ.update(parse_environment(settings))
    write_exposures(settings)
    begin_with_newest_parse(settings, settings.dbt_target)
    parsed = dbtRunner().invoke(["parse", *base_arguments(settings), "--no-write-json"])
    if not parsed.success:
        raise AlmanacError(f"dbt cannot parse the project: {parsed.exception or 'see the log'}")
    share_parse(settings, settings.dbt_target)
    return parsed.result


def begin_with_newest_parse(settings: Settings, folder: Path) -> None:
    """Put the checkout's newest parse into a target folder that has an older one or none."""
    own, shared = folder / _PARSED, _shared(settings)
    with suppress(OSError):
        if not own.exists() or own.stat().st_mtime_ns < shared.stat().st_mtime_ns:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(shared, own)


def share_parse(settings: Settings, folder: Path) -> None:
    """Let other homes begin with the parse in a target folder, if it is the newest."""
    own, shared = folder / _PARSED, _shared(settings)
    with suppress(OSError):  # a checkout that nobody may write to has none
        if shared.exists() and own.stat().st_mtime_ns <= shared.stat().st_mtime_ns:
            return
        shared.parent.mkdir(parents=True, exist_ok=True)
        temporary = shared.with_name(f"{shared.name}.{os.getpid()}")
        shutil.copy2(own, temporary)
        os.replace(temporary, shared)


def parse_folder(settings: Settings) -> Path:
    """Where the checkout keeps what its homes begin with."""
    return settings.root / "target" / "parsed"


def _shared(settings: Settings) -> Path:
    return parse_folder(settings) / f"{settings.target}.msgpack"


def base_arguments(settings: Settings) -> list[str]:
    """dbt's arguments that every command of this project needs."""
    return [
        "--project-dir", str(settings.root), "--profiles-dir", str(settings.root), "--target", settings.target,
        "--target-path", str(settings.dbt_target), "--log-path", str(settings.home / "dbt" / "logs"),
        "--log-level", "none", "--log-level-file", "info",
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The variables that `profiles.yml` reads."""
    from almanac.dbt_object_store import VARIABLE, encoded

    variables = {
        "ALMANAC_DBT_WAREHOUSE": str(settings.warehouse),
        "ALMANAC_DBT_DUCKDB_THREADS": str(settings.threads or os.cpu_count() or 1),
        VARIABLE: encoded(settings.object_store),
        "DO_NOT_TRACK": "1",
    }
    if settings.postgres_dsn:
        dsn = urlparse(settings.postgres_dsn)
        variables |= {
            "ALMANAC_DBT_PG_HOST": dsn.hostname or "127.0.0.1",
            "ALMANAC_DBT_PG_PORT": str(dsn.port or 5432),
            "ALMANAC_DBT_PG_USER": unquote(dsn.username or "postgres"),
            "ALMANAC_DBT_PG_PASSWORD": unquote(dsn.password or ""),
            "ALMANAC_DBT_PG_DATABASE": dsn.path.lstrip("/") or "almanac",
        }
    return variables


def parse_environment(settings: Settings) -> dict[str, str]:
    """The same for parsing, which connects to nothing: whose home it is would make dbt parse everything again."""
    from almanac.dbt_object_store import VARIABLE, encoded

    variables = environment(settings) | {"ALMANAC_DBT_WAREHOUSE": settings.warehouse.name, VARIABLE: encoded(None)}
    variables["ALMANAC_DBT_DUCKDB_THREADS"] = "1"
    somewhere = {"HOST": "127.0.0.1", "PORT": "5432", "USER": "postgres", "PASSWORD": ""}
    return variables | {f"ALMANAC_DBT_PG_{name}": value for name, value in somewhere.items()}
