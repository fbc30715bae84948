"""What a publication changes in `kpi_values`: the rows that go to the lake, so that as-of is a lookup."""

from datetime import datetime

import duckdb
import pyarrow as pa

KEY = "tenant, kpi, time_grain, period_start, dimension, dimension_value"
PARTS = "numerator, denominator, value, is_complete"


def changes(
    con: duckdb.DuckDBPyConnection,
    values: str,
    history: str,
    *,
    publication_id: str,
    published_at: datetime,
    corrected: bool,
    redefined: list[str],
) -> pa.Table:
    """The rows of `values` that differ from the last known state in `history`, and those that disappeared.

    `values` and `history` are relations of `con` (SQL). `corrected` says that a landing was rewritten since the last
    publication, `redefined` names the KPIs whose definition changed. The cause of a change: `first` (no earlier
    value), `new_data` (the period was not complete), `definition_change`, `correction`, else `late_data`.
    """
    return con.execute(
        f"""
        with
            last_known as (
                select * exclude (newest) from (
                    select *, row_number() over (partition by {KEY} order by published_at desc, publication_id desc)
                        as newest
                    from {history}
                ) where newest = 1
            ),
            differs as (
                select {KEY}, v.numerator, v.denominator, v.value, v.is_complete,
                    false as is_removed,
                    k.publication_id is null or k.is_removed as is_first,
                    k.is_complete as was_complete
                from {values} as v left join last_known as k using ({KEY})
                where k.publication_id is null or k.is_removed
                    or (v.numerator, v.denominator, v.is_complete)
                        is distinct from (k.numerator, k.denominator, k.is_complete)
                union all
                select {KEY}, null, null, null, k.is_complete, true, false, k.is_complete
                from last_known as k anti join {values} as v using ({KEY})
                where not k.is_removed
            )
        select
            cast($publication_id as varchar) as publication_id,
            cast($published_at as timestamp) as published_at,
            case
                when is_first then 'first'
                when not was_complete then 'new_data'
                when list_contains($redefined, kpi) then 'definition_change'
                when $corrected then 'correction'
                else 'late_data'
            end as cause,
            is_removed, {KEY}, {PARTS}
        from differs
        order by {KEY}
        """,
        {
            "publication_id": publication_id,
            "published_at": published_at,
            "corrected": corrected,
            "redefined": redefined,
        },
    ).to_arrow_table()
