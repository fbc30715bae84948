"""The doctor says what is wrong with an installation and what to do about it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac import doctor
from almanac.cli import cli
from almanac.locks import exclusive
from almanac.settings import Settings
from almanac.state import open_state, suppress
from tests.refused_events import land, new_place, villa


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A new installation, in which nothing was done yet."""
    return Settings.for_home(tmp_path)


def verdicts(lines: list[doctor.Line]) -> list[str]:
    """The verdicts of lines, in order."""
    return [line.verdict for line in lines]


def publication(settings: Settings, **status: object) -> None:
    """A version that is current, and how the last attempt ended."""
    settings.versions.mkdir(parents=True)
    (settings.versions / "v1.duckdb").touch()
    (settings.versions / "CURRENT").write_text("v1\n")
    (settings.versions / "STATUS.json").write_text(json.dumps(status))


def test_a_new_installation_has_warnings_and_no_failure(settings: Settings) -> None:
    lines = [line for examine in doctor.EXAMINATIONS for line in examine(settings)]
    assert "fail" not in verdicts(lines), "\n".join(map(str, lines))
    assert all(line.todo for line in lines if line.verdict != "ok")
    assert not list(settings.home.iterdir()), "looking must not change anything"


def test_packages_other_than_locked_are_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("click==0.0.1 \\\n    --hash=sha256:0\nno-such-package==1.0\n")
    [line] = doctor.packages(Settings.for_home(tmp_path, root=tmp_path))
    assert line.verdict == "fail"
    assert "no-such-package missing" in line.seen
    assert "make setup" in line.todo


def test_a_failed_attempt_to_publish_is_a_failure_that_names_its_checks(settings: Settings) -> None:
    publication(settings, succeeded=False, failed_checks=["unique_fact_events"])
    [line] = doctor.versions(settings)
    assert line.verdict == "fail"
    assert "unique_fact_events" in line.seen


@pytest.mark.parametrize(("age", "verdict"), [(timedelta(hours=1), "ok"), (timedelta(days=2, hours=3), "warn")])
def test_an_old_publication_is_a_warning(age: timedelta, verdict: str, settings: Settings) -> None:
    publication(settings, succeeded=True, published_at=(datetime.now(UTC) - age).isoformat())
    [line] = doctor.versions(settings)
    assert line.verdict == verdict


def test_a_lock_that_is_held_names_its_holder_and_one_that_was_left_is_none(settings: Settings) -> None:
    path = settings.warehouse.parent / "duckdb.lock"
    with exclusive(path, "a build"):
        [line] = doctor.locks(settings)
        assert line.verdict == "warn"
        assert "a build" in line.seen
    assert path.exists()
    assert verdicts(list(doctor.locks(settings))) == ["ok"]


def test_the_state_is_examined_and_not_migrated(settings: Settings) -> None:
    assert verdicts(list(doctor.state(settings))) == ["warn"]
    open_state(settings).close()
    assert verdicts(list(doctor.state(settings))) == ["ok"]
    (settings.home / "state.db").write_bytes(b"this is no database, whatever its name says" * 100)
    assert verdicts(list(doctor.state(settings))) == ["fail"]


def test_another_secret_than_that_of_suppressed_ids_is_told(settings: Settings) -> None:
    opened = open_state(settings)
    assert verdicts(list(doctor.state(replace(settings, suppression_secret="b" * 20)))) == ["ok"], "nobody is yet"
    suppress(opened, "rentals", "user", "u-1")
    opened.close()
    assert verdicts(list(doctor.state(settings))) == ["ok"]
    _, line = doctor.state(replace(settings, suppression_secret="b" * 20))
    assert line.verdict == "fail"
    assert "another secret than the present one" in str(line)


def test_the_command_reports_and_says_so_when_something_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMANAC_HOME", str(settings.home))
    whole = CliRunner().invoke(cli, ["doctor"])
    assert whole.exit_code == 0, whole.output
    assert {line.split()[1] for line in whole.stdout.splitlines()} == {
        "python", "packages", "disk", "ports", "state", "published", "locks", "alerts", "lake",
            "daemon",
    }  # fmt: skip
    publication(settings, succeeded=False, reason="a check failed")
    broken = CliRunner().invoke(cli, ["doctor"])
    assert broken.exit_code == 1
    assert broken.stderr.startswith("Error: 1 of the lines above")


def test_events_of_a_tenant_that_the_plan_no_longer_knows_are_told(tmp_path: Path) -> None:
    place = new_place(tmp_path)
    land(place.lake, [villa(1, event="search_performed", properties={"query": "flat"})])
    environment = {"ALMANAC_HOME": str(place.home), "ALMANAC_ROOT": str(place.root)}
    assert "tenants " not in CliRunner().invoke(cli, ["doctor"], env=environment).stdout
    (place.root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml").unlink()
    said = CliRunner().invoke(cli, ["doctor"], env=environment).stdout
    assert "warn  tenants    events of rentals, whom the tracking plan does not know" in said
