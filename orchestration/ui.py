"""`python -m orchestration.ui`: Dagster's pages on this installation, with its own storage and without telemetry.

With `--only` one of its two programs, for a machine that keeps each running by itself: the pages, or the daemon that
starts what is due. With `--alive` it only says, by its exit code, whether the daemon works.
"""

import argparse
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence

from almanac.daemon import SILENT_AFTER
from almanac.errors import AlmanacError
from almanac.settings import Settings
from orchestration.instance import environment, make_storage

LOCATIONS = """{ workspaceOrError { ... on Workspace {
  locationEntries { loadStatus locationOrLoadError { __typename } }
} } }"""
STOP_SIGNAL = signal.SIGINT  # what `dagster dev` answers by stopping its own children
PARTS = ("webserver", "daemon")
# Dagster takes a daemon for alive half an hour after its last word, which comes twice a minute.
TOLERANCE = {"DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": f"{SILENT_AFTER.total_seconds():.0f}"}


def command(settings: Settings, port: int, only: str | None = None) -> list[str]:
    """The program that serves the pages and runs the daemon, `dagster dev`; or `only` one of `PARTS`."""
    workspace = ["-w", str(settings.root / "workspace.yaml")]
    where = ["--host", settings.host, "--port", str(port)]
    programs = {
        None: ["dagster", "dev", *workspace, *where, "--log-level", "warning"],
        "webserver": ["dagster_webserver", *workspace, *where, "--dagster-log-level", "warning"],
        "daemon": ["dagster._daemon", "run", *workspace, "--log-level", "warning"],
    }
    return [sys.executable, "-m", *programs[only]]


def wait_until_loaded(address: str, seconds: float, is_gone: Callable[[], bool]) -> None:
    """Wait until the pages answer and show the definitions.

    Raises AlmanacError if that takes longer than so many seconds, if the program `is_gone`, or if the definitions
    cannot be loaded.
    """
    deadline = time.monotonic() + seconds
    while (state := _state(address)) == "loading":
        if is_gone() or time.monotonic() > deadline:
            raise AlmanacError(f"Dagster does not answer at {address}; its log is in the folder `logs`")
        time.sleep(0.3)
    if state == "failed":
        raise AlmanacError(f"Dagster cannot load the definitions: {address}locations says why")


def _state(address: str) -> str:
    request = urllib.request.Request(
        f"{address}graphql", json.dumps({"query": LOCATIONS}).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except (OSError, ValueError, KeyError, TypeError):
        return "loading"
    if not entries or any(entry["loadStatus"] != "LOADED" or not entry["locationOrLoadError"] for entry in entries):
        return "loading"
    kinds = {entry["locationOrLoadError"]["__typename"] for entry in entries}
    return "loaded" if kinds == {"RepositoryLocation"} else "failed"


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for (default: that of this process)."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.ui", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="where the pages are (default: 3000)")
    parser.add_argument("--only", choices=PARTS, help="one of the two programs alone")
    parser.add_argument("--alive", action="store_true", help="say whether the daemon works, and start nothing")
    return parser.parse_args(argv)


def main() -> None:
    """Become Dagster's program with the settings of the environment."""
    wanted = arguments()
    try:
        settings = Settings.from_env()
        env = environment(settings)
    except AlmanacError as error:
        sys.exit(f"Error: {' '.join(str(error).split())}")
    argv = command(settings, wanted.port, wanted.only)
    if wanted.alive:
        argv, env = [sys.executable, "-m", "dagster._daemon", "liveness-check"], env | TOLERANCE
    else:
        os.environ.update(env)
        make_storage(settings)
    os.chdir(settings.root)
    os.execve(argv[0], argv, {**os.environ, **env})


if __name__ == "__main__":
    main()
