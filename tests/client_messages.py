"""Messages as clients may send them: plain ones, and plain ones but for a few things that are not."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.logged_events import LoggedEvents
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TENANTS = ("rentals", "advisory", "nobody")


def unsettled(raws: Sequence[bytes]) -> LoggedEvents:
    """Messages that came `NOW` in one request, as the log has them if the door settled none."""
    verdicts = [Verdict(raw) for raw in raws]
    return LoggedEvents.of([records.decode(records.encode("rentals", "web", NOW, len(raws), verdicts))])


def names_of(tenant: str) -> list[str]:
    """Names that a tenant may send, its own and canonical ones."""
    return list(PLAN.judges.names.get(tenant, ())) or ["Signed Up"]


odd_text = st.sampled_from(
    [
        "",
        " ",
        "null",
        "0",
        "UNDEFINED",
        "a\0b",
        "\ud800",
        "é",
        "😀",
        "x" * 300,
        'q"uote',
        "back\\slash",
        "a/b",
        "1e5",
        "7",
        "ann@example.com",
        "+49 30 901820",
        "4111 1111 1111 1111",
    ]
)
numbers = st.sampled_from(
    [0, -0.0, 1, -1, 3.0, 1e5, 89.5, 1e-7, 0.1, 1.23456, 1e22, 2**53, 2**63, 2**70, 10**400, 1e300]
)
texts = odd_text | st.text(max_size=8)
scalars = st.none() | st.booleans() | numbers | texts | st.integers(-5, 500)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts, scalars, max_size=2)
moments = st.integers(-4_000_000, 4_000_000).map(lambda s: NOW + timedelta(seconds=s / 10))
times = st.one_of(
    moments.map(lambda m: m.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"),
    moments.map(lambda m: m.replace(tzinfo=None).isoformat() + "Z"),
    moments.map(lambda m: m.isoformat()),
    st.sampled_from(
        ["", "never", "2026-05-01", "2026-02-30T00:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T11:59:59.12Z", 3,
         "2026-05-01T11:59:60Z", "2026-05-01T11:59:59.1234567Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", None]
    ),
)  # fmt: skip
near = st.integers(-50, 50).map(lambda s: (NOW + timedelta(seconds=s)).replace(tzinfo=None).isoformat() + "Z")
ids = st.uuids().map(str) | st.sampled_from(
    [
        "ajs-next-1719-x",
        "",
        "0" * 36,
        "022bb90c-bbac-11e4-8dfc-aa07a5b093d ",
        "022bb90cb-bac-11e4-8dfc-aa07a5b093db",
        7,
        None,
    ]
)
people = st.sampled_from(["u1", "u2", "ü", "", "null", "Anonymous", 7, None, "x" * 257])


@st.composite
def plain_properties(draw: st.DrawFn, tenant: str, name: str) -> dict[str, Any]:
    """Properties as the contract asks for them, under the tenant's own names."""
    known = PLAN.judges.by_name.get(tenant, {}).get(name) or PLAN.judges.by_type.get(name)
    if known is None:
        return {}
    own = {canonical: mine for mine, canonical in known.rename.items()}
    by_type = {
        "string": st.sampled_from(["Berlin", "Köln", "two rooms, quiet", "L-1"]),
        "integer": st.integers(0, 99),
        "number": st.sampled_from([1, 2.5]),
        "money": st.sampled_from([89.5, 100, "12.30", 0.1]),
        "boolean": st.booleans(),
        "timestamp": near,
        "date": st.just("2026-05-01"),
        "currency": st.sampled_from(["EUR", "GBP"]),
    }
    given = {}
    for column, spec in known.specs.items():
        if column in known.required or draw(st.booleans()):
            given[own.get(column, column)] = draw(by_type[spec.type])
    return given


@st.composite
def messages(draw: st.DrawFn, tenant: str) -> dict[str, Any]:
    """A message that is plain, or plain but for a few things that are not."""
    kind = draw(st.sampled_from(["track", "track", "page", "screen", "identify", "group", "alias"]))
    name = draw(st.sampled_from(names_of(tenant)))
    where = "traits" if kind in ("identify", "group") else "properties"
    message: dict[str, Any] = {
        "type": kind,
        "messageId": draw(st.uuids().map(str)),
        "anonymousId": draw(st.uuids().map(str)),
        "timestamp": draw(near),
        "sentAt": draw(near),
        where: draw(plain_properties(tenant, name if kind == "track" else kind)),
        "context": draw(
            st.sampled_from(
                [{}, {"library": {"name": "x", "version": "1"}, "screen": {"width": 10}},
                 {"campaign": {"source": "n"}, "page": {"path": "/", "n": 1.50}, "sessionId": "s1"}]
            )
        ),
    }  # fmt: skip
    if kind == "track":
        message["event"] = name
    own = sorted(message[where])
    if own and draw(st.booleans()):
        message[where][draw(st.sampled_from(own))] = draw(values)
    for field, value in draw(st.lists(disturbances, max_size=2)):
        at = message
        *above, last = field.split(".")
        for step in above:
            at = at.get(step) if isinstance(at.get(step), dict) else {}
        if value is ...:
            at.pop(last, None)
        else:
            at[last] = value
    return message


def disturb(field: str, what: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(field), what)


PROPERTIES = sorted(
    {name for known in PLAN.judges.by_name["rentals"].values() for name in (*known.specs, *known.rename)}
)
disturbances = st.one_of(
    disturb("messageId", ids),
    disturb("userId", people),
    disturb("anonymousId", people | st.just(...)),
    disturb("timestamp", times | st.just(...)),
    disturb("sentAt", times | st.just(...)),
    disturb("originalTimestamp", times),
    disturb("sessionId", texts | numbers | st.none()),
    disturb("name", texts | numbers),
    disturb("category", texts | st.none()),
    disturb("groupId", texts | numbers),
    disturb("previousId", texts),
    disturb("type", values),
    disturb("event", texts | values | st.just(" Signed Up ")),
    disturb("integrations", values),
    disturb("somethingElse", values),
    disturb("properties", values | st.just(...)),
    disturb("traits", values | st.just({"name": "x"})),
    disturb("context", values | st.just(...)),
    disturb("context.sessionId", values),
    disturb("context.page", values),
    disturb("context.page.path", values),
    disturb("context.campaign.source", values),
    disturb("context.anything", values),
    *(
        st.tuples(st.sampled_from([f"properties.{name}", f"traits.{name}"]), values)
        for name in [*PROPERTIES, "undeclared", "é"]
    ),
)


def written(message: Any, style: int) -> bytes:
    """JSON text of a message, in one of the ways in which clients write it."""
    if style == 0:
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    if style == 1:
        return json.dumps(message).encode()
    if style == 2:
        return json.dumps(message, separators=(",", ":")).replace("1e", "1E").encode()
    text = json.dumps(message, separators=(",", ":"))
    # Names that stand twice, of which the last counts.
    return ('{"properties":{"a":1e999},"context":3,' + text[1:]).encode()
