"""What is shown of the rows for which a data test failed."""

from almanac.dbt_samples import _shown


def test_who_somebody_is_is_masked_and_equal_values_stay_equal() -> None:
    one, other, third = (
        _shown(("tenant", "person_id", "amount", "note"), ("rentals", person, 12.5, None)) for person in ("a", "a", "b")
    )
    assert one == {"tenant": "rentals", "person_id": one["person_id"], "amount": "12.5", "note": None}
    assert one["person_id"] == other["person_id"] != third["person_id"]
    assert str(one["person_id"]).startswith("masked-")
