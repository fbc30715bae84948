"""Batch sources: what is fetched or delivered rather than sent event by event.

Belongs here: one mapping per file source (`files/<name>.yml`) and the reading of such files. Does not belong here:
messages over HTTP (`ingestion/collector`), what an event may carry (`ingestion/tracking_plan`), files of the lake.
"""
