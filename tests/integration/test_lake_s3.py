"""The lake in a bucket of a real S3 server: everything that holds for a folder, and what only a bucket brings.

Every test of `tests/unit/test_lake.py` that does not look into the folder itself runs here again.
"""

import inspect
from pathlib import Path

import pytest

from tests import s3
from tests.lake_place import Place
from tests.unit import test_lake as contract

_OF_THE_FOLDER = {"tmp_path", "monkeypatch"}
# Nothing of these depends on where files lie.
_OF_NO_PLACE = {
    "test_a_name_that_is_no_folder_lands_nothing",
    "test_an_unknown_tenant_is_kept_in_quarantine",
    "test_columns_are_the_envelope_the_plans_columns_and_the_place_with_their_types",
    "test_ids_of_landings_are_the_same_everywhere_and_always",
    "test_many_rows_keep_their_places_across_batches",
}


@pytest.fixture
def place(tmp_path: Path, s3_server: str) -> Place:
    """A lake in a new bucket; it takes the place of the folder in the tests below."""
    return Place.at(tmp_path, s3.new_bucket(s3_server))


def _holds_for_any_place(name: str, test: object) -> bool:
    if not name.startswith("test_") or name in _OF_NO_PLACE:
        return False
    takes = set(inspect.signature(test).parameters) if inspect.isfunction(test) else set()
    return bool(takes & {"lake", "place"}) and not takes & _OF_THE_FOLDER


lake = contract.lake
globals().update({name: test for name, test in vars(contract).items() if _holds_for_any_place(name, test)})
