{#-
    Two CTEs for a model of single events by file: `accepted`, what counts of the events of these names (`fact_events`), and
    `landed`, the copies of the lake, which have every property with its declared type. Joined by `file_id` and `ingest_row`
    they are the events with their properties; of a run that is incremental only those of files that changed.
-#}
{% macro accepted_with_copies(events) %}
    accepted as (select * from {{ ref("fact_events") }} where {{ of_changed_files(events) }}),

    landed as (select * from {{ ref("stg_events") }} where {{ of_changed_files(events) }})
{% endmacro %}

{% macro of_changed_files(events) %}
    event in ('{{ events | join("', '") }}') {% if is_incremental() %} and {{ among_changed("file_id") }} {% endif %}
{% endmacro %}
