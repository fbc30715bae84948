"""One file per simulated tenant: parameters of the common engine and nothing else."""

from almanac.errors import AlmanacError
from ingestion.simulator.business import Business
from ingestion.simulator.tenants.advisory import ADVISORY
from ingestion.simulator.tenants.community import COMMUNITY
from ingestion.simulator.tenants.equipment import EQUIPMENT
from ingestion.simulator.tenants.rentals import RENTALS
from ingestion.simulator.tenants.travel import TRAVEL

BUSINESSES: dict[str, Business] = {b.tenant: b for b in (RENTALS, ADVISORY, COMMUNITY, EQUIPMENT, TRAVEL)}
# Of whom visits alone are simulated unless it is asked for otherwise; those of `almanac simulate` where none is named.
VISITED: dict[str, Business] = {b.tenant: b for b in (RENTALS, ADVISORY)}


def business_of(tenant: str) -> Business:
    """The parameters of a simulated tenant; AlmanacError if there is none of that name."""
    if tenant not in BUSINESSES:
        raise AlmanacError(f"there is no simulated tenant {tenant!r}: choose from {', '.join(BUSINESSES)}")
    return BUSINESSES[tenant]


__all__ = ["BUSINESSES", "VISITED", "business_of"]
