"""Lands raw data, untouched, in the lake: collector, batch sources, simulator, tracking plan.

Belongs here: everything between the world and the lake. Does not belong here: any number computed from events
(dbt_project) and any judgement of how many arrived (expectations).
"""
