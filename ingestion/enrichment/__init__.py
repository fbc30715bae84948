"""Enrichment: what an event's user agent and address say about device, browser, system and place, while they are known.

Belongs here: what can be told from user agents, client hints, addresses and a proxy's headers. Does not belong here:
what the client itself states (it is never overridden), and where the result stands (`ingestion/collector/enrich.py`).
"""

from ingestion.enrichment.client_hints import from_headers, from_user_agent_data
from ingestion.enrichment.places import Places, open_places
from ingestion.enrichment.user_agents import Parts, describe, is_a_persons_device

__all__ = [
    "Parts",
    "Places",
    "describe",
    "from_headers",
    "from_user_agent_data",
    "is_a_persons_device",
    "open_places",
]
