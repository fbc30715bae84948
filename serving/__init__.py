"""One FastAPI application: the portal and its API, read-only on the published version."""
