"""The published version once more, in PostgreSQL, where BI tools read it (`ALMANAC_SERVING_POSTGRES_DSN`).

The version file is the original, and `CURRENT` says which one is shown: PostgreSQL follows it. Here belongs what copies
a version, switches to it and keeps tenants apart; not what decides that something is published (`almanac/publish.py`).

| schema | holds | who may read it |
|---|---|---|
| `published` | the version that is current | the roles that were granted a tenant, each its own rows |
| `published_<version>` | the versions before it | the same |
| `published_access` | which role is whose, which version lies where | nobody but its owner |
"""

SERVED = "published"
ACCESS = "published_access"
EVERY_TENANT = "*"  # stands where a tenant would: no tenant can be called so


def schema_of(version_id: str) -> str:
    """The schema in which a version lies unless it is the one that is served."""
    return f"{SERVED}_{version_id.lower().replace('-', '_')}"
