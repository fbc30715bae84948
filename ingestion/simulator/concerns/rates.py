"""Rates of foreign currencies: a slow wave that everybody can compute, published each morning with its source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import HOUR
from ingestion.simulator.concerns.base import Batch, Fact, Today, iso_dates, ones


@dataclass(frozen=True)
class Currency:
    """A foreign currency and what one unit of it is worth on average, in the tenant's own."""

    code: str
    worth: float

    def rate(self, day: int) -> float:
        """The rate of a local day (ordinal), to six decimals."""
        wave = 0.03 * np.sin(2 * np.pi * day / 61) + 0.01 * np.sin(2 * np.pi * day / 9)
        return round(float(self.worth * (1 + wave)), 6)


@dataclass(frozen=True)
class Rates:
    """One rate of each currency a day, at half past six."""

    own: str  # the tenant's currency
    foreign: tuple[Currency, ...]
    provider: str = "central-bank"

    def planted(self) -> Mapping[str, Any]:
        """What each currency is worth on average."""
        return {currency.code: currency.worth for currency in self.foreign}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """The rates of the day."""
        n = len(self.foreign)
        codes = [currency.code for currency in self.foreign]
        rates = [currency.rate(today.day) for currency in self.foreign]
        yield Batch(
            "fx_rate_published",
            np.full(n, today.start + 6 * HOUR + HOUR // 2) + np.arange(n),
            {
                "currency": codes,
                "quote_currency": [self.own] * n,
                "rate": rates,
                "rate_date": iso_dates(np.full(n, today.day)),
                "provider": [self.provider] * n,
            },
            facts=(
                Fact("fx_rates", ones(n), {"currency": codes}),
                Fact(
                    "fx_rate_sum", np.rint(np.array(rates) * 1_000_000).astype(np.int64), {"currency": codes}, 1_000_000
                ),
            ),
        )
