"""Dagster: assets, checks, jobs, schedules. Thin: it calls the parts; nobody imports it."""
