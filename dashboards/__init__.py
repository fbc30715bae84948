"""Dashboards as code: YAML that names KPIs, never SQL, read by the portal.

Belongs here: what a dashboard shows and where its cards lie, the shape of its files and their check. Does not belong
here: how a card is drawn (serving) and what a KPI means (its own file).
"""
