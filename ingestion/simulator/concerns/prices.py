"""Prices of routes over time, as a process that forecasts can be checked against, and alerts about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, Floats, Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Today, chosen, iso_dates, money, ones


@dataclass(frozen=True)
class Quotes:
    """A price of each route and lead time each morning.

    log price = log base of the route + weekday of departure + season of departure + lead time + noise, where the noise
    of a route remembers its last value. Without noise the price can be computed, which is what a forecast should find.
    """

    leads: tuple[int, ...] = (3, 7, 14, 30, 60)  # days until departure
    memory: float = 0.8  # share of yesterday's noise that is left today
    noise: float = 0.03
    season: float = 0.18
    weekend: float = 0.10  # departures from Friday to Sunday
    last_minute: float = 0.35  # on the day of departure, falling by a factor e every ten days

    def planted(self) -> Mapping[str, Any]:
        """The parameters of the process."""
        return dict(self.__dict__)

    def expected(self, base: Ints, departs: Ints, lead: Ints) -> Floats:
        """The price without noise, in minor units."""
        season = self.season * np.sin(2 * np.pi * (departs % 365 - 80) / 365)
        weekend = self.weekend * ((departs - 1) % 7 >= 4)
        price: Floats = base.astype(np.float64) * np.exp(season + weekend + self.last_minute * np.exp(-lead / 10))
        return price

    def events_of(self, today: Today) -> Iterator[Batch]:
        """The quotes of the day."""
        rng, market = today.rng("quotes"), today.market
        routes, leads = len(market.listing), np.array(self.leads)
        before = today.memory.get("noise", np.zeros(routes))
        noise = self.memory * before + rng.normal(0, self.noise, routes)
        today.memory["noise"] = noise
        route, lead = np.repeat(np.arange(routes), len(leads)), np.tile(leads, routes)
        n = len(route)
        price = np.rint(self.expected(market.price[route], today.day + lead, lead) * np.exp(noise[route])).astype(
            np.int64
        )
        by = {
            "listing": market.listing[route],
            "lead_days": lead.astype(str),
            "route": market.origin[route] + "-" + market.destination[route],
        }
        yield Batch(
            "price_quoted",
            today.start + 4 * HOUR + rng.integers(0, HOUR, n),
            {
                "price": money(price),
                "listing_id": market.listing[route],
                "origin": market.origin[route],
                "destination": market.destination[route],
                "depart_date": iso_dates(today.day + lead),
                "cabin_class": ["economy"] * n,
                "provider": ["fares-api"] * n,
                "quantity": rng.integers(1, 10, n),
            },
            facts=(Fact("quotes", ones(n), by), Fact("quoted_price_amount", price, by, CENTS)),
        )


@dataclass(frozen=True)
class PriceAlerts:
    """Users who want to be told about a price: half of all in the end, some switch it off, messages are opened."""

    enables: float = 0.5  # of users
    disables: float = 0.15  # of those, after weeks
    messages: int = 3  # at most, one a week
    opens: float = 0.4

    def planted(self) -> Mapping[str, Any]:
        """Share of users with an alert, and of messages that are opened."""
        return {"enables": self.enables, "disables": self.disables, "opens": self.opens}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Alerts of the users who are new to the platform today."""
        seen: set[int] = today.memory.setdefault("seen", set())
        new = np.array([p for p in today.present.tolist() if p not in seen], dtype=np.int64)
        seen.update(new.tolist())
        rng, market = today.rng("alerts"), today.market
        new = new[rng.random(len(new)) < self.enables]
        n = len(new)
        ids, route = np.array(today.ids("PA", n) or [""], dtype=object), rng.integers(0, len(market.listing), n)
        price = market.price[route] * 9 // 10
        enabled = today.moments(rng, n, (20, 23))
        rows, at, status = [np.arange(n)], [enabled], ["enabled"]
        for week in range(1, self.messages + 1):
            sent = np.flatnonzero(rng.random(n) < 0.7)
            when = enabled[sent] + week * 7 * DAY + rng.integers(0, 12 * HOUR, len(sent))
            opened = rng.random(len(sent)) < self.opens
            rows += [sent, sent[opened]]
            at += [when, when[opened] + rng.integers(60_000, 6 * HOUR, int(opened.sum()))]
            status += ["sent", "opened"]
        off = np.flatnonzero(rng.random(n) < self.disables)
        rows.append(off)
        at.append(enabled[off] + rng.integers(22 * DAY, 30 * DAY, len(off)))
        status.append("disabled")
        row = np.concatenate(rows)
        states = np.repeat(np.array(status, dtype=object), [len(part) for part in rows])
        yield Batch(
            "price_alert_updated",
            np.concatenate(at),
            {
                "price_alert_id": ids[row],
                "status": states,
                "listing_id": market.listing[route[row]],
                "origin": market.origin[route[row]],
                "destination": market.destination[route[row]],
                "price": money(price[row]),
                "channel": chosen(rng, ("push", "email"), (3, 2), len(row)),
            },
            person=new[row],
            facts=(Fact("price_alerts", ones(len(row)), {"status": states}),),
        )
