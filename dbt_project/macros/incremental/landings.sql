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

{#- The paths of the landings named in a changed-keys table whose key is file_id. -#}
{% macro landings_of(changed) %}
    {{
        return(
            "select f.path from "
            ~ source("ctl", "file")
            ~ " as f inner join "
            ~ changed
            ~ " as c on c.file_id = f.file_id where f.path is not null"
        )
    }}
{% endmacro %}
