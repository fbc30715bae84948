"""From deliveries to the messages that clients send, in Segment's shape."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ingestion.envelope import Arrival
from ingestion.simulator.around_messages import SERVER, AroundWriter
from ingestion.simulator.columns import NONE, Deliveries, Fault, Ints, Kind, uuid_texts
from ingestion.simulator.engine import World
from ingestion.simulator.market import CHANCES
from ingestion.simulator.people import BROWSERS
from ingestion.simulator.properties import Row, makers, user_id
from ingestion.simulator.voice import naming, namings
from ingestion.tracking_plan import Plan, Tenant, load_plan

PATHS: dict[int, str] = {
    Kind.PAGE: "/",
    Kind.SEARCH: "/search",
    Kind.LISTING: "/listing",
    Kind.IDENTIFY: "/login",
    Kind.SIGNUP: "/signup",
    Kind.BOOKING: "/checkout",
    Kind.CANCEL: "/account",
}


@dataclass(frozen=True)
class Sent:
    """One message, when it reached the door, and when its event truly happened (both aware, UTC)."""

    received_at: datetime
    at: datetime
    message: dict[str, Any]


class Writer:
    """Writes messages of one tenant's world."""

    def __init__(self, world: World, tenant: Tenant, plan: Plan | None = None) -> None:
        names = namings(tenant)
        self._world = world
        self._makers = makers(world, tenant)
        self._listing_viewed = naming(names, "listing_viewed").event
        self._search = naming(names, "search_performed")
        self._users = [user_id(world, n) for n in range(len(world.people))]
        self._mobile, self._browser = world.people.mobile.tolist(), world.people.browser.tolist()
        self._place = world.people.place.tolist()
        self._contexts: dict[tuple[bool, int, int, int, int], dict[str, Any]] = {}
        self._around = AroundWriter(
            world.around,
            world.people,
            plan or load_plan(),
            tenant,
            self._users,
            lambda device: self._context(device, NONE, Kind.PAGE),
        )

    def everything(self, deliveries: Deliveries, around: Deliveries) -> list[Arrival]:
        """Arrivals of visits and of what happened around them, in order of arrival."""
        visits = self.arrivals(deliveries)
        if not len(around):
            return visits
        beside = self._arrivals(around, self._around.at(around), self._around.messages(around))
        return sorted([*visits, *beside], key=lambda arrival: arrival.received_at)

    def arrivals(self, deliveries: Deliveries) -> list[Arrival]:
        """What the door saw: messages with the sender's own clock in `timestamp` and `sentAt`."""
        return self._arrivals(deliveries, self._world.events.at[deliveries.event], self._messages(deliveries))

    @staticmethod
    def _arrivals(deliveries: Deliveries, at: Ints, messages: Iterable[dict[str, Any]]) -> list[Arrival]:
        stamps = _texts(at + deliveries.skew)
        sent = _texts(deliveries.received - deliveries.lag + deliveries.skew)
        arrivals = []
        for received_at, message, timestamp, sent_at in zip(
            _instants(deliveries.received), messages, stamps, sent, strict=True
        ):
            message["timestamp"] = timestamp
            message["sentAt"] = sent_at
            arrivals.append(Arrival(received_at, message))
        return arrivals

    def sent(self, deliveries: Deliveries, around: Deliveries) -> list[Sent]:
        """Messages for a client library, which stamps the sending itself: true times, copies unaltered."""
        true = Deliveries(**{**deliveries.__dict__, "altered": np.zeros(len(deliveries), dtype=np.bool_)})
        parts = (
            (deliveries.received, self._world.events.at[deliveries.event], self._messages(true)),
            (around.received, self._around.at(around), self._around.messages(around)),
        )
        found = [
            Sent(received_at, happened, message)
            for received, at, messages in parts
            for received_at, happened, message in zip(_instants(received), _instants(at), messages, strict=True)
        ]
        return sorted(found, key=lambda sent: sent.received_at)

    def _messages(self, deliveries: Deliveries) -> Iterator[dict[str, Any]]:
        """Messages without times."""
        e = self._world.events.take(deliveries.event)
        ids = uuid_texts(deliveries.high, deliveries.low)
        chance = (deliveries.low % np.uint64(CHANCES)).astype(np.int64)
        rows = zip(
            e.person.tolist(),
            e.listing.tolist(),
            e.query.tolist(),
            e.count.tolist(),
            e.amount.tolist(),
            e.commission.tolist(),
            e.booking.tolist(),
            chance.tolist(),
            deliveries.altered.tolist(),
            e.at.tolist(),
            strict=True,
        )
        anonymous_ids = self._world.people.anonymous_ids
        for row, kind, fault, message_id, known, anonymous, device, campaign in zip(
            rows,
            e.kind.tolist(),
            deliveries.fault.tolist(),
            ids,
            e.known.tolist(),
            e.anonymous.tolist(),
            e.device.tolist(),
            e.campaign.tolist(),
            strict=True,
        ):
            message: dict[str, Any] = {"messageId": message_id}
            if known:
                message["userId"] = self._users[row[0]]
            if anonymous:
                message["anonymousId"] = anonymous_ids[device]
                message["context"] = self._context(device, campaign, kind)
            else:
                message["context"] = SERVER
            if fault:
                self._spoil(message, fault)
            else:
                self._say(message, kind, Row._make(row), self._mobile[device])
            yield message

    def _say(self, message: dict[str, Any], kind: int, row: Row, mobile: bool) -> None:
        name, make = self._makers[kind]
        if kind == Kind.IDENTIFY:
            message["type"], message["traits"] = "identify", make(row)
        elif kind == Kind.PAGE:
            message["type"] = "screen" if mobile else "page"
            message.update(make(row))
            message["properties"] = {}
        else:
            message["type"], message["event"], message["properties"] = "track", name, make(row)

    def _spoil(self, message: dict[str, Any], fault: int) -> None:
        """Make it a message that the tracking plan must refuse."""
        message["type"] = "track"
        if fault == Fault.UNKNOWN_EVENT:
            message["event"], message["properties"] = "Banner Clicked", {"position": 2}
        elif fault == Fault.MISSING:
            message["event"], message["properties"] = self._listing_viewed, {}
        else:
            message["event"] = self._search.event
            message["properties"] = {self._search.key("results_count"): "many"}

    def _context(self, device: int, campaign: int, kind: int) -> dict[str, Any]:
        key = (self._mobile[device], self._browser[device], self._place[device], campaign, kind)
        found = self._contexts.get(key)
        if found is None:
            found = self._contexts[key] = self._make_context(*key)
        return found

    def _make_context(self, mobile: bool, browser: int, place: int, campaign: int, kind: int) -> dict[str, Any]:
        context: dict[str, Any] = {"browser": {"name": BROWSERS[browser]}}
        if place != NONE:
            context["location"] = {"country": self._world.business.countries[place]}
        page: dict[str, str] = {}
        if mobile:
            context["device"], context["os"] = {"type": "mobile"}, {"name": "iOS"}
            context["library"] = {"name": "analytics-ios", "version": "4.1"}
        else:
            context["device"] = {"type": "desktop"}
            context["library"] = {"name": "analytics.js", "version": "2.1"}
            page["path"] = PATHS[kind]
        if campaign != NONE:
            origin = self._world.business.campaigns[campaign]
            fields = {"source": origin.source, "medium": origin.medium, "name": origin.name}
            if any(fields.values()):
                context["campaign"] = {key: value for key, value in fields.items() if value}
            if origin.referrer:
                page["referrer"] = origin.referrer
        if page:
            context["page"] = page
        return context


def _texts(at: Ints) -> list[str]:
    """Epoch milliseconds as ISO 8601 in UTC."""
    return [f"{text}Z" for text in np.datetime_as_string(at.astype("datetime64[ms]"), unit="ms").tolist()]


def _instants(at: Ints) -> list[datetime]:
    """Epoch milliseconds as aware instants in UTC."""
    return [naive.replace(tzinfo=UTC) for naive in at.astype("datetime64[ms]").tolist()]
