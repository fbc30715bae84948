"""What all tests share: a clean environment, the folder of real data sets, and the rule about skipped tests.

Environment: `ALMANAC_TEST_DATA` names the folder of real data sets (default: `../shared/data` beside the repository);
`CI` makes a skip that is not expected a failure.
"""

import gc
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
NO_DATA = "the folder of real data sets is absent"
NO_DISK = "a small disk cannot be mounted by this user"  # tests/disks.py
# The reasons for which a test may be skipped even in CI. Everything else must run there.
NO_SYSTEMD = "there is no systemd-analyze"  # tests/unit/test_deploy.py; a machine of containers has none
EXPECTED_SKIPS = (NO_DATA, NO_DISK, NO_SYSTEMD)
FIRST = "tests/replay/test_replay.py"

_KEPT = frozenset({"ALMANAC_TEST_DATA", "ALMANAC_TEST_POSTGRES"})


def pytest_configure(config: pytest.Config) -> None:
    """Take the developer's own settings out of this process and its children; keep telemetry off."""
    for name in list(os.environ):
        if name.startswith(("ALMANAC_", "DBT_", "DAGSTER_")) and name not in _KEPT:
            del os.environ[name]
    # Children that recompile everything take seconds longer each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {"DO_NOT_TRACK": "1", "DAGSTER_DISABLE_TELEMETRY": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))
    # Every client of httpx reads all certificates of the machine; what tests speak to is on loopback, without TLS.
    ssl.create_default_context = cache(ssl.create_default_context)
    # By itself it fails an example that takes longer than 200 ms, as any does on a machine that has other things to do.
    hypothesis.settings.register_profile("almanac", parent=hypothesis.settings.default, deadline=None)
    hypothesis.settings.load_profile("almanac")
    gc.disable()  # while modules are imported; nothing of them is garbage
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_SkipsAreFailures(), "skips-are-failures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test begins first: where it begins last it runs alone, while a core has nothing to do."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def pytest_collection_finish() -> None:
    """Whatever lives now lives until the end: the collector of garbage need not look at it again and again."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(
        10_000, 50, 1000
    )  # dbt's manifest and its nodes, looked at hundreds of times, are no garbage either


class _SkipsAreFailures:
    """In CI a test that is skipped for an unexpected reason fails the run: what is not run is not known to work."""

    def __init__(self) -> None:
        self.unexpected: list[str] = []
        self.enforced = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See every test's outcome, also those of xdist's workers."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._see(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """See modules that were skipped as a whole."""
        if report.skipped:
            self._see(report)

    def _see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(expected in reason for expected in EXPECTED_SKIPS):
            self.unexpected.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn a green run with unexpected skips red."""
        if self.enforced and self.unexpected and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the skips that are not allowed."""
        if self.enforced and self.unexpected:
            terminalreporter.section("skipped, and in CI that is a failure", red=True)
            for line in sorted(set(self.unexpected)):
                terminalreporter.line(line)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; the test is skipped where there is none, unless it was named expressly."""
    named = os.environ.get("ALMANAC_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"ALMANAC_TEST_DATA names {named}, which is no folder")
        pytest.skip(NO_DATA)
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 server on loopback, started when a test first asks for it; `tests/s3.py` has buckets."""
    from tests import s3

    with ExitStack() as running:
        try:
            address = running.enter_context(s3.server())
        except s3.NoServer as error:
            pytest.skip(str(error))
        yield address
