"""Requests that were refused as a whole: kept with their reason, without secrets, in files of limited size."""

import json
from datetime import UTC, datetime
from pathlib import Path

from almanac.settings import Settings
from almanac.state import WriteKey, begin_erasure, finish_erasure, open_state
from ingestion.collector.erased_requests import ErasedRequests
from ingestion.collector.problems import Problem, unavailable
from ingestion.collector.refusals import COUNTS_FILE, FILE, FORMER_FILE, Refusals
from ingestion.privacy.erased_since import ErasedSince

SECRET = "alm_" + "s" * 43
KEY = WriteKey("1", SECRET[:12], "rentals", "web", "", datetime(2026, 1, 1, tzinfo=UTC))


def lines(folder: Path, name: str = FILE) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_a_refused_request_is_kept_with_its_reason(tmp_path: Path) -> None:
    problem = Problem(400, "invalid_json", "line 1", excerpt=b'{"a":\xff\xfe')
    Refusals(tmp_path).note(problem, "/v1/track", KEY, 7)
    (line,) = lines(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert line.pop("at")
    assert line == {
        "status": 400,
        "code": "invalid_json",
        "message": "line 1",
        "request_id": problem.request_id,
        "path": "/v1/track",
        "bytes": 7,
        "tenant": "rentals",
        "source": "web",
        "key": "alm_ssssssss",
        "excerpt": '{"a":\ufffd\ufffd',
    }


def test_no_secret_is_kept_not_even_half_of_one(tmp_path: Path) -> None:
    refusals = Refusals(tmp_path)
    for start in range(1950, 2001):
        body = b"x" * start + SECRET.encode() + b'"ip":"203.0.113.77"'
        refusals.note(Problem(400, "invalid_json", "", excerpt=body), f"/v1/{SECRET}", KEY, 1)
    kept = (tmp_path / FILE).read_text()
    assert "ssssssss" not in kept.replace('"key": "alm_ssssssss"', "")
    assert "203.0.113" not in kept


def test_nothing_is_kept_of_the_request_of_somebody_who_was_erased(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    refusals = Refusals(tmp_path, file_bytes=300)
    for user in ("u7", "u8", "u7"):
        problem = Problem(400, "invalid_json", "", excerpt=f'{{"userId":"{user}", "n":}}'.encode())
        refusals.note(problem, "/v1/track", KEY, 1)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": "2026')  # the disk was full
    look = ErasedRequests(refusals, ErasedSince(settings)).look
    look()
    excerpts = [line["excerpt"] for line in lines(tmp_path, FORMER_FILE)]
    assert len(excerpts) == 2
    assert all("u7" in kept for kept in ((tmp_path / FILE).read_text(), str(excerpts)))
    state = open_state(settings)
    for tenant in ("advisory", "rentals"):
        erasure = begin_erasure(state, tenant, [("user_id", "u7")], files=0)
        look()
        kept = (tmp_path / FORMER_FILE).read_text() + (tmp_path / FILE).read_text()
        assert ("u7" in kept) == (tenant == "advisory"), "a user of another tenant is somebody else"
        finish_erasure(state, erasure)
    state.close()
    assert kept.count('"excerpt": ""') == kept.count('"code": "invalid_json"') - 1
    assert "u8" in kept
    assert kept.endswith('{"at": "2026')
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    # What comes later is kept, and an erasure that is known is not looked for again.
    refusals.note(Problem(400, "invalid_json", "", excerpt=b'{"userId":"u7"'), "/v1/track", KEY, 1)
    look()
    assert sorted(path.suffix for path in tmp_path.glob("refused*")) == [".jsonl", ".jsonl"]


def test_no_personal_data_is_kept_either(tmp_path: Path) -> None:
    refusals = Refusals(tmp_path, is_hidden=lambda tenant, body: tenant == "rentals" and b'"u7"' in body)
    personal = (
        b'"note":"4111 1111 1111 1111 ada@mail.example +49 30 1234567","clientIp":"203.0.113.77","password":"geheim"'
    )
    for start in (0, *range(1800, 2000, 7)):
        refusals.note(Problem(400, "invalid_json", "", excerpt=b" " * start + personal), "/v1/track", KEY, 1)
    refusals.note(Problem(400, "invalid_json", "", excerpt=b'{"userId":"u7"'), "/v1/track", KEY, 1)
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    # A time of day and a random id may hold the digits of a card.
    kept = json.dumps([{k: v for k, v in line.items() if k not in ("at", "request_id")} for line in lines])
    assert not [trace for trace in ("4111", "ada@", "30 12", "203.0.113", "geheim", "u7") if trace in kept]
    assert "[card] [email] [phone]" in kept


def test_what_strangers_send_is_counted_but_not_kept(tmp_path: Path) -> None:
    Refusals(tmp_path).note(Problem(401, "missing_write_key", "", excerpt=b"their words"), "/v1/track", None, 3)
    assert "their words" not in (tmp_path / FILE).read_text()


def test_requests_to_be_sent_again_are_counted_only(tmp_path: Path) -> None:
    refusals = Refusals(tmp_path)
    refusals.note(unavailable("storage_full", "later"), "/v1/track", None, 0)
    assert not (tmp_path / FILE).exists()
    assert list(refusals.counts().values()) == [1]


def test_counts_survive_the_process(tmp_path: Path) -> None:
    for _ in range(3):
        refusals = Refusals(tmp_path)
        refusals.note(Problem(400, "invalid_json", ""), "/v1/track", KEY, 1)
        refusals.note(Problem(401, "missing_write_key", ""), "/v1/track", None, 1)
        refusals.save()
    today = datetime.now(UTC).date()
    counts = Refusals(tmp_path).counts()
    # Both days, in case midnight passed meanwhile.
    assert sum(counts.values()) == 6
    assert {name.split("/", 1)[1] for name in counts} == {"/missing_write_key", "rentals/invalid_json"}
    assert all(abs((datetime.fromisoformat(name[:10]).date() - today).days) <= 1 for name in counts)


def test_a_damaged_count_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / COUNTS_FILE).write_text("[1")
    assert Refusals(tmp_path).counts() == {}


def test_the_files_stay_small(tmp_path: Path) -> None:
    refusals = Refusals(tmp_path, file_bytes=5_000)
    for number in range(200):
        refusals.note(Problem(400, "invalid_json", f"number {number}", excerpt=b"x" * 500), "/v1/track", KEY, 1)
    sizes = [(tmp_path / name).stat().st_size for name in (FILE, FORMER_FILE)]
    assert all(size < 7_000 for size in sizes)
    assert lines(tmp_path)[-1]["message"] == "number 199"
    assert sum(refusals.counts().values()) == 200


def test_a_full_disk_does_not_stop_the_answer(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    refusals = Refusals(tmp_path)
    refusals.note(Problem(400, "invalid_json", ""), "/v1/track", KEY, 1)
    assert sum(refusals.counts().values()) == 1
