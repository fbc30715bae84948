"""The files of the tracking plan: a mistake is named by file and field, and the dictionary says what they hold."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from ingestion.events_cli import COMMANDS
from ingestion.plan_check import check_plan
from ingestion.tracking_plan import Plan, dictionary, judge, load_plan


def copy_plan(root: Path, to: Path) -> Path:
    shutil.copytree(
        root / "ingestion/tracking_plan", to / "ingestion/tracking_plan", ignore=shutil.ignore_patterns("*.py", "__*")
    )
    return to


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return apply


def write(name: str, text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_text(text)

    return apply


PROPERTY = "{type: string, required: false, pii: none, description: Something., example: x}"
EVENT = """
event: thing_done
type: track
title: Thing done
description: Somebody did a thing.
owner: growth
retention: behavioural
properties:
  %s
example: {}
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit("search_performed.yml", "owner: growth\n", ""), "search_performed.yml:1:1: owner: field required"),
        (edit("search_performed.yml", "pii: none", "pii: maybe"), ": properties.query.pii: "),
        (edit("search_performed.yml", "type: integer", "type: int"), "properties.results_count.type: "),
        (
            edit("search_performed.yml", "title: Search", "titel: Search"),
            "search_performed.yml:3:1: titel: unknown field; did you mean 'title'?",
        ),
        (edit("search_performed.yml", "example: 12", "example: twelve"), "results_count.example: expected an integer"),
        (edit("search_performed.yml", "results_count: 12", "results: 12"), "example: undeclared results"),
        (edit("booking_confirmed.yml", "\n  amount: 358.00", ""), "example.amount: booking_confirmed needs amount"),
        (edit("search_performed.yml", "event: search_performed", "event: searched"), "name the file searched.yml"),
        (edit("search_performed.yml", "owner: growth", "owner: growth\nowner: me"), "the key 'owner' stands twice"),
        (edit("search_performed.yml", "description: >-", "description: {"), ": is not valid YAML: "),
        (edit("balance_recorded.yml", "type: money", "type: string"), "balance.example: expected text"),
        (edit("booking_cancelled.yml", "type: integer", "type: number"), "properties.quantity.type: "),
        (edit("screen_viewed.yml", "type: screen", "type: page"), "type: page is page_viewed already"),
        (edit("common.yml", "skew_seconds: 60", "skew_seconds: 0"), ": limits.skew_seconds: "),
        (edit("common.yml", "path: campaign.source", "path: ''"), ": context.campaign_source.path: "),
        (edit("common.yml", "path: campaign.medium", "path: campaign.source"), "is 'campaign_source' already"),
        (edit("common.yml", "path: library.name", "path: locale.name"), "leads through the column 'locale'"),
        (edit("tenants/rentals.yml", "Europe/Berlin", "Europe/Atlantis"), "rentals.yml:4:1: time_zone: "),
        (edit("tenants/rentals.yml", "currency: EUR", "currency: euro"), "rentals.yml:5:1: currency: "),
        (edit("tenants/rentals.yml", "currency: EUR", "currency: EUR\ncountry: Germany"), "rentals.yml:6:1: country: "),
        (edit("tenants/rentals.yml", "event: search_performed", "event: searched"), "'searched' is not an event"),
        (edit("tenants/rentals.yml", "q: query", "q: question"), "'question' is not a property of search_performed"),
        (edit("tenants/rentals.yml", "q: query", "q: query, text: query"), "'q' is mapped to 'query' already"),
        (edit("tenants/rentals.yml", "q: query", "city: query"), "is itself a property of search_performed"),
        (edit("tenants/rentals.yml", "event: signup_completed", "event: page_viewed"), "is sent as page"),
        (edit("tenants/rentals.yml", "tenant: rentals", "tenant: Rentals"), "tenants/rentals.yml:1:1: tenant: "),
        (edit("tenants/rentals.yml", "Signed Up:", "listing_viewed:"), "is itself a canonical event"),
        (write("thing_done.yml", EVENT % f"user_id: {PROPERTY}"), "'user_id' is a column of the envelope"),
        (write("thing_done.yml", EVENT % f"file_id: {PROPERTY}"), "'file_id' is a column of the envelope"),
        (write("thing_done.yml", EVENT % f"project_id: {PROPERTY}"), "declared for every event in common.yml"),
        (write("thing_done.yml", EVENT % f"context_x: {PROPERTY}"), "belongs to the context's columns"),
        (write("thing_done.yml", EVENT % f"order: {PROPERTY}"), "'order' is a reserved word of SQL"),
        (write("thing_done.yml", EVENT % f"Size: {PROPERTY}"), "'Size' is not snake_case"),
        (write("thing_done.yml", "- a\n- b\n"), "thing_done.yml must hold a mapping"),
        (lambda folder: (folder / "common.yml").unlink(), "common.yml is missing"),
        (lambda folder: (folder / "user_aliased.yml").unlink(), "no event has the type alias"),
    ],
)
def test_a_mistake_is_named_by_file_and_field(
    tmp_path: Path, root: Path, change: Callable[[Path], None], expected: str
) -> None:
    copy = copy_plan(root, tmp_path)
    change(copy / "ingestion/tracking_plan")
    problems = check_plan(copy)
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("ingestion/tracking_plan") for problem in problems)
    with pytest.raises(AlmanacError, match="tracking plan: ingestion/tracking_plan"):
        load_plan(copy)


def test_a_new_event_is_one_file(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    (copy / "ingestion/tracking_plan/thing_done.yml").write_text(EVENT % f"thing_id: {PROPERTY}")
    plan = load_plan(copy)
    message = {"type": "track", "event": "thing_done", "userId": "u1", "properties": {"thing_id": "t"}}
    assert judge(plan, "rentals", message).typed == {"thing_id": "t"}
    assert "thing_id" in {column.name for column in plan.columns}


def test_words_that_other_yaml_readers_take_for_booleans_stay_words(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    path = copy / "ingestion/tracking_plan/user_identified.yml"
    path.write_text(path.read_text().replace('"Germany"', "no"))
    assert load_plan(copy).events["user_identified"].example["country"] == "no"


def test_the_version_changes_with_any_file(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    assert load_plan(copy).version == load_plan(root).version
    with (copy / "ingestion/tracking_plan/tenants/rentals.yml").open("a") as file:
        file.write("# a comment\n")
    assert load_plan(copy).version != load_plan(root).version


# The dictionary


def test_the_dictionary_says_everything_and_always_the_same(plan: Plan) -> None:
    page = dictionary(plan)
    assert page == dictionary(load_plan())
    for name, contract in plan.events.items():
        assert f"\n## {name}\n" in page
        for key, prop in contract.properties.items():
            assert f"| `{key}` | {prop.type} |" in page
    for tenant in plan.tenants.values():
        assert f"`{tenant.tenant}`: {tenant.business}" in page
        for own in tenant.events:
            assert own in page
    assert all(line.count("|") == 7 for line in page.splitlines() if line.startswith("| `amount` |"))


def events(*arguments: str) -> str:
    done = CliRunner().invoke(COMMANDS["events"], list(arguments))
    assert done.exception is None, done.output
    return done.output


def test_events_are_listed_with_a_tenants_own_names(plan: Plan) -> None:
    lines = events("list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(plan.events)
    assert any(line.endswith("Property Searched") for line in events("list", "--tenant", "rentals").splitlines())
    done = CliRunner().invoke(COMMANDS["events"], ["list", "--tenant", "nobody"])
    assert isinstance(done.exception, AlmanacError)
    assert "use one of advisory" in str(done.exception)


def test_the_dictionary_is_written_where_it_is_wanted(plan: Plan, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "events.md"
    assert f"{len(plan.events)} events, {len(plan.tenants)} tenants" in events("docs", "--output", str(page))
    assert page.read_text() == dictionary(plan)
