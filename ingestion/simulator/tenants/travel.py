"""Travel: search and booking of flights, whose prices move every day."""

from ingestion.simulator.business import Behaviour, Business, Campaign, Offer
from ingestion.simulator.concerns.behaviour import Behaviour as Browsers
from ingestion.simulator.concerns.care import Reviews, Surveys, Tickets
from ingestion.simulator.concerns.engagement import Interest, Recommendations, Steps
from ingestion.simulator.concerns.fulfilment import Fulfilment
from ingestion.simulator.concerns.marketing import Channel, Leads, Notifications
from ingestion.simulator.concerns.prices import PriceAlerts, Quotes
from ingestion.simulator.concerns.profiles import Profiles
from ingestion.simulator.concerns.rates import Currency, Rates
from ingestion.simulator.concerns.supply import Supply
from ingestion.simulator.concerns.telemetry import Requests, Samples
from ingestion.simulator.concerns.trials import Flags, Trial

FOREIGN = (Currency("EUR", 1.09), Currency("CAD", 0.73))

TRAVEL = Business(
    tenant="travel",
    source="web",
    users=2_000,
    share=0.32,
    user_prefix="traveller",
    roles=("traveller", "agent"),
    countries=("United States", "Canada", "Mexico", "United Kingdom"),
    queries=("weekend", "beach", "city break", "family", "nonstop", "any dates"),
    direct=0.35,
    campaigns=(
        Campaign("paid", 10, source="search", medium="cpc", name="cheap-flights"),
        Campaign("organic", 10, source="search", medium="organic"),
        Campaign("affiliate", 8, source="fare-compare", medium="affiliate", name="deals"),
        Campaign("email", 4, source="newsletter", medium="email", name="fare-drops"),
        Campaign("social", 3, source="photos", medium="social", name="places"),
    ),
    offer=Offer(
        prefix="route",
        count=40,
        categories=("short-haul", "long-haul"),
        cities=("New York", "Boston", "Toronto", "Mexico City", "Lisbon", "Paris"),
        price=(7_900, 95_000),
        units=(1, 1, 2, 2, 4),
        commission=(400, 600),
        has_nights=False,
    ),
    behaviour=Behaviour(
        visits_per_day=0.11,
        weekdays=(1.1, 1.1, 1.0, 1.0, 0.9, 0.9, 1.1),
        growth_per_day=0.002,
        yearly_swing=0.15,
        hours=(0.04, 0.14, 0.2, 0.2, 0.3, 0.12),
        bounce=0.24,
        searches=2.6,
        listings=2.0,
        books=0.09,
        books_without_search=0.02,
        signs_up=0.04,
        logged_out=0.25,
        two_devices=0.35,
        cancels=0.1,
        cancel_days=(1, 20),
        dip=(11, 1, 0.4),
    ),
    suppliers=6,
    supplier_prefix="airline",
    providers=("northair", "eastwind", "bluejet", "farelink"),
    airports=("JFK", "BOS", "YYZ", "MEX", "LIS", "CDG", "MIA"),
    is_detailed=True,
    concerns=(
        Supply("flight", changes=0.0),
        Fulfilment(foreign=FOREIGN, tax=0, fails=0.02),
        Quotes(),
        PriceAlerts(),
        Rates("USD", FOREIGN),
        Interest(impressions=0.8, saves=0.08),
        Recommendations(shown=0.15),
        Steps(),
        Browsers(),
        Trial("price-display", base=0.10, lift=0.2),
        Trial("surge-badges", base=0.10, lift=0.4, taken=0.5),
        Trial("surge-badges-switchback", base=0.10, lift=0.4, taken=0.5, is_switchback=True),
        Flags((("new-results", 0.3), ("fast-checkout", 1.0))),
        Profiles(per_day=3.0, roles=("traveller",), plans=("free", "club")),
        Notifications(per_day=40.0, templates=("fare-drop", "check-in", "weekly-digest")),
        Leads((Channel("paid", 5.0, 0.5, 0.3, 25_000), Channel("affiliate", 3.0, 0.5, 0.35, 6_000))),
        Surveys(per_day=5.0),
        Reviews(),
        Tickets(per_day=6.0),
        Requests(per_day=500.0, service="fares-api"),
        Samples(minutes=30),
    ),
)
