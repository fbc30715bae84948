"""The README's ten lines that send a first event, run as they stand there against a real collector."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.clients.node_clients import FOLDER, why_not
from tests.integration.collector_process import ROOT, CollectorProcess, eventually, lake_rows, new_key, running

HOST, KEY = "http://127.0.0.1:8088", "alm_..."
LANGUAGES = [
    pytest.param("python", "b-1"),
    pytest.param("js", "b-2", marks=pytest.mark.skipif(bool(why_not()), reason=str(why_not()))),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def collector(home: Path) -> Iterator[CollectorProcess]:
    with running(home) as collector:
        yield collector


def run(language: str, url: str, key: str) -> str:
    """Run the README's example with another address and key; returns what it printed."""
    section = (ROOT / "README.md").read_text().split("## Send a first event")[1].split("\n## ")[0]
    (code,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert HOST in code
    assert KEY in code
    code = code.replace(HOST, url).replace(KEY, key)
    command = [sys.executable, "-"] if language == "python" else ["node", "--input-type=module", "-"]
    where = ROOT if language == "python" else FOLDER
    done = subprocess.run(command, input=code, cwd=where, env=os.environ, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("language", "booking"), LANGUAGES)
def test_ten_lines_send_a_first_event(collector: CollectorProcess, home: Path, language: str, booking: str) -> None:
    assert run(language, collector.url, new_key(home)) == ""
    where = f"properties like '%\"{booking}\"%'"
    (row,) = eventually(lambda: lake_rows(home, "events", "event, user_id, amount::double", where))
    assert row == ("booking_confirmed", "user-1", {"b-1": 120.5, "b-2": 80.0}[booking])


@pytest.mark.parametrize(("language", "booking"), LANGUAGES)
def test_a_wrong_key_is_said_at_once(collector: CollectorProcess, language: str, booking: str) -> None:
    said = run(language, collector.url, "alm_wrong")
    assert "not accepted:" in said
    assert "401" in said
