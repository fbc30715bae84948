"""The persons of a tenant and their devices, as they will be found over the whole simulation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.business import Business
from ingestion.simulator.columns import DAY, HOUR, MINUTE, NONE, Bools, Floats, Ints, message_ids, stream, uuid_texts

BROWSERS = ("Chrome", "Edge", "Firefox", "Safari")
RAMP_DAYS = 180  # newcomers spread over so many days
PRESENT_AT_START = 0.65
COUNTRY_SHARE = 60  # of the country with most people, divided by the place of each other one
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Chen",
    "Dara",
    "Elif",
    "Femi",
    "Gita",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
    "Mina",
    "Noor",
)
LAST_NAMES = ("Abel", "Berg", "Costa", "Das", "Eder", "Fofana", "Gupta", "Horn", "Ito", "Jain", "Kaya", "Lund", "Meyer")


@dataclass(frozen=True)
class People:
    """Columns over persons; person `p` owns the devices `2p` and `2p + 1` (the second one only if `two`)."""

    arrives: Ints  # days after the first one
    rate: Floats  # visits a day, before the calendar's factors
    two: Bools
    country: Ints
    first_name: Ints
    last_name: Ints
    mobile: Bools  # per device: an app that sends screens, not pages
    skew: Ints  # per device: how far its clock is off, milliseconds
    anonymous_ids: list[str]  # per device

    @property
    def browser(self) -> Ints:
        """Index into `BROWSERS` per device: on phones the first and the last one."""
        number = np.arange(len(self.mobile)) // 2 % 5
        return np.where(self.mobile, np.where(number < 2, 0, 3), np.array((0, 0, 1, 2, 3))[number])

    @property
    def place(self) -> Ints:
        """The country each device sends from: its person's, now and then the first one; NONE where none tells."""
        device = np.arange(len(self.mobile))
        abroad = np.where(device % 14 == 13, 0, self.country[device // 2])
        return np.where(device % 10 == 9, NONE, abroad)

    def __len__(self) -> int:
        return len(self.rate)


def draw_people(business: Business, seed: int, count: int) -> People:
    """`count` persons; the same for the same seed and count."""
    rng = stream(seed, business.tenant, "people")
    late = rng.random(count) >= PRESENT_AT_START
    arrives = np.where(late, rng.integers(0, RAMP_DAYS, count), 0)
    return People(
        arrives=arrives,
        # Few people come often and many seldom.
        rate=rng.gamma(0.7, business.behaviour.visits_per_day / 0.7, count),
        two=rng.random(count) < business.behaviour.two_devices,
        country=_countries(rng, len(business.countries), count),
        first_name=rng.integers(0, len(FIRST_NAMES), count),
        last_name=rng.integers(0, len(LAST_NAMES), count),
        mobile=(np.arange(2 * count) % 2 == 1) | (rng.random(2 * count) < 0.3),
        skew=_skews(rng, 2 * count, business.disorder.wrong_clock),
        anonymous_ids=uuid_texts(*message_ids(rng, 2 * count)),
    )


def _countries(rng: np.random.Generator, known: int, count: int) -> Ints:
    """Most people live in the first country, half as many in the second, a third as many in the third, and so on."""
    places = np.repeat(np.arange(known), [COUNTRY_SHARE // (place + 1) for place in range(known)])
    return places[rng.integers(0, len(places), count)]


def _skews(rng: np.random.Generator, devices: int, share: float) -> Ints:
    """Clocks are right, or off by two minutes to three hours, or (one in five of those) by up to three days."""
    minutes = rng.integers(2 * MINUTE, 3 * HOUR, devices)
    days = rng.integers(3 * HOUR, 3 * DAY, devices)
    size = np.where(rng.random(devices) < 0.2, days, minutes)
    sign = np.where(rng.random(devices) < 0.5, 1, -1)
    return np.where(rng.random(devices) < share, size * sign, 0).astype(np.int64)


def role_of(person: Any) -> Any:
    """Index of the role that a person (a number, or an array of them) has among its business's two."""
    return (person % 7 == 0) * 1
