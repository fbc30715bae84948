"""Runs the long tests and writes what came out, with the commit, to `tests/DEEP.md`: `python -m tests.deep`."""

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "DEEP.md"
KEPT_RUNS = 12


def main(arguments: list[str]) -> int:
    """Run pytest on the tests marked `deep` (further arguments are pytest's) and record the result."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "deep", f"--junitxml={report}", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        cases = list(ET.parse(report).getroot().iter("testcase")) if report.exists() else []
    _record(cases, code, time.monotonic() - start, arguments)
    return code


def _record(cases: list[ET.Element], code: int, seconds: float, arguments: list[str]) -> None:
    commit = _git("rev-parse", "--short", "HEAD")
    changed = " with uncommitted changes" if _git("status", "--short", "--", ".", ":!tests/DEEP.md") else ""
    lines = [
        f"## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}{changed}",
        "",
        f"{'passed' if code == 0 else 'FAILED'} in {seconds / 60:.0f} minutes"
        + (f", chosen by `{' '.join(arguments)}`" if arguments else "")
        + ".",
        "",
        "| test | result | seconds |",
        "|---|---|---|",
        *(f"| {c.get('classname')}: {c.get('name')} | {_outcome(c)} | {float(c.get('time', 0)):.0f} |" for c in cases),
        "",
    ]
    head, *runs = (RECORD.read_text(encoding="utf-8") if RECORD.exists() else HEAD).split("\n## ")
    kept = ["\n".join(lines).removeprefix("## "), *runs][:KEPT_RUNS]
    RECORD.write_text("\n## ".join([head.rstrip() + "\n", *(k.rstrip() + "\n" for k in kept)]), encoding="utf-8")


def _outcome(case: ET.Element) -> str:
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            return child.tag
    return "passed"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


HEAD = """# The long tests

Written by `make test-deep`: the newest run first. A change to the lake, the incremental strategy, publishing or the
collector's log needs a fresh entry.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
