"""The tracking plan: which events exist, what they carry, and what each platform calls them.

Belongs here: one YAML contract per event, `common.yml`, `tenants/*.yml`, and the code that loads them and judges a
message by them. Does not belong here: times, identity and rows (`ingestion/envelope.py`), files (`ingestion/lake.py`).
"""

from ingestion.tracking_plan.contracts import Reason
from ingestion.tracking_plan.docs import dictionary
from ingestion.tracking_plan.judge import Judged, judge
from ingestion.tracking_plan.load import load_plan, read_plan
from ingestion.tracking_plan.model import (
    Accepted,
    Alias,
    Column,
    Common,
    ContextPath,
    EventContract,
    Limits,
    Plan,
    Property,
    Source,
    Tenant,
)
from ingestion.tracking_plan.values import Unfit, parse_money, parse_time

__all__ = [
    "Accepted",
    "Alias",
    "Column",
    "Common",
    "ContextPath",
    "EventContract",
    "Judged",
    "Limits",
    "Plan",
    "Property",
    "Reason",
    "Source",
    "Tenant",
    "Unfit",
    "dictionary",
    "judge",
    "load_plan",
    "parse_money",
    "parse_time",
    "read_plan",
]
