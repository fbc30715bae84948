"""Settings: values that come in files, and what is not allowed."""

from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings


def test_any_variable_may_be_given_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://state:s3cret@db/state\n")
    (tmp_path / "shop").write_text("postgresql://reader@db/shop\n")
    settings = Settings.from_env(
        {"ALMANAC_STATE_URL_FILE": str(tmp_path / "dsn"), "ALMANAC_SOURCE_SHOP_URL_FILE": str(tmp_path / "shop")}
    )
    assert settings.state_url == "postgresql://state:s3cret@db/state"
    assert settings.source_url("shop") == "postgresql://reader@db/shop"


def test_variables_of_others_are_not_taken_for_files() -> None:
    assert Settings.from_env({"AWS_REGION_FILE": "nowhere", "HOME_FILE": "nowhere", "ALMANAC_ENV_FILE": ""})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match=r"ALMANAC_STATE_URL_FILE is '.*gone', which cannot be read: No such file"):
        Settings.from_env({"ALMANAC_STATE_URL_FILE": str(tmp_path / "gone")})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(AlmanacError, match="it is no text"):
        Settings.from_env({"ALMANAC_STATE_URL_FILE": str(tmp_path / "bytes")})


def test_a_value_and_a_file_for_it_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("x")
    with pytest.raises(AlmanacError, match="are both set: take one of them away"):
        Settings.from_env({"ALMANAC_STATE_URL": "sqlite://", "ALMANAC_STATE_URL_FILE": str(tmp_path / "dsn")})


def test_passwords_do_not_show_when_settings_are_printed() -> None:
    for variable in ("ALMANAC_DAGSTER_POSTGRES_DSN", "ALMANAC_SERVING_POSTGRES_DSN"):
        assert "s3cret" not in repr(Settings.from_env({variable: "postgresql://almanac:s3cret@db/almanac"}))


def test_a_number_of_collectors_is_at_least_one() -> None:
    assert Settings.from_env({}).collectors == 1
    assert Settings.from_env({"ALMANAC_COLLECTORS": "3"}).collectors == 3
    for text in ("0", "two", "-1", "1.5"):
        with pytest.raises(AlmanacError, match=r"ALMANAC_COLLECTORS is .*: give how many there are, 1 or more"):
            Settings.from_env({"ALMANAC_COLLECTORS": text})
