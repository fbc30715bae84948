"""One FastAPI application: the portal and its API, read-only on the published version.

Belongs here: choosing, formatting and drawing published numbers. Does not belong here: computing one (dbt_project; the
exception is the total over a free range, `adding.py`), what a dashboard holds (dashboards), and accepting events
(ingestion/collector).
"""
