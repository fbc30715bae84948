{#- The names of a JSON object (text) as an array: one value, so that equal sets of names can be grouped. -#}
{% macro json_names(object) %} {{ return(adapter.dispatch("json_names")(object)) }}{% endmacro %}

{% macro duckdb__json_names(object) %} {{ return("json_keys(" ~ object ~ ")") }}{% endmacro %}

{% macro postgres__json_names(object) %}
    {{ return("(select array_agg(k.name) from json_object_keys(cast(" ~ object ~ " as json)) as k(name))") }}
{% endmacro %}

{#- The shape of a JSON object (text): the same text for objects whose members have the same names and types. -#}
{% macro json_shape(object) %} {{ return(adapter.dispatch("json_shape")(object)) }}{% endmacro %}

{% macro duckdb__json_shape(object) %} {{ return("cast(json_structure(" ~ object ~ ") as varchar)") }}{% endmacro %}

{% macro postgres__json_shape(object) %}
    {{
        return(
            "(select cast(jsonb_object_agg(m.key, jsonb_typeof(m.value)) as text) from jsonb_each(cast("
            ~ object
            ~ " as jsonb)) as m)"
        )
    }}
{% endmacro %}

{#- Joins every member of a shape as `name` and `json_type` (string, number, boolean, object, array, null). -#}
{% macro lateral_json_types(shape) %} {{ return(adapter.dispatch("lateral_json_types")(shape)) }}{% endmacro %}

{% macro duckdb__lateral_json_types(shape) %}
    {{
        return(
            "cross join lateral (select m.key as name, case m.type when 'OBJECT' then 'object' when 'ARRAY' then 'array'"
            ~ " else case m.value ->> '$' when 'VARCHAR' then 'string' when 'BOOLEAN' then 'boolean'"
            ~ " when 'NULL' then 'null' else 'number' end end as json_type from json_each("
            ~ shape
            ~ ") as m) as members"
        )
    }}
{% endmacro %}

{% macro postgres__lateral_json_types(shape) %}
    {{
        return(
            "cross join lateral (select m.key as name, m.value as json_type from jsonb_each_text(cast("
            ~ shape
            ~ " as jsonb)) as m) as members"
        )
    }}
{% endmacro %}
