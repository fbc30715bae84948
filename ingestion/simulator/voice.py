"""How a platform names its events and properties: the tenant's mapping in the tracking plan, read backwards."""

from dataclasses import dataclass

from ingestion.tracking_plan import Tenant


@dataclass(frozen=True)
class Naming:
    """The platform's own name of one event and of its properties."""

    event: str
    properties: dict[str, str]  # canonical -> own

    def key(self, canonical: str) -> str:
        """The platform's own name of a property."""
        return self.properties.get(canonical, canonical)


def namings(tenant: Tenant) -> dict[str, Naming]:
    """Canonical event -> the first of the platform's own names for it; events without one are missing here."""
    found: dict[str, Naming] = {}
    for own, alias in tenant.events.items():
        found.setdefault(alias.event, Naming(own, {canonical: name for name, canonical in alias.properties.items()}))
    return found


def naming(names: dict[str, Naming], event: str) -> Naming:
    """The naming of a canonical event; the canonical names where the platform has none of its own."""
    return names.get(event) or Naming(event, {})
