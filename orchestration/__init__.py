"""Dagster: assets, checks, jobs, schedules, and the demo that starts everything. Thin: it calls the parts.

Belongs here: when things run, in which order, and what people see of it. Does not belong here: anything that could be
done without Dagster; that lies in the part that owns it. Nobody imports this package.
"""
