"""The collector: an HTTP API that Segment's SDKs can send to, and a log on disk before anyone hears "success".

Belongs here: what happens between a request and the lake. Does not belong here: what an event may hold
(`ingestion/tracking_plan`, `ingestion/envelope.py`), files of the lake (`ingestion/lake.py`).

A request comes through a server (`rsgi` or `asgi`) to `core` (which address); it goes through `auth` (whose key),
`limits` (how much), `dialects` (where its events lie), `enrich` (what else is known of them) and `door` (which are fit)
into `wal` (durable); then it is answered. `flusher` lands the log.
"""
