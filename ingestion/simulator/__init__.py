"""A simulated business whose numbers are known: events as a real platform sends them, and the truth beside them.

Belongs here: what visitors of a tenant do (`people`, `visits`, `sessions`), how their events reach the door
(`disorder`), the messages themselves, the ground truth, and landing or sending them. Does not belong here: how an
event is judged or stored (tracking plan, lake), and anything that the warehouse computes - the truth comes from what
was planned, never from the lake.

The world of a tenant is a function of seed, users and first day alone and unfolds day by day, so a later run with a
later end continues it: what has landed already stays as it is.
"""

from ingestion.simulator.newest import send_newest
from ingestion.simulator.run import Simulation, simulate

__all__ = ["Simulation", "send_newest", "simulate"]
