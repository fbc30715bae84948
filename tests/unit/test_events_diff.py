"""What a pull request does to the tracking plan: each kind of change, and the events that it would refuse."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.events_cli import COMMANDS
from ingestion.lake import Lake
from tests.refused_events import Place, land, new_place, villa

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A project whose plan is committed."""
    place = new_place(tmp_path)
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "plan")):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(place.root), *identity, *arguments], check=True)
    return place


def edit(place: Place, name: str, change: Change) -> None:
    path = place.root / "ingestion/tracking_plan" / f"{name}.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def run(place: Place, *arguments: str) -> tuple[int, list[str]]:
    environment = {"ALMANAC_HOME": str(place.home), "ALMANAC_ROOT": str(place.root)}
    done = CliRunner().invoke(COMMANDS["events"], ["diff", *arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines()


def test_an_unchanged_plan_is_the_same(place: Place) -> None:
    assert run(place, "HEAD") == (0, ["the tracking plan is the same as at HEAD"])


def _rename(content: dict[str, Any]) -> None:
    content["properties"]["listing_key"] = content["properties"].pop("listing_id")
    content["example"]["listing_key"] = content["example"].pop("listing_id")


NOTE = {"type": "string", "pii": "none", "description": "A note.", "example": "n"}
CASES: dict[str, tuple[str, Change, str, str]] = {
    "removed property": (
        "booking_confirmed",
        lambda c: (c["properties"].pop("country"), c["example"].pop("country")),
        "breaking",
        "booking_confirmed.country property removed",
    ),
    "type changed": (
        "booking_confirmed",
        lambda c: c["properties"]["nights"].update(type="number"),
        "breaking",
        "booking_confirmed.nights type integer, now number",
    ),
    "now required": (
        "booking_confirmed",
        lambda c: c["properties"]["listing_id"].update(required=True),
        "breaking",
        "booking_confirmed.listing_id now required",
    ),
    "no longer required": (
        "booking_confirmed",
        lambda c: c["properties"]["amount"].update(required=False),
        "safe",
        "booking_confirmed.amount no longer required",
    ),
    "pii": (
        "booking_confirmed",
        lambda c: c["properties"]["country"].update(pii="personal"),
        "breaking",
        "booking_confirmed.country personal data: none, now personal",
    ),
    "retention": (
        "listing_viewed",
        lambda c: c.update(retention="business"),
        "breaking",
        "listing_viewed retention",
    ),
    "added property": (
        "signup_completed",
        lambda c: c["properties"].update(note=NOTE),
        "safe",
        "signup_completed.note optional property added",
    ),
    "required property": (
        "signup_completed",
        lambda c: (c["properties"].update(note={**NOTE, "required": True}), c["example"].update(note="n")),
        "breaking",
        "signup_completed.note required property added",
    ),
    "own name removed": (
        "tenants/rentals",
        lambda c: c["events"].pop("Signed Up"),
        "breaking",
        "tenant rentals.Signed Up name removed (it stands for signup_completed)",
    ),
    "mapping changed": (
        "tenants/rentals",
        lambda c: c["events"]["Property Viewed"]["properties"].update(price_per_night="category", property_type="city"),
        "breaking",
        "tenant rentals.Property Viewed.price_per_night maps to price, now to category",
    ),
    "own name added": (
        "tenants/rentals",
        lambda c: c["events"].update({"Villa Viewed": {"event": "listing_viewed"}}),
        "safe",
        "tenant rentals.Villa Viewed name added",
    ),
    "time zone": (
        "tenants/rentals",
        lambda c: c.update(time_zone="Europe/Paris"),
        "breaking",
        "tenant rentals.time_zone Europe/Berlin, now Europe/Paris",
    ),
    "limit": (
        "common",
        lambda c: c["limits"].update(late_hours=48),
        "breaking",
        "common.limits.late_hours 24, now 48",
    ),
    "context": (
        "common",
        lambda c: c["context"]["locale"].update(path="language"),
        "breaking",
        "common.context.locale path locale, now language",
    ),
    "words": ("signup_completed", lambda c: c.update(description="Other words."), "same", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_each_change_is_named_and_judged(place: Place, case: str) -> None:
    name, change, kind, line = CASES[case]
    edit(place, name, change)
    code, lines = run(place, "main")
    if kind == "same":
        assert (code, lines) == (0, ["the tracking plan is the same as at main"])
        return
    assert code == (kind == "breaking")
    assert any(" ".join(found.split()).startswith(f"{kind} {line}") for found in lines), lines


def test_a_removed_event_and_a_renamed_property_are_told_apart_from_new_ones(place: Place) -> None:
    folder = place.root / "ingestion/tracking_plan"
    (folder / "listing_viewed.yml").unlink()
    names = {"rentals": "Property Viewed", "advisory": "Adviser Viewed", "community": "view_project"}
    names |= {"equipment": "equipment.viewed", "travel": "flight_selected"}
    for tenant, own in names.items():
        edit(place, f"tenants/{tenant}", lambda c, own=own: c["events"].pop(own))
    code, lines = run(place, "HEAD")
    assert code == 1
    assert any(line.split()[:4] == ["breaking", "listing_viewed", "event", "removed"] for line in lines)
    edit(place, "booking_confirmed", _rename)
    for tenant in names:
        edit(
            place,
            f"tenants/{tenant}",
            lambda c: [
                a["properties"].update({k: "listing_key" for k, v in a["properties"].items() if v == "listing_id"})
                for a in c["events"].values()
                if a["event"] == "booking_confirmed"
            ],
        )
    _, lines = run(place, "HEAD", "--json")
    changes = {change["where"]: change for change in json.loads("\n".join(lines))["changes"]}
    assert changes["booking_confirmed.listing_id"]["text"] == "property renamed to listing_key"
    assert changes["booking_confirmed.listing_key"]["is_breaking"] is False


def test_the_lakes_newest_events_are_judged_by_the_new_plan(place: Place) -> None:
    booking = {"event": "Booking Confirmed", "properties": {"booking_id": "b", "total": "1.50", "property_id": "p"}}
    bare = {**booking, "properties": {"booking_id": "b", "total": "2"}}
    messages = [villa(n, **(bare if n % 2 else booking)) for n in range(6)]
    land(Lake.open(Settings.for_home(place.home)), [*messages, {"type": "page", "userId": "u"}, villa(9)])
    edit(place, "booking_confirmed", lambda c: c["properties"]["listing_id"].update(required=True))
    code, lines = run(place, "HEAD")
    assert code == 1
    assert lines[-2:] == [
        "of 6 events of the lake's last 7 days that this concerns, 3 would now be refused (50.0%)",
        "  rentals  booking_confirmed  listing_id  missing  3",
    ]
    edit(place, "booking_confirmed", lambda c: c["properties"]["listing_id"].update(required=False))
    edit(place, "tenants/rentals", lambda c: c["events"].pop("Booking Confirmed"))
    _, lines = run(place, "HEAD")
    assert lines[-1] == "  rentals  booking_confirmed  event  unknown_event  6"
    # Without its name for the amount, what the client sends no longer has one.
    subprocess.run(["git", "-C", str(place.root), "checkout", "-q", "."], check=True)
    edit(place, "tenants/rentals", lambda c: c["events"]["Booking Confirmed"]["properties"].pop("total"))
    _, lines = run(place, "HEAD")
    assert lines[-1] == "  rentals  booking_confirmed  amount  missing  6"
    assert not any("would now be refused" in line for line in run(place, "HEAD", "--days", "0")[1])


def test_events_of_tenants_and_names_that_are_newer_than_the_reference_are_judged_too(place: Place) -> None:
    folder = place.root / "ingestion/tracking_plan/tenants"
    shutil.copy(folder / "rentals.yml", folder / "boats.yml")
    edit(place, "tenants/boats", lambda c: c.update(tenant="boats"))
    place.mend()
    sent = {"event": "Booking Confirmed", "properties": {"booking_id": "b", "total": "2"}}
    land(place.lake, [villa(1, **sent), villa(2, **sent)], tenant="boats")
    land(place.lake, [villa(3), villa(4, **sent)])
    edit(place, "booking_confirmed", lambda c: c["properties"]["listing_id"].update(required=True))
    edit(
        place,
        "listing_viewed",
        lambda c: (c["properties"].update(note=NOTE | {"required": True}), c["example"].update(note="n")),
    )
    assert run(place, "HEAD")[1][-4:] == [
        "of 4 events of the lake's last 7 days that this concerns, 4 would now be refused (100.0%)",
        "  boats  booking_confirmed  listing_id  missing  2",
        "  rentals  listing_viewed  note  missing  1",
        "  rentals  booking_confirmed  listing_id  missing  1",
    ]
    # What neither plan knows says nothing about the changes.
    (folder / "boats.yml").unlink()
    edit(place, "tenants/rentals", lambda c: c["events"].pop("Villa Viewed"))
    assert run(place, "HEAD")[1][-2:] == [
        "of 4 events of the lake's last 7 days that this concerns, 1 would now be refused (25.0%)",
        "  rentals  booking_confirmed  listing_id  missing  1",
    ]


def test_what_git_does_not_know_is_one_clear_error(place: Place, tmp_path: Path) -> None:
    def failure(root: Path, ref: str) -> str:
        environment = {"ALMANAC_HOME": str(place.home), "ALMANAC_ROOT": str(root)}
        done = CliRunner().invoke(COMMANDS["events"], ["diff", ref], env=environment)
        assert isinstance(done.exception, AlmanacError)
        return str(done.exception)

    assert "no commit 'nowhere'" in failure(place.root, "nowhere")
    other = new_place(tmp_path / "other")
    assert "not a git repository" in failure(other.root, "HEAD")
