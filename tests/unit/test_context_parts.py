"""Contexts in parts against contexts as they are: what is read, and whether one is suspect."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from ingestion import settled_rows
from ingestion.context_parts import parted
from ingestion.logged_events import Settled
from ingestion.plain_rows import SUSPECT_COLUMN
from ingestion.privacy.masking import suspicious
from ingestion.settled_types import contexts_type
from tests.client_messages import PLAN

texts = st.sampled_from(
    ["/a", "Ann {", "}", '"page":{', ',"page":{"path":"/x"}', "ann@example.com", "+49 30 1234567", "", "é", "\\"]
) | st.text(max_size=4)
pages = st.dictionaries(st.sampled_from(["path", "title", "url", "n", "phone"]), texts | st.integers(0, 9), max_size=3)
values = (
    pages
    | texts
    | st.none()
    | st.lists(pages, max_size=2)
    | st.dictionaries(st.sampled_from(["page", "name", "x"]), pages, max_size=2)
)
# Objects keep the order in which names are drawn, so a page stands first, last or in between.
contexts = st.dictionaries(
    st.sampled_from(["page", "?page", "app", "os", "locale", "sessionId", "library"]), values, max_size=4
)


def as_text(context: dict[str, Any]) -> str:
    return json.dumps(context, ensure_ascii=False, separators=(",", ":"))


def columns_of(given_: list[str | None]) -> dict[str, list[Any]]:
    """What the landing makes of contexts, by column; columns of nothing are left out."""
    all_ = pa.array(given_, pa.string()).dictionary_encode()
    settled = Settled(np.arange(len(given_)), pa.nulls(len(given_)), pa.nulls(0), all_.indices, all_.dictionary)
    made = settled_rows._Contexts(settled_rows._Reader(), PLAN, settled).of(
        pa.array(np.arange(len(given_)), pa.int32())
    )
    return {name: values.to_pylist() for name, values in made.items() if values.null_count < len(values)}


def as_a_whole(given_: list[str | None]) -> dict[str, list[Any]]:
    """The same without parts."""
    type_, paths = contexts_type(PLAN.judges.context_tree)
    array = pa.array(given_, pa.string())
    read = settled_rows._Reader().read(array, type_)
    columns = {name: pc.struct_field(read, path) for name, path in paths.items()}
    columns |= {"session_id": settled_rows._or_nobody(columns["session_id"]), "context": array}
    columns[SUSPECT_COLUMN] = suspicious(array)
    return {name: values.to_pylist() for name, values in columns.items() if values.null_count < len(values)}


@given(st.lists(contexts.map(as_text) | st.none(), min_size=1, max_size=6))
def test_contexts_in_parts_say_what_they_say_as_a_whole(given_: list[str | None]) -> None:
    found, expected = columns_of(given_), as_a_whole(given_)
    # Of two parts one may be no context at all, and then nothing is known of it.
    for columns in (found, expected):
        columns[SUSPECT_COLUMN] = [bool(is_suspect) for is_suspect in columns.get(SUSPECT_COLUMN, [None] * len(given_))]
    assert found == expected


def test_visitors_and_pages_are_read_once_each() -> None:
    visitors = [{"locale": f"l{v}", "os": {"name": "iOS"}} for v in range(5)]
    given_ = [as_text({**visitor, "page": {"path": f"/{p}"}}) for visitor in visitors for p in range(7)]
    parts = parted(pa.array(given_))
    assert (len(parts.rests), len(parts.pages)) == (5, 7)


def test_a_page_inside_of_another_object_is_none_of_the_context() -> None:
    assert "context_page_path" not in columns_of(
        [
            '{"?page":5,"app":{"page":{"path":"/a"}}}',
            '{"app":{"page":{"path":"/a"}}}',
            '{"page":0,"x":{"page":{"path":"/b"}}}',
        ]
    )


def test_a_page_with_a_brace_in_its_title_is_read_as_a_whole() -> None:
    odd, plain = '{"page":{"path":"/a","title":"{}}"},"locale":"de"}', '{"page":{"path":"/b"},"locale":"de"}'
    found = columns_of([odd, plain, odd])
    assert found["context_page_path"] == ["/a", "/b", "/a"]
    assert found["context_page_title"] == ["{}}", None, "{}}"]
    assert found["context_locale"] == ["de", "de", "de"]


def test_no_context_at_all() -> None:
    assert columns_of([None, None]) == {}
