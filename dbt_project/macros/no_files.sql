{#- A query that names no file: what a view over the lake needs while it is created. -#}
{% macro no_files() %} {{ return("select cast(null as varchar) as path where false") }}{% endmacro %}

{#- The query that names the files of one kind other than events. -#}
{% macro files_of(kind) %}
    {{ return("select f.path from " ~ source("ctl", "lake_file") ~ " as f where f.kind = '" ~ kind ~ "'") }}
{% endmacro %}
