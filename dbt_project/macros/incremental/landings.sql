{#- Queries over the load log that give lake paths. -#}
{% macro all_landings() %}
    {{ return("select f.path from " ~ source("ctl", "file") ~ " as f where f.path is not null") }}
{% endmacro %}

{% macro pending_landings() %}
    {{
        return(
            "select f.path from "
            ~ source("ctl", "file")
            ~ " as f where f.path is not null and f.version is distinct from f.built_version"
        )
    }}
{% endmacro %}

{#- All files of a kind. -#}
{% macro all_files(kind) %} {{ return(all_landings() if kind == "events" else files_of(kind)) }}{% endmacro %}

{#- The files of a kind that a changed-keys table names, by landing or by their hash. -#}
{% macro files_among(kind, changed) %}
    {% set sql %}
        {% if kind == "events" %}
            select f.path
            from {{ source("ctl", "file") }} as f
            inner join {{ changed }} as c on c.file_id = f.file_id
            where f.path is not null
        {% else %}
            select f.path
            from {{ source("ctl", "lake_file") }} as f
            inner join {{ changed }} as c on c.tenant = f.tenant and c.file_hash = f.file_hash
            where f.kind = '{{ kind }}'
        {% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
