"""The core: settings, the one way to build, the one way to publish, the KPI catalogue, application state.

Belongs here: what every part needs and what no single part owns. Does not belong here: anything that knows
one event, one table or one page; that goes to the part that writes it.
"""
