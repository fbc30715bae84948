"""What builds and publications say to an OpenLineage endpoint, if one is configured.

Belongs here: the endpoint, the shape of events and facets, names of datasets, sending. Does not belong here: what a
model reads (`almanac/dbt_relations.py`), and when a build or publication begins and ends (`almanac/build.py`,
`almanac/publish.py`).
"""
