"""How customers are won: leads and what channels cost, referrals, and messages to users."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, MINUTE, Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Table, Today, chosen, iso_dates, money, ones


@dataclass(frozen=True)
class Channel:
    """Leads of one channel: how many come, what share is qualified and won, and what the channel costs a day."""

    name: str
    per_day: float
    qualified: float
    won: float  # of the qualified ones
    cost: int = 0  # minor units a day


@dataclass(frozen=True)
class Leads:
    """Leads by channel from creation to their end, and the spending of the channels that cost something."""

    channels: tuple[Channel, ...]
    value: tuple[int, int] = (20_000, 400_000)  # minor units

    def planted(self) -> Mapping[str, Any]:
        """Shares of qualified and won leads by channel."""
        return {c.name: {"qualified": c.qualified, "won": c.won, "cost": c.cost} for c in self.channels}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Leads that come today with all that becomes of them, and today's spending."""
        rng = today.rng("leads")
        counts = [int(rng.poisson(today.rate(c.per_day))) for c in self.channels]
        number = np.repeat(np.arange(len(self.channels)), counts)
        n = len(number)
        channel = np.array([c.name for c in self.channels], dtype=object)[number]
        ids = np.array(today.ids("LD", n) or [""], dtype=object)
        value = rng.integers(*self.value, n)
        created = today.moments(rng, n)
        is_qualified = rng.random(n) < np.array([c.qualified for c in self.channels])[number]
        is_won = is_qualified & (rng.random(n) < np.array([c.won for c in self.channels])[number])
        second, third = created + rng.integers(HOUR, 2 * DAY, n), created + rng.integers(3 * DAY, 9 * DAY, n)
        for status, at, mask in (
            ("created", created, np.ones(n, dtype=np.bool_)),
            ("qualified", second, is_qualified),
            ("won", third, is_won),
            ("lost", third, ~is_won),
        ):
            rows = np.flatnonzero(mask)
            by = {"channel": channel[rows]}
            yield Batch(
                "lead_updated",
                at[rows],
                {
                    "lead_id": ids[rows],
                    "status": [status] * len(rows),
                    "channel": channel[rows],
                    "amount": money(value[rows]),
                },
                facts=(
                    Fact(f"leads_{status}", ones(len(rows)), by),
                    *((Fact("leads_won_amount", value[rows], by, CENTS),) if status == "won" else ()),
                ),
            )
        yield self._spending(today, rng)

    def _spending(self, today: Today, rng: np.random.Generator) -> Batch:
        dear = [c for c in self.channels if c.cost]
        n, names = len(dear), [c.name for c in dear]
        amount = np.array([c.cost for c in dear], dtype=np.int64) * rng.integers(80, 121, n) // 100
        clicks = amount // 45
        return Batch(
            "marketing_spend_recorded",
            np.full(n, today.start + 23 * HOUR) + np.arange(n),
            {
                "channel": names,
                "spend_date": iso_dates(np.full(n, today.day)),
                "amount": money(amount),
                "campaign": [f"{name}-always-on" for name in names],
                "impressions": clicks * 40,
                "clicks": clicks,
                "provider": ["adnet"] * n,
            },
            facts=(
                Fact("marketing_spend_amount", amount, {"channel": names}, CENTS),
                Fact("marketing_clicks", clicks, {"channel": names}),
            ),
        )


@dataclass(frozen=True)
class Referrals:
    """Invitations that users send, and what comes of them."""

    per_day: float
    signs_up: float = 0.3
    converts: float = 0.4  # of those that signed up
    reward: int = 1_000  # minor units

    def planted(self) -> Mapping[str, Any]:
        """Shares of invitations that lead to a sign-up, and of those to a customer."""
        return {"signs_up": self.signs_up, "converts": self.converts}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Invitations of the day."""
        rng = today.rng("referrals")
        n = int(rng.poisson(today.rate(self.per_day)))
        ids, person = np.array(today.ids("RF", n) or [""], dtype=object), today.somebody(rng, n)
        sent = today.moments(rng, n)
        signed = rng.random(n) < self.signs_up
        converted = signed & (rng.random(n) < self.converts)
        second, third = sent + rng.integers(HOUR, 3 * DAY, n), sent + rng.integers(4 * DAY, 10 * DAY, n)
        everybody = np.ones(n, dtype=np.bool_)
        for status, at, mask in (
            ("sent", sent, everybody),
            ("signed_up", second, signed),
            ("converted", third, converted),
        ):
            rows = np.flatnonzero(mask)
            reward = np.full(len(rows), self.reward if status == "converted" else 0)
            yield Batch(
                "referral_recorded",
                at[rows],
                {
                    "referral_id": ids[rows],
                    "status": [status] * len(rows),
                    "channel": ["email"] * len(rows),
                    "amount": money(reward),
                },
                person=person[rows],
                facts=(
                    Fact("referrals", ones(len(rows)), {"status": [status] * len(rows)}),
                    Fact("referral_rewards_amount", reward, scale=CENTS),
                ),
            )


@dataclass(frozen=True)
class Notifications:
    """Messages to users by template: sent, delivered or failed, opened, clicked."""

    per_day: float
    templates: tuple[str, ...] = ("weekly-digest", "saved-search", "reminder")
    channels: tuple[str, ...] = ("email", "push")
    failed: float = 0.02
    opened: tuple[float, ...] = (0.22, 0.35, 0.45)  # of those delivered, by template
    clicked: float = 0.25  # of those opened
    shares: tuple[float, ...] = field(default=(5, 3, 2))

    def planted(self) -> Mapping[str, Any]:
        """Shares of messages that fail, are opened (by template) and clicked."""
        return {"failed": self.failed, "opened": dict(zip(self.templates, self.opened, strict=True))}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Messages of the day."""
        rng = today.rng("notifications")
        n = int(rng.poisson(today.rate(self.per_day)))
        ids, person = np.array(today.ids("N", n) or [""], dtype=object), today.somebody(rng, n)
        kind = rng.choice(len(self.templates), size=n, p=np.array(self.shares) / sum(self.shares))
        template, channel = np.array(self.templates, dtype=object)[kind], chosen(rng, self.channels, (3, 2), n)
        failed = rng.random(n) < self.failed
        opened = ~failed & (rng.random(n) < np.array(self.opened)[kind])
        clicked = opened & (rng.random(n) < self.clicked)
        sent = today.moments(rng, n, (8, 18))
        read = sent + rng.integers(2 * MINUTE, 8 * HOUR, n)

        def told(status: str, at: Ints, mask: Any) -> Batch:
            rows = np.flatnonzero(mask)
            by: Table = {"status": [status] * len(rows), f"{status} template": template[rows]}
            return Batch(
                "notification_updated",
                at[rows],
                {
                    "notification_id": ids[rows],
                    "status": [status] * len(rows),
                    "template": template[rows],
                    "channel": channel[rows],
                },
                person=person[rows],
                facts=(Fact("notifications", ones(len(rows)), by),),
            )

        yield told("sent", sent, np.ones(n, dtype=np.bool_))
        yield told("failed", sent + 4_000, failed)
        yield told("delivered", sent + 4_000, ~failed)
        yield told("opened", read, opened)
        yield told("clicked", read + 20_000, clicked)
