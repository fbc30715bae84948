"""The words of messages, and the form that each channel gives them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from alerts import problems
from alerts.channels import channels
from alerts.delivery import DeliveryError
from alerts.mail import Mail
from alerts.notices import Notice, notice, trial
from alerts.slack import Slack, blocks
from almanac import doctor
from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from almanac.state import Incident, Problem

AT = datetime(2026, 11, 26, 10, 5, tzinfo=UTC)
HOSTILE = "<!channel> & <b>bad</b>\r\nBcc: all@example.org\u2028\x00 *end*"


def incident(
    cause: str = "2 failed checks: rows_are_usual, late_share", title: str = "Numbers are not published"
) -> Incident:
    return Incident("a1", Problem("publication", title, cause, "version 7", "pipeline-failure.md"), AT, None)


def test_an_opening_says_what_why_since_when_what_readers_see_and_what_to_do() -> None:
    assert notice(incident(), "opened", "https://numbers.example.org").text() == (
        "Numbers are not published\n\n"
        "Cause: 2 failed checks: rows_are_usual, late_share\n"
        "Noticed: 2026-11-26 10:05 UTC\n"
        "Readers see: version 7\n"
        "What to do: docs/runbooks/pipeline-failure.md\n"
        "Portal: https://numbers.example.org\n"
    )


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(seconds=20), "1 min"),
        (timedelta(minutes=135), "2 h 15 min"),
        (timedelta(days=2, hours=1), "2 d 1 h"),
    ],
)
def test_a_closing_says_how_long_it_lasted(lasted: timedelta, words: str) -> None:
    over = Incident("a1", incident().problem, AT, AT + lasted)
    assert ("It lasted", words) in notice(over, "closed", "").facts


@pytest.mark.parametrize("name", [problems.PIPELINE_FAILURE, problems.LATE_DATA])
def test_the_runbook_that_is_named_is_there(name: str) -> None:
    assert (ROOT / "docs" / "runbooks" / name).is_file()


class TestSlack:
    def test_what_a_text_holds_calls_nobody_and_changes_no_form(self) -> None:
        said = str(blocks(notice(incident(HOSTILE, HOSTILE), "opened", "")))
        assert "<!channel>" not in said
        assert "&lt;!channel&gt; &amp; &lt;b&gt;" in said

    def test_a_long_cause_fits_what_slack_takes(self) -> None:
        for block in blocks(notice(incident("<" * 5000), "opened", "")):
            assert len(block["text"]["text"]) <= 3000

    @pytest.mark.parametrize("address", ["http://hooks.example.org/x", "ftp://127.0.0.1", "hooks.example.org", ""])
    def test_a_secret_is_sent_encrypted_or_not_at_all(self, address: str) -> None:
        with pytest.raises(AlmanacError, match="ALMANAC_SLACK_WEBHOOK_URL"):
            Slack(address)


class TestMail:
    MAIL = Mail("smtp://127.0.0.1:25", "Almanac <almanac@example.org>", ["a@example.org", "b@example.org"])

    def test_a_line_break_in_a_cause_begins_no_header(self) -> None:
        sent = self.MAIL.message(notice(incident(HOSTILE, HOSTILE), "opened", ""))
        read = BytesParser(policy=policy.default).parsebytes(sent.as_bytes())
        assert "Bcc" not in read
        assert read["To"] == "a@example.org, b@example.org"
        assert "\n" not in str(read["Subject"])

    def test_letters_of_any_script_arrive(self) -> None:
        sent = self.MAIL.message(Notice("Größe 数 🎉", (("Cause", "عربي"),)))
        read = BytesParser(policy=policy.default).parsebytes(sent.as_bytes())
        assert read["Subject"] == "Almanac: Größe 数 🎉"
        assert "عربي" in read.get_content()

    def test_it_says_that_no_person_wrote_it(self) -> None:
        assert self.MAIL.message(trial(""))["Auto-Submitted"] == "auto-generated"

    @pytest.mark.parametrize("url", ["127.0.0.1:25", "http://mail", "smtp://", "smtp://host:port"])
    def test_an_address_that_is_none_is_told(self, url: str) -> None:
        with pytest.raises(AlmanacError, match="ALMANAC_SMTP_URL"):
            Mail(url, "a@example.org", ["b@example.org"])


SLACK, MAIL = {"slack_webhook": "https://hooks.example.org/x"}, {"smtp_url": "smtp://me:hidden@127.0.0.1"}
PEOPLE: dict[str, Any] = {"mail_from": "a@example.org", "mail_to": ("b@example.org",)}


@pytest.mark.parametrize(
    ("given", "verdicts", "says"),
    [
        ({}, ["ok"], "no channel"),
        ({"environment": "production"}, ["warn"], "nobody is told"),
        ({**SLACK, **MAIL, **PEOPLE}, ["ok", "ok"], "people are told by mail"),
        ({**SLACK, **MAIL}, ["ok", "fail"], "mail: ALMANAC_SMTP_URL needs ALMANAC_MAIL_FROM and ALMANAC_MAIL_TO"),
        ({**SLACK, **PEOPLE}, ["ok", "fail"], "mail: ALMANAC_MAIL_TO needs ALMANAC_SMTP_URL"),
        ({"slack_webhook": "http://hooks.example.org/hidden"}, ["fail"], "ALMANAC_SLACK_WEBHOOK_URL must be the https"),
        ({"slack_webhook": "https://[hidden"}, ["fail"], "ALMANAC_SLACK_WEBHOOK_URL must be the https"),
        ({"smtp_url": "ftp://me:hidden@127.0.0.1", **PEOPLE}, ["fail"], "ALMANAC_SMTP_URL must be smtp://"),
    ],
)
def test_wrong_settings_are_told_by_the_doctor_and_fail_nothing_else(
    tmp_path: Path, given: dict[str, Any], verdicts: list[str], says: str
) -> None:
    settings = replace(Settings.for_home(tmp_path), **given)
    lines = list(doctor.channels(settings))
    assert [line.verdict for line in lines] == verdicts
    assert any(says in line.seen for line in lines)
    assert "hidden" not in str(lines)
    found = channels(settings)
    assert list(found) == [name for name in ("slack", "mail") if any(name in line.seen for line in lines)]
    for name, channel in found.items():
        if f"{name}: " in str([line.seen for line in lines]):
            with pytest.raises(DeliveryError, match="ALMANAC_"):
                channel.send(trial(""))
