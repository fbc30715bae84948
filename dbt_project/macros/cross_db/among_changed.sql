{#-
    The condition that a column is one of this model's changed keys, for keys without a time: landings.

    Few keys are looked for in a set first: that is judged in the storage, before any other column of a row is read.
-#}
{% macro among_changed(column) %}
    {% set key = model.config.meta.incremental.key %}
    {{ return(column ~ " in (select c." ~ key ~ " from " ~ model.name ~ "__changed as c)" ~ among_few(column)) }}
{% endmacro %}

{% macro among_few(column) %} {{ return(adapter.dispatch("among_few")(column)) }}{% endmacro %}

{% macro duckdb__among_few(column) %}
    {{ return(" and " ~ in_key_set(column, model.config.meta.incremental.key_type, model.name ~ "__keys")) }}
{% endmacro %}

{% macro postgres__among_few(column) %} {{ return("") }}{% endmacro %}

{#- A statement that prepares `among_changed`: the set of the changed keys. -#}
{% macro know_few(changed, key) %} {{ return(adapter.dispatch("know_few")(changed, key)) }}{% endmacro %}

{% macro duckdb__know_few(changed, key) %}
    {% set sql %}
        set variable {{ model.name }}__keys = (
            select {{ key_set("c." ~ key, model.config.meta.incremental.key_type) }} from {{ changed }} as c
        );
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__know_few(changed, key) %} {{ return("") }}{% endmacro %}
