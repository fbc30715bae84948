"""Jobs on a lake for a test that disturbs them: a line of standard input is a job and a home."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.privacy.erasing import erase as erase_person
from ingestion.privacy.erasing import known_by
from ingestion.tracking_plan import load_plan
from tests.traced_jobs import serve

PLAN = load_plan()
DAY = date(2026, 3, 1)


def land(home: Path, first: int = 0) -> None:
    """Land ten events, of which two are refused, over two UTC days of arrival."""
    arrivals = [
        Arrival(
            datetime(DAY.year, DAY.month, DAY.day + n % 2, 12, 0, n, tzinfo=UTC),
            {"type": "track", "event": "unheard_of" if n % 10 > 7 else "search_performed", "messageId": f"m{n}"}
            | {"userId": f"u{n % 10}", "properties": {"query": "flat"}},
        )
        for n in range(first, first + 10)
    ]
    received = {DAY: 5, DAY + timedelta(days=1): 5}
    opened(home).land("rentals", "web", arrivals, content_hash=f"from {first}", received=received)


def compact(home: Path) -> None:
    """Make one file of each kind and day, and delete what was replaced."""
    opened(home).compact(keep=timedelta(0))


def erase(home: Path) -> None:
    """Erase a person from every file: of their two ids one is that of accepted events, the other of refused ones."""
    erase_person(opened(home), "rentals", known_by("rentals", ["u2", "u8"]), lambda source, table: ())


def opened(home: Path) -> Lake:
    """The lake of a home."""
    return Lake.open(Settings.for_home(home), PLAN)


def fold(home: Path) -> None:
    """Fold what was committed into a checkpoint, twice, so that the documents go too."""
    for _ in range(2):
        opened(home).fold(1)


JOBS = {"land": land, "compact": compact, "erase": erase, "fold": fold}


def main() -> None:
    """Serve jobs until standard input ends."""
    serve(lambda line: JOBS[line.split()[0]](Path(line.split()[1])))


if __name__ == "__main__":
    main()
