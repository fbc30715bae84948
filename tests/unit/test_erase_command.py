"""`almanac erase`: what would go is said before it goes, the log names nobody, and what was interrupted goes on."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from almanac import doctor
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import begin_erasure, erasures_after, list_erasures, list_suppressed, open_state
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.log_files import LogFile
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, land_rows
from ingestion.privacy.cli import COMMANDS
from ingestion.tracking_plan import Plan, load_plan
from tests.refused_events import books as books_of
from tests.refused_events import difference, land, rows_of, villa

PLAN = load_plan()
PERSON = ("person", "--tenant", "rentals", "--user-id", "user-1")
NEW = [{**villa(n), "event": "search_performed", "properties": {"query": "flat"}} for n in (1, 2, 1)]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation whose lake holds two accepted events and one refused one of `user-1`, in three files."""
    opened = Settings.for_home(tmp_path)
    monkeypatch.setattr("ingestion.lake.load_plan", lambda root: PLAN)
    lake = lake_of(opened)
    land(lake, [*NEW, villa(1)])
    land(lake, [{**NEW[0], "context": {"n": 2}}, NEW[1]], source="app")
    return opened


def lake_of(settings: Settings, plan: Plan = PLAN) -> Lake:
    return Lake.open(settings, plan)


def run(settings: Settings, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(COMMANDS["erase"], arguments, env={"ALMANAC_HOME": str(settings.home)}, input=given)


def told(settings: Settings, *arguments: str, given: str | None = None) -> str:
    done = run(settings, *arguments, given=given)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def of_person(settings: Settings) -> int:
    lake = lake_of(settings)
    rows = [*rows_of(lake, "events"), *rows_of(lake, "quarantine")]
    return sum("user-1" in repr(row) for row in rows)


def test_a_dry_run_says_what_would_go_and_changes_nothing(settings: Settings) -> None:
    table = Table("rentals", "crm", "contacts")
    rows = [TableRow(f"[{n}]", None, json.dumps({"id": n, "login": f"user-{n}"})) for n in (1, 2)]
    land_rows(lake_of(settings), table, rows, datetime(2026, 3, 2, tzinfo=UTC))
    before = [entry.path for entry in lake_of(settings).entries()]
    lines = [line.split() for line in told(settings, *PERSON, "--dry-run").splitlines()]
    assert [line[:2] for line in lines[:3]] == [["events", "3"], ["rejected", "1"], ["files", "3"]]
    assert lines[3][:3] == ["not", "erased", "1"]
    assert "crm/contacts" in lines[3]
    assert [entry.path for entry in lake_of(settings).entries()] == before
    assert not (settings.home / "state.db").exists()


def test_it_asks_erases_and_writes_a_log_that_names_nobody(settings: Settings) -> None:
    declined = run(settings, *PERSON, given="n\n")
    assert declined.exit_code == 1
    assert of_person(settings) == 4
    said = told(settings, *PERSON, "--note", "letter of 3 May", given="y\n")
    assert "Erase 4 rows of rentals?" in said
    assert "erased 3 events and 1 rejected ones of rentals; nothing is left" in said
    assert "next: `almanac build`" in said
    assert "almanac suppress add" in said
    assert of_person(settings) == 0
    assert len(rows_of(lake_of(settings), "events")) == 2
    assert {difference(terms) for terms in books_of(lake_of(settings)).values()} == {0}
    # Once more there is nothing to ask and nothing to do, and the log says that too.
    assert "erased 0 events" in told(settings, *PERSON)
    listed = told(settings, "list").splitlines()
    assert [line.split()[-9:] for line in listed[2:3]] == [["1", "3", "1", "0", "3", "letter", "of", "3", "May"]]
    assert len(listed) == 4
    stored = b"".join(file.read_bytes() for file in settings.home.rglob("*") if file.is_file())
    assert b"user-1" not in stored


def test_what_was_refused_because_its_client_writes_ids_wrongly_goes_too(settings: Settings) -> None:
    message = {"type": "track", "event": "search_performed", "user_id": "user-1", "properties": {}}
    land(lake_of(settings), [message], source="late")
    assert of_person(settings) == 5
    assert "erased 3 events and 2 rejected ones" in told(settings, *PERSON, "--yes")
    assert of_person(settings) == 0


def test_what_was_interrupted_goes_on_without_naming_anybody_and_is_counted_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rewritten = Lake.rewrite, []

    def dies(lake: Lake, path: str, drop: Any) -> Any:
        if rewritten:
            raise AlmanacError("no space left")
        rewritten.append(path)
        return real(lake, path, drop)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "rewrite", dies)
        failed = run(settings, *PERSON, "--yes")
    assert "almanac erase resume" in str(failed.exception)
    assert of_person(settings) == 3
    [line] = [line for line in doctor.state(settings) if line.subject == "erasing"]
    assert (line.verdict, line.todo.split(",")[0]) == ("warn", "almanac erase resume")
    assert "not ended: almanac erase resume" in told(settings, "list")

    land(lake_of(settings), [{**NEW[0], "context": {"n": 3}}], source="api")
    assert "erased 4 events and 1 rejected ones" in told(settings, "resume"), "with what came in between"
    assert of_person(settings) == 0
    assert "no erasure was interrupted" in told(settings, "resume")
    assert [line.subject for line in doctor.state(settings)] == ["state"]


def test_an_erasure_of_another_secret_keeps_no_other_one_from_being_resumed(settings: Settings) -> None:
    state = open_state(settings)
    begin_erasure(state, "rentals", [("user", "user-2")], files=0, secret="another one, with which it was interrupted")
    begin_erasure(state, "rentals", [("user", "user-1")], files=3)
    resumed = run(settings, "resume")
    assert "erased 3 events and 1 rejected ones" in resumed.output
    assert "was begun with another secret" in str(resumed.exception)
    assert of_person(settings) == 0
    assert [one.finished_at is None for one in list_erasures(state)] == [True, False]
    state.close()


def test_an_erasure_whose_secret_is_lost_is_closed_with_a_reason(settings: Settings) -> None:
    state = open_state(settings)
    lost = begin_erasure(state, "rentals", [("user", "user-2")], files=0, secret="a secret that is lost since then")
    pending = begin_erasure(state, "rentals", [("user", "user-1")], files=3)
    assert f"almanac erase close {lost.id[:8]} --reason" in str(run(settings, "resume").exception)
    assert lost.id[:8] in told(settings, "list")
    for arguments, words in (
        ((lost.id[:8], "--reason", " "), "say why it is closed"),
        ((lost.id[:8], "--reason", "x" * 201), "one line of at most 200 characters"),
        (("0" * 8, "--reason", "lost"), "is the id of no erasure"),
        ((lost.id[:7], "--reason", "lost"), "is the id of no erasure"),
        ((pending.id, "--reason", "lost"), "is not pending: it ended at"),
    ):
        assert words in str(run(settings, "close", *arguments, "--yes").exception)
    assert run(settings, "close", lost.id, "--reason", "lost", given="n\n").exit_code == 1
    assert [one.closed_reason for one in list_erasures(state)] == ["", ""]
    erased = len(rows_of(lake_of(settings), "events"))

    assert told(settings, "close", lost.id[:8], "--reason", "lost; erased anew", given="y\n").endswith("UTC\n")
    assert "closed: lost; erased anew" in told(settings, "list")
    assert "no erasure was interrupted" in told(settings, "resume")
    assert [line.subject for line in doctor.state(settings)] == ["state"]
    # A landing has nobody to look for by it; the one that ended is still looked for.
    assert [one.id for one in erasures_after(state, lost.begun_at)] == [pending.id]
    assert len(rows_of(lake_of(settings), "events")) == erased
    assert "is not pending" in str(run(settings, "close", lost.id, "--reason", "again", "--yes").exception)
    state.close()


def test_an_erasure_whose_secret_is_known_is_not_closed(settings: Settings) -> None:
    state = open_state(settings)
    begun = begin_erasure(state, "rentals", [("user", "user-1")], files=3)
    assert "end it with `almanac erase resume`" in str(
        run(settings, "close", begun.id, "--reason", "x", "--yes").exception
    )
    assert [one.id for one in list_erasures(state, unfinished=True)] == [begun.id]
    state.close()


def test_what_comes_while_it_erases_goes_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    real, late = Lake.rewrite, []

    def beside(lake: Lake, path: str, drop: Any) -> Any:
        if not late:
            late.append(land(lake_of(settings), [{**NEW[0], "context": {"n": 3}}], source="api"))
        return real(lake, path, drop)

    monkeypatch.setattr(Lake, "rewrite", beside)
    assert "erased 4 events and 1 rejected ones" in told(settings, *PERSON, "--yes")
    assert of_person(settings) == 0


def test_what_waits_in_the_collectors_log_is_told(settings: Settings) -> None:
    settings.log_dir.mkdir()
    log = LogFile(settings.log_dir / "wal-1.log")
    now = datetime.now(UTC)
    for tenant in ("rentals", "advisory"):
        verdicts = [Verdict(json.dumps({**event, "messageId": f"late-{n}"}).encode()) for n, event in enumerate(NEW)]
        log.append([records.encode(tenant, "web", now, len(verdicts), verdicts)])
    log.close()
    assert "waiting            2 rows in the log of this machine's collector" in told(settings, *PERSON, "--dry-run")


def test_ids_come_from_standard_input_and_are_suppressed_with_it(settings: Settings) -> None:
    assert run(settings, "person", "--tenant", "rentals", "--file", "-", given="user-1\n").exit_code == 2
    people = ("person", "--tenant", "rentals", "--file", "-", "--suppress", "--yes")
    said = told(settings, *people, given="user-1\nada@mail.example\n")
    assert "suppress add" not in said
    state = open_state(settings)
    [erasure] = list_erasures(state)
    suppressed = list_suppressed(state)
    state.close()
    assert {one.kind for one in suppressed} == {"user", "email"}
    assert {one.id_hash for one in suppressed} == erasure.id_hashes, "the same keyed hashes"


def test_an_unknown_tenant_and_another_secret_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AlmanacError, match="there is no tenant 'nobody'"):
        CliRunner().invoke(
            COMMANDS["erase"],
            ["person", "--tenant", "nobody", "--user-id", "u", "--yes"],
            env={"ALMANAC_HOME": str(settings.home)},
            catch_exceptions=False,
        )
    monkeypatch.setattr(Lake, "rewrite", lambda *given: (_ for _ in ()).throw(AlmanacError("killed")))
    assert run(settings, *PERSON, "--yes").exit_code == 1
    monkeypatch.setenv("ALMANAC_SUPPRESSION_SECRET", "another-secret-than-before")
    assert "begun with another secret" in str(run(settings, "resume").exception)
