"""The quarantine: events that were refused, found again, explained, exported and replayed.

Belongs here: what people do with refused events. Does not belong here: why an event is refused
(`ingestion/tracking_plan`, `ingestion/collector/door.py`), where refused rows lie (`ingestion/lake.py`).
"""
