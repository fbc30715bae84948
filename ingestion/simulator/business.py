"""What one tenant's file says about its business; the engine knows nothing else about a tenant."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.simulator.concerns.base import Concern

CHANNELS = ("direct", "paid", "organic", "email", "social", "affiliate", "referral")
DIRECT = 0


@dataclass(frozen=True)
class Campaign:
    """The trace that a visit's origin leaves in the first event's context; `None` fields are left out."""

    channel: str  # the channel that the rules must read out of the other fields
    weight: float  # relative share among all campaigns
    source: str | None = None
    medium: str | None = None
    name: str | None = None
    referrer: str | None = None


@dataclass(frozen=True)
class Offer:
    """What is listed and booked. Amounts are in minor units (cent, paisa) of the tenant's currency."""

    prefix: str  # of listing ids
    count: int
    categories: tuple[str, ...]
    cities: tuple[str, ...]
    price: tuple[int, int]  # lowest and highest for one unit
    units: tuple[int, ...]  # how many units a booking takes (nights), drawn evenly
    commission: tuple[int, ...]  # basis points, drawn evenly
    has_nights: bool


@dataclass(frozen=True)
class Behaviour:
    """How often people come and what they do then; probabilities unless another unit is named."""

    visits_per_day: float  # of an average person, before the factors below
    weekdays: tuple[float, ...]  # factor per weekday, Monday first
    growth_per_day: float  # factor added per day since the first one
    yearly_swing: float  # amplitude of the slow wave over a year
    hours: tuple[float, ...]  # share of each slot of the day (see visits.SLOTS)
    bounce: float  # visits that see one page only
    searches: float  # mean number in a visit that does not bounce
    listings: float  # mean number of listing views in such a visit
    books: float  # of visits that searched and viewed a listing
    books_without_search: float  # of visits that viewed a listing only
    signs_up: float  # of visits by someone unknown on this device
    logged_out: float  # of visits on a known device
    two_devices: float  # of persons
    cancels: float  # of bookings
    cancel_days: tuple[int, int]  # earliest and latest
    dip: tuple[int, int, float] = (0, 0, 1.0)  # first day, days, and by what bookings are multiplied on them


@dataclass(frozen=True)
class Disorder:
    """How delivery goes wrong; shares."""

    offline: float = 0.02  # of visits: their tail arrives hours to days late
    copied: float = 0.01  # of events: delivered twice
    copied_next_day: float = 0.15  # of the copies
    altered: float = 0.1  # of the copies: other content under the same id
    wrong_clock: float = 0.02  # of devices: minutes to days off
    retold: float = 0.01  # of what systems tell of the state of a thing: told again under another id
    refused: float = 0.0015  # events that break the tracking plan, beside each good one


@dataclass(frozen=True)
class Business:
    """One simulated tenant: its parameters over the common engine."""

    tenant: str
    source: str
    users: int  # persons by default
    share: float  # of the users that are asked for, where several tenants are simulated
    user_prefix: str
    countries: tuple[str, ...]
    roles: tuple[str, str]  # what new users want to be: most of them the first, every seventh the second
    queries: tuple[str, ...]
    campaigns: tuple[Campaign, ...]
    direct: float  # share of visits without any campaign
    offer: Offer
    behaviour: Behaviour
    disorder: Disorder = field(default_factory=Disorder)
    suppliers: int = 40
    supplier_prefix: str = "supplier"
    groups: int = 0  # communities
    airports: tuple[str, ...] = ()  # where listings are routes between places
    providers: tuple[str, ...] = ("own-desk", "partner-hub", "resale-net")  # listings in turn are booked through them
    is_detailed: bool = False  # bookings say supplier, provider and hours
    concerns: tuple["Concern", ...] = ()
    is_whole: bool = True  # the concerns are simulated unless it is said otherwise
