"""A store that refuses, is slow, or loses the connection: one clear line, nothing half, and the landing resumes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from ingestion.lake import Lake
from tests import s3
from tests.lake_place import Place
from tests.lake_rows import PLAN, arrival, bad, land, sums
from tests.tcp_fault import FaultyProxy, faulty_proxy

PATIENCE = 2.0  # seconds that one operation may take here


@pytest.fixture
def proxy(s3_server: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server) as proxy:
        yield proxy


@pytest.fixture
def direct(tmp_path: Path, s3_server: str) -> Place:
    return Place.at(tmp_path, s3.new_bucket(s3_server))


@pytest.fixture
def through(direct: Place, proxy: FaultyProxy) -> Lake:
    """The same lake, reached through the proxy."""
    assert direct.settings.object_store
    store = replace(direct.settings.object_store, endpoint=proxy.address, timeout_seconds=PATIENCE)
    return Lake.open(replace(direct.settings, object_store=store), PLAN)


def refused_in_one_line(lake: Lake) -> str:
    with pytest.raises(AlmanacError) as caught:
        land(lake, [arrival(1), bad(2)])
    text = str(caught.value)
    assert "\n" not in text
    assert "s3://" in text
    assert "do it again" in text
    assert "not-a-secret" not in text
    assert "almanac-test" not in text
    return text


@pytest.mark.parametrize("after", [0, 150, 2_000])
def test_a_connection_that_is_lost_in_the_middle_of_a_put(
    direct: Place, through: Lake, proxy: FaultyProxy, after: int
) -> None:
    """Lost before the request, within its head, within its body."""
    proxy.cut_after = after
    refused_in_one_line(through)
    assert proxy.cuts
    proxy.mend()
    lake = Lake.open(direct.settings, PLAN)
    assert lake.entries() == []
    assert lake.verify() == [], "what was put before is announced, and no reader sees it"
    assert land(through, [arrival(1), bad(2)]).is_new
    assert not land(lake, [arrival(1), bad(2)]).is_new
    assert sums(lake) == {"received": 2, "suppressed": 0, "erased": 0, "accepted": 1, "quarantined": 1}
    assert lake.verify() == []


def test_a_landing_whose_answer_is_lost_is_a_no_op_when_it_is_done_again(
    direct: Place, through: Lake, proxy: FaultyProxy
) -> None:
    land(through, [arrival(7)], "before")
    proxy.break_off()
    proxy.drop_answers = True
    refused_in_one_line(through)
    proxy.mend()
    land(through, [arrival(1), bad(2)])
    lake = Lake.open(direct.settings, PLAN)
    assert sums(lake) == {"received": 3, "suppressed": 0, "erased": 0, "accepted": 2, "quarantined": 1}
    assert lake.verify() == []


def test_a_commit_whose_first_answer_is_lost_is_this_writers_own(
    direct: Place, through: Lake, proxy: FaultyProxy
) -> None:
    """The repetition finds the commit made, by itself."""
    store = through._store
    proxy.drop_answers = True
    with pytest.raises(AlmanacError):
        store.create("manifest/a.json", b"{}")
    proxy.mend()
    assert direct.store.read("manifest/a.json") == b"{}", "it had got through"
    assert store.create("manifest/a.json", b"{}") is False


def test_a_store_that_is_slow_is_named_in_time(through: Lake, proxy: FaultyProxy) -> None:
    proxy.silent = True
    assert "no answer in time" in refused_in_one_line(through)


def test_a_store_that_refuses_connections_is_named(through: Lake, proxy: FaultyProxy) -> None:
    proxy.close()
    assert "cannot be reached" in refused_in_one_line(through)


def test_a_wrong_key_says_so_and_shows_no_secret(direct: Place) -> None:
    assert direct.settings.object_store
    wrong = replace(direct.settings.object_store, secret="some-other-secret", timeout_seconds=PATIENCE)
    text = refused_in_one_line(Lake.open(replace(direct.settings, object_store=wrong), PLAN))
    assert "does not accept the key" in text or "may not do that" in text
    assert "some-other-secret" not in text + repr(wrong)


def test_a_bucket_that_is_absent_is_named(direct: Place) -> None:
    assert direct.settings.object_store
    absent = replace(direct.settings.object_store, bucket="no-such-bucket")
    with pytest.raises(AlmanacError, match="the bucket does not exist: create it"):
        Lake.open(replace(direct.settings, object_store=absent), PLAN).entries()
