"""One asset or family of assets per file: the lake, the dbt models, the verdict on arrivals, the published version."""
