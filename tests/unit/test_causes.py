"""What ended a run is told in one line, without statements and their values."""

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from orchestration.causes import of_database, plain


def failed() -> Exception:
    try:
        with create_engine("sqlite://").connect() as connection:
            connection.exec_driver_sql("select ? from nowhere", ("a person",))
    except OperationalError as error:
        return error
    raise AssertionError


def test_a_databases_own_words_stay_and_its_clients_additions_go() -> None:
    error = failed()
    assert "a person" in str(error)
    assert plain(f"step a: {error}") == "step a: (sqlite3.OperationalError) no such table: nowhere"
    assert plain("a file\nis  damaged [see runbook]") == "a file is damaged [see runbook]"


def test_an_error_is_a_databases_also_behind_others() -> None:
    error = ValueError("too many retries")
    error.__cause__ = failed()
    assert of_database(error) == "(sqlite3.OperationalError) no such table: nowhere"
    assert of_database(ValueError("something else")) is None
