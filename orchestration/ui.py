"""`python -m orchestration.ui`: Dagster's pages on this installation, with its own storage and without telemetry."""

import argparse
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable

from almanac.errors import AlmanacError
from almanac.settings import Settings
from orchestration.instance import environment

LOCATIONS = """{ workspaceOrError { ... on Workspace {
  locationEntries { loadStatus locationOrLoadError { __typename } }
} } }"""
STOP_SIGNAL = signal.SIGINT  # what `dagster dev` answers by stopping its own children


def command(settings: Settings, port: int) -> list[str]:
    """The program that serves the pages and runs the daemon: `dagster dev`."""
    workspace = str(settings.root / "workspace.yaml")
    where = ["--host", settings.host, "--port", str(port)]
    return [sys.executable, "-m", "dagster", "dev", "-w", workspace, *where, "--log-level", "warning"]


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


def main() -> None:
    """Become `dagster dev` with the settings of the environment."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.ui", description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    settings = Settings.from_env()
    argv = command(settings, parser.parse_args().port)
    os.chdir(settings.root)
    os.execve(argv[0], argv, {**os.environ, **environment(settings)})


if __name__ == "__main__":
    main()
