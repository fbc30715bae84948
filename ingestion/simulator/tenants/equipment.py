"""Equipment: rental of stages, light and power for events, brought and fetched; accounts pay monthly."""

from ingestion.simulator.business import Behaviour, Business, Campaign, Offer
from ingestion.simulator.concerns.behaviour import Behaviour as Browsers
from ingestion.simulator.concerns.care import Surveys, Tickets
from ingestion.simulator.concerns.fleet import Fleet
from ingestion.simulator.concerns.fulfilment import Fulfilment
from ingestion.simulator.concerns.inquiries import Inquiries
from ingestion.simulator.concerns.marketing import Channel, Leads, Notifications
from ingestion.simulator.concerns.profiles import Profiles
from ingestion.simulator.concerns.rates import Currency, Rates
from ingestion.simulator.concerns.subscriptions import Subscriptions
from ingestion.simulator.concerns.supply import Supply
from ingestion.simulator.concerns.telemetry import Dashboards, Requests, Samples

FOREIGN = (Currency("GBP", 1.16), Currency("USD", 0.92))

EQUIPMENT = Business(
    tenant="equipment",
    source="web",
    users=1_000,
    share=0.16,
    user_prefix="planner",
    roles=("renter", "owner"),
    countries=("Netherlands", "Belgium", "Germany", "United Kingdom"),
    queries=("stage 6x4", "generator", "line array", "truss", "heater", "tent 10x20"),
    direct=0.45,
    campaigns=(
        Campaign("organic", 8, source="search", medium="organic"),
        Campaign("paid", 6, source="search", medium="cpc", name="event-season"),
        Campaign("email", 5, source="newsletter", medium="email", name="stock-list"),
        Campaign("referral", 3, source="venue-finder", medium="partner", name="venues"),
    ),
    offer=Offer(
        prefix="sku",
        count=90,
        categories=("stage", "light", "sound", "power", "tent"),
        cities=("Amsterdam", "Rotterdam", "Utrecht", "Eindhoven", "Antwerp"),
        price=(4_000, 90_000),
        units=(1, 2, 2, 3, 5),
        commission=(3_000, 3_500),
        has_nights=False,
    ),
    behaviour=Behaviour(
        visits_per_day=0.12,
        weekdays=(1.25, 1.25, 1.2, 1.15, 1.1, 0.5, 0.35),
        growth_per_day=0.001,
        yearly_swing=0.3,
        hours=(0.02, 0.22, 0.3, 0.28, 0.12, 0.06),
        bounce=0.2,
        searches=1.5,
        listings=2.4,
        books=0.16,
        books_without_search=0.05,
        signs_up=0.05,
        logged_out=0.15,
        two_devices=0.2,
        cancels=0.08,
        cancel_days=(1, 10),
    ),
    suppliers=3,
    supplier_prefix="depot",
    is_detailed=True,
    concerns=(
        Supply("equipment", hours=20, units=2),
        Fulfilment(hours_of_unit=10, foreign=FOREIGN, tax=21),
        Fleet(depots=("depot-000", "depot-001", "depot-002")),
        Subscriptions(per_day=1.5, plans=(("crew", 9_900), ("venue", 29_900), ("festival", 89_900))),
        Rates("EUR", FOREIGN),
        Inquiries(asks=0.1, asks_first=0.5),
        Leads(
            (
                Channel("paid", 4.0, 0.35, 0.25, 18_000),
                Channel("organic", 3.0, 0.45, 0.3),
                Channel("referral", 1.5, 0.6, 0.5),
                Channel("email", 1.0, 0.5, 0.3, 1_500),
            )
        ),
        Surveys(per_day=5.0),
        Tickets(per_day=6.0),
        Profiles(per_day=2.0, roles=("planner", "buyer"), plans=("crew", "venue", "festival")),
        Notifications(per_day=12.0),
        Browsers(clicks=0.3),
        Requests(per_day=150.0, service="rental-api"),
        Samples(minutes=60),
        Dashboards(people=10),
    ),
)
