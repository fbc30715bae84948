{#-
    The tenant-local date of a UTC timestamp, from a row of `ctl.local_day` joined on time zone and UTC date.

    `at time zone <column>` per row costs four times as much as this join and depends on each engine's zone tables.
-#}
{% macro local_date(timestamp_column, local_day) %}
    cast({{ local_time(timestamp_column, local_day) }} as date)
{% endmacro %}

{#- The hour of a tenant's local day, 0 to 23: on a day of 25 hours one of them is there twice. -#}
{% macro local_hour(timestamp_column, local_day) %}
    cast(extract(hour from {{ local_time(timestamp_column, local_day) }}) as smallint)
{% endmacro %}

{#- An hour as the value of a dimension, `00` to `23`. -#}
{% macro hour_of_day(hour) %}
    {#- Cut out of the day's hours: to fill a number up with zeros takes twice as long, in millions of rows. -#}
    {% set hours = [] %}
    {% for number in range(24) %} {% do hours.append("%02d" % number) %} {% endfor %}
    cast(substr('{{ hours | join }}', cast({{ hour }} as integer) * 2 + 1, 2) as varchar)
{% endmacro %}

{% macro local_time(timestamp_column, local_day) %}
    {{ timestamp_column }} + coalesce(
        case
            when {{ local_day }}.changes_at <= {{ timestamp_column }}
            then {{ local_day }}.offset_after_seconds
            else {{ local_day }}.offset_seconds
        end,
        0
    )
    * interval '1 second'
{% endmacro %}

{#- What those need of each tenant: a row per UTC date. -#}
{% macro local_days() %}
    select t.tenant, d.utc_date, d.offset_seconds, d.changes_at, d.offset_after_seconds
    from {{ source("ctl", "tenant") }} as t
    inner join {{ source("ctl", "local_day") }} as d on d.time_zone = t.time_zone
{% endmacro %}
