"""What happens around the visits of a business, one file a concern: supply, money, funding, fleet, care, telemetry.

Belongs here: planning a day's events of one concern and what they add to the truth, both from the same numbers. Does
not belong here: visits, sessions and bookings themselves (`visits`, `sessions`), how events reach the door
(`disorder`), how they are written (`messages`). Each concern draws from random streams of its own, so that switching
one on changes nothing else.
"""
