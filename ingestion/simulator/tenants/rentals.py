"""Rentals: a marketplace for holiday homes, the large tenant."""

from ingestion.simulator.business import Behaviour, Business, Campaign, Offer
from ingestion.simulator.concerns.behaviour import Behaviour as Browsers
from ingestion.simulator.concerns.care import Reviews, Surveys, Tickets
from ingestion.simulator.concerns.engagement import Interest, Recommendations
from ingestion.simulator.concerns.fulfilment import Fulfilment
from ingestion.simulator.concerns.inquiries import Inquiries
from ingestion.simulator.concerns.marketing import Channel, Leads, Notifications
from ingestion.simulator.concerns.profiles import Profiles
from ingestion.simulator.concerns.supply import Supply
from ingestion.simulator.concerns.telemetry import Dashboards, Requests, Samples
from ingestion.simulator.concerns.trials import Flags, Trial

RENTALS = Business(
    tenant="rentals",
    source="web",
    users=6_300,
    share=1.0,
    user_prefix="guest",
    roles=("guest", "host"),
    countries=("Germany", "Netherlands", "Denmark", "France", "Italy", "Poland", "Austria", "United Kingdom"),
    queries=(
        "near the river",
        "two rooms",
        "with balcony",
        "pets allowed",
        "old town",
        "sea view",
        "family house",
        "quiet street",
        "near the fair",
        "with parking",
        "loft",
        "sauna",
    ),
    direct=0.38,
    campaigns=(
        Campaign("organic", 24, source="search", medium="organic"),
        Campaign("paid", 12, source="search", medium="cpc", name="city-breaks"),
        Campaign("paid", 5, source="adnet", medium="display", name="summer-homes"),
        Campaign("email", 9, source="newsletter", medium="email", name="weekend-ideas"),
        Campaign("social", 7, source="photos", medium="social", name="stories"),
        Campaign("affiliate", 4, source="travel-club", medium="affiliate", name="members"),
        Campaign("referral", 4, source="city-guide", medium="partner", name="guide"),
        Campaign("referral", 2, source="flat-swap"),
        Campaign("referral", 6, referrer="https://blog.example/ten-quiet-towns"),
    ),
    offer=Offer(
        prefix="home",
        count=420,
        categories=("apartment", "house", "room", "cabin", "boat"),
        cities=("Berlin", "Hamburg", "Munich", "Cologne", "Dresden", "Leipzig", "Bremen", "Lübeck"),
        price=(3_900, 42_000),
        units=(1, 2, 2, 3, 3, 4, 5, 7, 7, 14),
        commission=(1_000, 1_200, 1_200, 1_500),
        has_nights=True,
    ),
    behaviour=Behaviour(
        visits_per_day=0.135,
        weekdays=(0.95, 0.9, 0.92, 0.97, 1.05, 1.1, 1.2),
        growth_per_day=0.0015,
        yearly_swing=0.06,
        hours=(0.03, 0.13, 0.2, 0.21, 0.31, 0.12),
        bounce=0.22,
        searches=2.0,
        listings=2.3,
        books=0.1,
        books_without_search=0.02,
        signs_up=0.02,
        logged_out=0.2,
        two_devices=0.3,
        cancels=0.13,
        cancel_days=(1, 24),
    ),
    suppliers=130,
    supplier_prefix="host",
    is_whole=False,
    concerns=(
        Supply("property", units=1),
        Fulfilment(unit_days=1),
        Interest(impressions=0.6),
        Recommendations(shown=0.12),
        Inquiries(asks=0.055),
        Reviews(),
        Profiles(per_day=4.0, roles=("guest", "host")),
        Notifications(per_day=30.0),
        Leads((Channel("paid", 3.0, 0.3, 0.4, 30_000), Channel("organic", 3.0, 0.4, 0.4))),
        Surveys(per_day=6.0),
        Tickets(per_day=5.0),
        Browsers(clicks=0.12, leaves=0.12, vitals=0.015),
        Trial("photo-order", base=0.09, lift=0.15),
        Flags(),
        Requests(per_day=300.0),
        Samples(minutes=60),
        Dashboards(),
    ),
)
