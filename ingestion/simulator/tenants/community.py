"""Community: circles of people who fund projects and lend to each other; nothing is booked."""

from ingestion.simulator.business import Behaviour, Business, Campaign, Offer
from ingestion.simulator.concerns.behaviour import Behaviour as Browsers
from ingestion.simulator.concerns.care import Surveys, Tickets
from ingestion.simulator.concerns.funding import Ads, Float, Projects
from ingestion.simulator.concerns.loans import Loans
from ingestion.simulator.concerns.marketing import Channel, Leads, Notifications, Referrals
from ingestion.simulator.concerns.profiles import Memberships, Profiles
from ingestion.simulator.concerns.telemetry import Dashboards, Requests
from ingestion.simulator.concerns.trials import Trial

COMMUNITY = Business(
    tenant="community",
    source="web",
    users=1_500,
    share=0.24,
    user_prefix="member",
    roles=("backer", "creator"),
    countries=("Portugal", "Spain", "Brazil", "Angola"),
    queries=("school garden", "bakery", "solar roof", "repair shop", "football club"),
    direct=0.4,
    campaigns=(
        Campaign("social", 10, source="photos", medium="social", name="circle-stories"),
        Campaign("organic", 8, source="search", medium="organic"),
        Campaign("email", 6, source="newsletter", medium="email", name="new-projects"),
        Campaign("referral", 4, referrer="https://neighbours.example/board"),
    ),
    offer=Offer(
        prefix="project",
        count=180,
        categories=("education", "food", "energy", "sport", "culture"),
        cities=("Lisbon", "Porto", "Braga", "Faro"),
        price=(40_000, 600_000),
        units=(1,),
        commission=(500,),
        has_nights=False,
    ),
    behaviour=Behaviour(
        visits_per_day=0.13,
        weekdays=(1.0, 1.0, 1.0, 1.0, 1.0, 1.15, 1.25),
        growth_per_day=0.004,
        yearly_swing=0.1,
        hours=(0.02, 0.1, 0.2, 0.2, 0.35, 0.13),
        bounce=0.25,
        searches=1.0,
        listings=2.6,
        books=0.0,
        books_without_search=0.0,
        signs_up=0.3,
        logged_out=0.15,
        two_devices=0.3,
        cancels=0.0,
        cancel_days=(1, 2),
    ),
    supplier_prefix="organiser",
    groups=24,
    concerns=(
        Projects(),
        Ads(),
        Loans(per_day=2.0),
        Float(),
        Memberships(per_day=8.0),
        Profiles(per_day=4.0, roles=("member", "organiser", "lender")),
        Referrals(per_day=5.0),
        Notifications(per_day=25.0),
        Leads((Channel("social", 3.0, 0.3, 0.3, 4_000), Channel("organic", 2.0, 0.4, 0.4))),
        Surveys(per_day=4.0),
        Tickets(per_day=3.0),
        Browsers(clicks=0.3),
        Trial("pledge-buttons", base=0.12, lift=0.35),
        Requests(per_day=120.0, service="community-api"),
        Dashboards(people=4),
    ),
)
