"""Privacy between the door and the lake: who is suppressed, and what of an event is masked before it is stored.

Belongs here: recognising suppressed people and personal data, truncating addresses, and what becomes of them. Does not
belong here: where suppressed ids are kept (`almanac/state/suppressions.py`), policies (`ingestion/tracking_plan`).
"""
