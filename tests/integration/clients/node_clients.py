"""Node's client libraries, all in one process (`tests/clients/send.cjs`)."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.clients.scenarios import Job

FOLDER = Path(__file__).resolve().parents[2] / "clients"
SECONDS = 120


def why_not() -> str | None:
    """Why these clients cannot run here, or None if they can."""
    if shutil.which("node") is None:
        return "Node is not installed (Debian: apt install nodejs npm)"
    if not (FOLDER / "node_modules" / ".ready").exists():
        return "Node's client libraries are not installed: make clients"
    return None


class NodeClients:
    """A process that sends what its jobs say. It goes on sending again in the background until it ends."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, jobs: list[Job]) -> dict[tuple[str, str], list[str]]:
        """Run all jobs at once; returns the errors that each client reported, by client and scenario."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([job.message() for job in jobs]) + "\n")
        self._process.stdin.flush()
        errors: dict[tuple[str, str], list[str]] = {}
        while len(errors) < len(jobs):
            line = self._process.stdout.readline()
            if not line:
                pytest.fail(f"node ended without {sorted({(j.client, j.scenario) for j in jobs} - errors.keys())}")
            result = json.loads(line)
            assert "failed" not in result, result
            errors[result["client"], result["scenario"]] = result["errors"]
        return errors


@contextmanager
def node_clients() -> Iterator[NodeClients]:
    """The process, for as long as the context lasts."""
    process = subprocess.Popen(
        ["node", str(FOLDER / "send.cjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield NodeClients(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
