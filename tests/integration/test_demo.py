"""The demo as a person runs it: stopped in the middle, done once, done again, then broken on purpose and healed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import open_state, revoke_key
from almanac.versions import current, read_status
from ingestion.lake import Lake
from ingestion.simulator.tenants import BUSINESSES
from orchestration.demo import ASK
from orchestration.demo_trouble import break_it, fix_it, replay
from orchestration.demo_world import key_file, size_of, write_key
from orchestration.instance import open_instance

pytestmark = pytest.mark.xdist_group("demo")  # one home, which each test leaves to the next
SMALL = ["--days", "12", "--users", "120"]
LIMIT = 600  # seconds; what a busy machine may take
FIGURES = re.compile(r"^     [A-Z].*", re.MULTILINE)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestration.demo", *SMALL, *arguments]


def environment(home: Path) -> dict[str, str]:
    # One core each: the tests beside it need the others.
    return {**os.environ, "ALMANAC_HOME": str(home), "ALMANAC_THREADS": "1"}


@contextmanager
def started(home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A demo in a session of its own, as `make demo` has one at a terminal."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command(), env=environment(home), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as demo,
    ):
        try:
            yield demo
        finally:
            for pid in of_home(home):
                os.kill(pid, signal.SIGKILL)


def wait_for(demo: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    deadline = time.monotonic() + LIMIT
    while not (found := re.search(pattern, log.read_text(encoding="utf-8"))):
        assert demo.poll() is None, f"the demo ended: {log.read_text(encoding='utf-8')}"
        assert time.monotonic() < deadline, f"not said: {pattern}"
        time.sleep(0.05)
    return found.group(0)


def of_home(home: Path) -> list[int]:
    """Every process of this machine that works on `home`, whoever its parent is."""
    mark = f"ALMANAC_HOME={home}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def once(home: Path) -> str:
    done = subprocess.run(
        command("--once"), env=environment(home), capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def facts(settings: Settings) -> tuple[int, int, int]:
    """Events of the published version, distinct ones, and those that the door counted."""
    version = current(settings)
    assert version is not None
    with duckdb.connect(str(version.path), read_only=True) as con:
        row = con.execute(
            "select count(*), count(distinct (tenant, message_id)), "
            "(select sum(received - duplicate - quarantined) from mv_daily_arrivals) from fact_events"
        ).fetchone()
    assert row is not None
    return row


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("moment", "number", "to_group"),
    [(r"2/5 .*", signal.SIGINT, True), (r"4/5 .*", signal.SIGTERM, False)],
    ids=["Ctrl-C while simulating", "terminated while building"],
)
def test_it_stops_within_ten_seconds_and_leaves_no_process(
    home: Path, tmp_path: Path, moment: str, number: signal.Signals, to_group: bool
) -> None:
    log = tmp_path / "demo.log"
    with started(home, log) as demo:
        wait_for(demo, log, moment)
        start = time.monotonic()
        if to_group:
            os.killpg(demo.pid, number)
        else:
            demo.send_signal(number)
        demo.wait(30)
        assert time.monotonic() - start < 10
        assert demo.returncode == 0
        assert of_home(home) == []
    assert log.read_text(encoding="utf-8").rstrip().endswith("Stopped.")


def test_done_once_it_prints_the_numbers_and_goes_on_from_where_it_was_stopped(home: Path) -> None:
    settings = Settings.for_home(home)
    said = once(home)
    assert "Search-to-book conversion" in said
    assert re.search(r"week of \d{4}-\d\d-\d\d", said)
    events, distinct, counted = facts(settings)
    assert events == distinct == counted > 500
    assert f"Ask:    {ASK} " in said

    with open_instance(settings) as instance:
        # What the first page of Dagster shows: runs of the jobs that it has loaded.
        shown = instance.get_runs(dg.RunsFilter(tags={".dagster/repository": "__repository__@almanac"}))
        assert (shown[0].job_name, shown[0].status) == ("daily", dg.DagsterRunStatus.SUCCESS)

    again = once(home)
    assert key_file(settings).read_text(encoding="utf-8").strip() not in again
    assert FIGURES.findall(again.split("published after")[1]) == FIGURES.findall(said.split("published after")[1])
    events, distinct, counted = facts(settings)
    assert events == distinct == counted


def test_without_a_demo_it_says_what_to_do_first(tmp_path: Path) -> None:
    for action in (break_it, replay):
        with pytest.raises(AlmanacError, match="run `make demo` first"):
            action(Settings.for_home(tmp_path))


def test_a_day_delivered_twice_is_refused_and_healed_and_a_replay_differs_in_no_row(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, dbt = Settings.for_home(home), WarmDbt()
    before = current(settings)
    assert before is not None, "the demo has not published"
    numbers = values(settings)

    break_it(settings, dbt)
    said = capsys.readouterr().out
    assert "repeat another one under a new id" in said
    assert current(settings) == before
    status = read_status(settings)
    assert (status.succeeded, status.failed_checks) == (False, ("repeated_share_is_usual",))
    (shown,) = failed_checks(settings)
    assert shown.check_name == "rentals__web__repeated_share_is_usual"
    assert str(shown.metadata["sample rows"].value).startswith("| event | happened at (UTC) | times |")

    fix_it(settings, dbt)
    assert read_status(settings).succeeded
    assert values(settings) == numbers
    assert Lake.open(settings).verify() == []

    replay(settings, dbt)
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("0 rows differ in ")
    assert int(last.split()[-2]) > 20
    assert [path.name for path in settings.warehouse.parent.glob("*.duckdb")] == [settings.warehouse.name]


def test_the_write_key_is_kept_for_its_owner_until_it_is_lost_or_revoked(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    key, is_new = write_key(settings)
    assert is_new
    assert key_file(settings).stat().st_mode & 0o777 == 0o600
    assert write_key(settings) == (key, False)

    key_file(settings).unlink()
    second, is_new = write_key(settings)
    assert is_new
    assert second != key

    state = open_state(settings)
    revoke_key(state, second)
    state.close()
    third, is_new = write_key(settings)
    assert is_new
    assert third != second
    assert write_key(settings) == (third, False)


def test_the_default_is_large_enough_to_be_worth_a_look() -> None:
    size = size_of(90, None)
    assert size.events >= 300_000
    assert set(size.users) == set(BUSINESSES)


def values(settings: Settings) -> list[tuple[object, ...]]:
    """Every number that readers see."""
    version = current(settings)
    assert version is not None
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute("select * from kpi_values order by all").fetchall()


def failed_checks(settings: Settings) -> list[dg.AssetCheckEvaluation]:
    """The checks that failed in Dagster's last run."""
    with open_instance(settings) as instance:
        (run,) = instance.get_runs(limit=1)
        events = [event for event in instance.all_logs(run.run_id) if event.dagster_event]
    found = [
        event.dagster_event.asset_check_evaluation_data
        for event in events
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return [one for one in found if not one.passed and one.severity == dg.AssetCheckSeverity.ERROR]
