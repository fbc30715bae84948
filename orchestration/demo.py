"""`make demo`: from simulated events to a page of KPIs on this machine, and everything stops with Ctrl-C.

Each phase says beforehand what it does, how much that is and how long it takes. What is there already is used again.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.versions import current
from orchestration import ui
from orchestration.demo_numbers import weekly_table
from orchestration.demo_world import (
    Size,
    is_there,
    key_file,
    send,
    simulate_history,
    simulate_today,
    size_of,
    write_key,
)
from orchestration.instance import environment
from orchestration.processes import Interrupted, Supervisor, free_port, interruptible

DEFAULT_DAYS = 90
START_SECONDS = 60.0
DAGSTER_SECONDS = 240.0
ASK = ".venv/bin/python -i -m almanac.ask"
# Measured on two cores; a phase says "about", and a slower machine takes longer.
EVENTS_PER_SECOND = 12_000
BUILD_SECONDS, BUILD_EVENTS_PER_SECOND = 20, 40_000
BYTES_PER_EVENT, DISK_PER_EVENT = 90, 340  # in the lake; with warehouse and published versions
LINEAGE = "assets/published/version?view=lineage&lineageScope=upstream&lineageDepth=20"


@dataclass
class Demo:
    """One demo: its size, its programs, and what people have been told so far."""

    settings: Settings
    size: Size
    is_once: bool
    programs: Supervisor
    started_at: float = field(default_factory=time.monotonic)
    phase: int = 0
    portal: str = ""
    collector: str = ""
    collector_port: int = 0  # any free one

    def run(self) -> None:
        """All phases, in order. Raises AlmanacError if one cannot be done."""
        self._welcome()
        if not self.is_once:
            self._start_portal()
        self._simulate()
        self._collect()
        self._build()
        if self.is_once:
            self._offer_sql()
            return
        dagster = self._start_dagster()
        self._close(dagster)
        self._watch()

    @property
    def phases(self) -> int:
        """How many phases there are."""
        return 3 if self.is_once else 5

    def _welcome(self) -> None:
        disk = f"about {self.size.events * DISK_PER_EVENT / 2**20:.0f} MB"
        what = "what has happened since the last time" if is_there(self.settings) else disk
        _say(f"Almanac demo: {what}, kept in {self.settings.home}. Ctrl-C stops it at any time.")

    def _start_portal(self) -> None:
        self._announce("Portal", "starts first; until there are numbers it says that the first build is running (3 s)")
        # Chosen now, so that the portal can show where events go to.
        self.collector_port = free_port(self.settings.host)
        where = {"ALMANAC_COLLECTOR_URL": f"http://{self.settings.host}:{self.collector_port}"}
        child = self.programs.start("portal", [sys.executable, "-m", "almanac", "serve", "--port", "0"], where)
        self.portal = self.programs.wait_for(child, r"(http://\S+)", START_SECONDS)
        _say(f"     {self.portal}")

    def _simulate(self) -> None:
        again = is_there(self.settings)
        seconds = 5 + self.size.events / EVENTS_PER_SECOND
        what = f"{self.size.days} days of five businesses: about {self.size.events:,} events, "
        what += f"{self.size.events * BYTES_PER_EVENT / 2**20:.0f} MB, {_about(seconds)}"
        if again:
            what = f"five businesses up to now: whatever is missing since the last time, {_about(5 + seconds / 4)}"
        self._announce("Simulate", what)
        start = time.monotonic()
        landed = simulate_history(self.settings, self.size)
        _say(f"     {landed:,} events landed in {time.monotonic() - start:.0f} s; the last day comes next")

    def _collect(self) -> None:
        self._announce("Collector", f"today's newest events go through it with Segment's Python library ({_about(15)})")
        key, is_new = write_key(self.settings)  # first: a running collector learns of new keys only every few seconds
        child = self.programs.start(
            "collector",
            [sys.executable, "-m", "almanac", "collect", "--port", str(self.collector_port), "--flush-seconds", "1"],
        )
        self.collector = self.programs.wait_for(child, r"(http://[^\s/]+:\d+)", START_SECONDS)
        words = f"{key} (shown this once)" if is_new else f"as before, in {key_file(self.settings)}"
        _say(f"     {self.collector}\n     write key of rentals/web: {words}")
        landed, held = simulate_today(self.settings, self.size)
        sent = send(self.settings, held, self.collector, key)
        _say(f"     {landed:,} events of today landed, the newest {sent:,} sent and landed through the collector")

    def _build(self) -> None:
        first = current(self.settings) is None
        seconds = BUILD_SECONDS + (self.size.events / BUILD_EVENTS_PER_SECOND if first else 0)
        self._announce(
            "Dagster's job `daily`",
            f"builds what arrived, tests it, judges the arrivals, publishes ({_about(seconds)})",
        )
        start = time.monotonic()
        argv = [sys.executable, "-m", "orchestration.run_daily"]
        if self.programs.run("daily", argv, environment(self.settings)):
            if self.is_once:
                raise AlmanacError("the run of the job `daily` failed; the line above says where")
            _say("     The line above says where the run failed. Readers keep the numbers they have.")
            return
        _say(f"     published after {time.monotonic() - start:.0f} s, {self._seconds:.0f} s after the start\n")
        _say(weekly_table(self.settings))

    def _start_dagster(self) -> str:
        self._announce("Dagster's pages", f"every model, test and run; they take longest to start ({_about(30)})")
        address = f"http://{self.settings.host}:{(port := free_port(self.settings.host))}/"
        child = self.programs.start(
            "dagster",
            ui.command(self.settings, port),
            environment(self.settings),
            ui.STOP_SIGNAL,
        )
        ui.wait_until_loaded(address, DAGSTER_SECONDS, lambda: child.process.poll() is not None)
        _say(f"     {address}")
        return address

    def _close(self, dagster: str) -> None:
        kpi = "dbt_project/models/kpis/revenue/average_booking_value.yml"
        _say(f"\nLook:   {self.portal} shows the KPIs, {dagster}{LINEAGE} how they were made")
        self._offer_sql()
        _say(f"Change: a KPI, for example its title in {kpi}, then run .venv/bin/almanac build")
        _say("Stop:   Ctrl-C; everything stays where it is, and make demo goes on from there")

    def _offer_sql(self) -> None:
        _say(f"Ask:    {ASK} opens the published version; README.md has ten questions")

    def _watch(self) -> None:
        while (gone := self.programs.ended()) is None:
            time.sleep(0.5)
        raise AlmanacError(f"the {gone.name} ended with code {gone.process.returncode}; see {gone.log}")

    def _announce(self, title: str, words: str) -> None:
        self.phase += 1
        _say(f"\n{self.phase}/{self.phases}  {title}: {words}")

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.started_at


def main() -> int:
    """Run the demo; exit code 0 also after Ctrl-C, 1 if a phase failed, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="make demo", description="From simulated events to a page of KPIs.")
    parser.add_argument("--days", type=_positive, default=DEFAULT_DAYS, help="days of history")
    parser.add_argument("--users", type=_positive, help="persons of the larger business")
    parser.add_argument("--once", action="store_true", help="do the work, print the numbers, exit")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env()
        with interruptible(), Supervisor(settings.home / "logs") as programs:
            _run(Demo(settings, size_of(arguments.days, arguments.users), arguments.once, programs))
    except Interrupted:
        _say("Stopped.")
    except AlmanacError as error:
        sys.stderr.write(f"Error: {' '.join(str(error).split())}\n")
        return 1
    return 0


def _run(demo: Demo) -> None:
    try:
        demo.run()
    except Interrupted:
        _say("\nStopping everything ...")
        raise


def _about(seconds: float) -> str:
    rounded = max(5, 5 * round(seconds / 5))
    return f"about {rounded:.0f} s" if rounded < 120 else f"about {rounded / 60:.0f} min"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
