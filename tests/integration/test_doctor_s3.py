"""`almanac doctor` on a lake in a bucket: it tries what the lake needs and says what to do."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from almanac.cli_doctor import COMMANDS
from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore
from almanac.settings import Settings
from ingestion.lake_store_check import check_store
from tests import s3


@pytest.fixture
def place(s3_server: str) -> ObjectStore:
    return s3.new_bucket(s3_server)


def test_a_store_that_can_hold_the_lake(place: ObjectStore) -> None:
    findings = list(check_store(place))
    assert all(finding.went_well for finding in findings), findings
    assert len(findings) == 5
    assert s3.S3Store(place).list("doctor") == []


def test_a_wrong_key_is_named(place: ObjectStore) -> None:
    (finding,) = check_store(replace(place, secret="wrong", timeout_seconds=2.0))
    assert not finding.went_well
    assert "ALMANAC_LAKE_SECRET" in finding.seen


def environment(place: ObjectStore, home: object) -> dict[str, str]:
    assert place.endpoint
    return {
        "ALMANAC_HOME": str(home),
        "ALMANAC_LAKE": place.address,
        "ALMANAC_LAKE_ENDPOINT": place.endpoint,
        "AWS_ACCESS_KEY_ID": place.key_id,
        "AWS_SECRET_ACCESS_KEY": place.secret,
    }


def test_the_command_has_a_line_for_each_trial(place: ObjectStore, tmp_path: object) -> None:
    done = CliRunner().invoke(COMMANDS["doctor"], [], env=environment(place, tmp_path))
    lines = [line.split(maxsplit=2) for line in done.output.splitlines()]
    assert [verdict for verdict, subject, _ in lines if subject == "store"] == ["ok"] * 5
    assert [text for _, subject, text in lines if subject == "lake"] == [
        "0 files, 0 rows (sizes compared; --deep hashes them)"
    ]
    assert place.secret not in done.output


def test_settings_take_the_ordinary_variables_and_hide_secrets(place: ObjectStore, tmp_path: object) -> None:
    settings = Settings.from_env(environment(place, tmp_path))
    assert settings.object_store == replace(place, timeout_seconds=60.0)
    assert place.secret not in repr(settings)
    assert place.key_id not in repr(settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ALMANAC_LAKE": "s3://"}, "write s3://bucket/prefix"),
        ({"ALMANAC_LAKE": "s3://b%d/x"}, "write s3://bucket/prefix"),
        ({"ALMANAC_LAKE": "s3://bucket/../x"}, "in the prefix"),
        ({"ALMANAC_LAKE": "gs://bucket/x"}, "use a folder or s3://bucket/prefix"),
        ({"AWS_ACCESS_KEY_ID": ""}, "ALMANAC_LAKE_KEY_ID is not set"),
        ({"ALMANAC_LAKE_KEY_ID": "own"}, "ALMANAC_LAKE_SECRET is not set"),
        ({"ALMANAC_LAKE_ENDPOINT": "127.0.0.1:9000"}, "http://host:port or https://host:port"),
        ({"ALMANAC_LAKE_PATH_STYLE": "perhaps"}, "ALMANAC_LAKE_PATH_STYLE is 'perhaps'"),
        ({"ALMANAC_LAKE_TIMEOUT": "0"}, "ALMANAC_LAKE_TIMEOUT is '0'"),
    ],
)
def test_settings_that_cannot_be_right_are_named(change: dict[str, str], words: str) -> None:
    right = {"ALMANAC_LAKE": "s3://bucket/x", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    Settings.from_env(right)
    with pytest.raises(AlmanacError, match=words.replace(".", r"\.").replace("?", r"\?")):
        Settings.from_env(right | change)
