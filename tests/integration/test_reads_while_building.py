"""Pages and API are read all the time while builds publish: no error, and every answer belongs to one version."""

import json
import threading
import time
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from tests.serving.running import running_portal
from tests.small_lake import FIRST_DAY, PASSED, land_day
from tests.small_project import small_settings

PAGE, API = "/dashboards/overview?tenant=rentals&range=all", "/api/analytics/kpis/bookings?tenant=rentals&range=all"
READ = ("kpi_values", "dim_tenants", "mv_daily_arrivals")  # by page and API, and by what judges
BOOKINGS_A_DAY = 3  # of tests/small_lake.py


class Reader(threading.Thread):
    """Reads page and API in turns until it is told to stop."""

    def __init__(self, address: str) -> None:
        super().__init__(name="reader", daemon=True)
        self.errors: list[str] = []
        self.pages = 0
        self.seen: set[tuple[str, float]] = set()  # publication and figure
        self._address = urlsplit(address)
        self._is_over = threading.Event()

    def run(self) -> None:
        """Read."""
        assert self._address.hostname
        connection = HTTPConnection(self._address.hostname, self._address.port, timeout=60)
        while not self._is_over.wait(0.3):  # builds need the processor too
            try:
                page = self._read(connection, PAGE)
                answer = json.loads(self._read(connection, API))
            except (OSError, ValueError) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            self.pages += b"Overview" in page
            self.seen.add((answer["publication"]["id"], answer["figure"]["value"]))

    def finish(self) -> None:
        """Stop reading."""
        self._is_over.set()
        self.join(120)
        assert not self.is_alive()

    def _read(self, connection: HTTPConnection, path: str) -> bytes:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError(f"{path}: {response.status} {body[:200]!r}")
        return body


@pytest.mark.parametrize("builds", [6, pytest.param(50, marks=pytest.mark.deep)])
def test_no_reader_meets_an_error_or_a_mixture_while_numbers_are_published(tmp_path: Path, builds: int) -> None:
    settings, dbt = small_settings(tmp_path), WarmDbt(data_tests=False, for_models=READ)
    published: dict[str, int] = {}

    def another(day: int) -> None:
        land_day(settings, FIRST_DAY + timedelta(days=day))
        result = run_build(settings, runner=dbt)
        assert result.succeeded, [(node.name, node.message) for node in result.failed]
        published[publish(settings, PASSED).version.id] = BOOKINGS_A_DAY * (day + 1)

    another(0)
    with running_portal(settings.home) as address:
        reader = Reader(address)
        reader.start()
        try:
            for day in range(1, builds + 1):
                another(day)
            newest = (list(published)[-1], float(published[list(published)[-1]]))
            deadline = time.monotonic() + 60
            while newest not in reader.seen and not reader.errors:
                assert time.monotonic() < deadline, "the newest version was not shown"
                threading.Event().wait(0.05)
        finally:
            reader.finish()
    assert reader.errors == []
    assert len(published) == builds + 1
    assert {(version, published.get(version)) for version, _ in reader.seen} == reader.seen
    assert len(reader.seen) > builds / 2, "too few versions were read to tell"
    assert reader.pages > builds
