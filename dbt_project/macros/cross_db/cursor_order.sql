{#-
    A text that sorts as the cursors of fetched rows should: a time with date and offset as its instant in UTC with
    microseconds, whatever it was written like; any other cursor as it is, none as the least. What APIs give now lands in
    this form; what landed as it came is still there.
-#}
{% macro cursor_order(cursor) %} {{ return(adapter.dispatch("cursor_order")(cursor)) }}{% endmacro %}

{#- Strict, because a cast on PostgreSQL fails for what is no time: such as 0000-00-00T00:00:00Z. -#}
{% macro _cursor_instant() %}
    {{
        return(
            "^(0[1-9]|[1-9][0-9])[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
            ~ "([.][0-9]+)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
        )
    }}
{% endmacro %}

{% macro duckdb__cursor_order(cursor) %}
    {{
        return(
            "coalesce(case when regexp_matches("
            ~ cursor
            ~ ", '"
            ~ _cursor_instant()
            ~ "') then strftime(make_timestamp(epoch_us(try_cast("
            ~ cursor
            ~ " as timestamptz))), '%Y-%m-%dT%H:%M:%S.%fZ') end, "
            ~ cursor
            ~ ", '')"
        )
    }}
{% endmacro %}

{% macro postgres__cursor_order(cursor) %}
    {{
        return(
            "coalesce(case when regexp_like("
            ~ cursor
            ~ ", '"
            ~ _cursor_instant()
            ~ "') then case when cast(substr("
            ~ cursor
            ~ ", 9, 2) as integer) <= extract(day from cast(substr("
            ~ cursor
            ~ ", 1, 8) || '01' as date) + interval '1 month' - interval '1 day') then to_char(cast("
            ~ cursor
            ~ " as timestamptz) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') end end, "
            ~ cursor
            ~ ", '')"
        )
    }}
{% endmacro %}
