"""Advisory: a small marketplace for accountants' services, in a time zone with a half-hour offset."""

from ingestion.simulator.business import Behaviour, Business, Campaign, Disorder, Offer
from ingestion.simulator.concerns.care import Reviews, Surveys, Tickets
from ingestion.simulator.concerns.fulfilment import Fulfilment
from ingestion.simulator.concerns.inquiries import Inquiries
from ingestion.simulator.concerns.profiles import Profiles
from ingestion.simulator.concerns.subscriptions import Subscriptions
from ingestion.simulator.concerns.supply import Supply
from ingestion.simulator.concerns.telemetry import Requests
from ingestion.simulator.concerns.trials import Flags, Trial

ADVISORY = Business(
    tenant="advisory",
    source="web",
    users=180,
    share=0.03,
    user_prefix="client",
    roles=("client", "adviser"),
    countries=("India", "Singapore", "United Arab Emirates"),
    queries=("tax return", "gst registration", "audit", "payroll", "company formation", "second opinion"),
    direct=0.5,
    campaigns=(
        Campaign("organic", 10, source="search", medium="organic"),
        Campaign("paid", 5, source="search", medium="ppc", name="filing-season"),
        Campaign("email", 4, source="newsletter", medium="email", name="deadlines"),
        Campaign("referral", 3, referrer="https://founders.example/forum"),
    ),
    offer=Offer(
        prefix="adviser",
        count=24,
        categories=("tax", "audit", "payroll", "formation"),
        cities=("Mumbai", "Pune", "Bengaluru"),
        price=(150_000, 2_500_000),
        units=(1,),
        commission=(800, 1_000),
        has_nights=False,
    ),
    behaviour=Behaviour(
        visits_per_day=0.14,
        weekdays=(1.25, 1.2, 1.15, 1.15, 1.1, 0.6, 0.4),
        growth_per_day=0.001,
        yearly_swing=0.2,
        hours=(0.02, 0.2, 0.32, 0.26, 0.13, 0.07),
        bounce=0.2,
        searches=1.4,
        listings=1.8,
        books=0.14,
        books_without_search=0.05,
        signs_up=0.04,
        logged_out=0.15,
        two_devices=0.25,
        cancels=0.1,
        cancel_days=(1, 10),
    ),
    disorder=Disorder(offline=0.03, copied=0.015, wrong_clock=0.03, refused=0.003),
    suppliers=24,
    supplier_prefix="firm",
    is_whole=False,
    concerns=(
        Supply("service", hours=8, closed_on_weekends=True),
        Fulfilment(hours_of_unit=6, tax=18),
        Inquiries(asks=0.1, hours=5.0),
        Subscriptions(per_day=0.3, plans=(("solo", 150_000), ("company", 600_000)), base=10, tax=18),
        Reviews(),
        Surveys(per_day=2.0),
        Tickets(per_day=2.0),
        Profiles(per_day=1.0, roles=("client", "adviser")),
        Trial("fee-display", base=0.15, lift=0.4),
        Flags(),
        Requests(per_day=60.0, service="advisory-api"),
    ),
)
