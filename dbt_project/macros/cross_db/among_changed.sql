{#-
    The condition that a column is one of this model's changed keys, for keys without a time: landings.

    A few keys are also named one by one: that is judged in the storage, before any other column of a row is read.
-#}
{% macro among_changed(column) %}
    {% set key = model.config.meta.incremental.key %}
    {{ return(column ~ " in (select c." ~ key ~ " from " ~ model.name ~ "__changed as c)" ~ among_few(column)) }}
{% endmacro %}

{% macro among_few(column) %} {{ return(adapter.dispatch("among_few")(column)) }}{% endmacro %}

{% macro duckdb__among_few(column) %}
    {% set few = "getvariable('" ~ model.name ~ "__few')" %}
    {{ return(" and (" ~ few ~ " is null or " ~ column ~ " in " ~ few ~ ")") }}
{% endmacro %}

{% macro postgres__among_few(column) %} {{ return("") }}{% endmacro %}

{#- A statement that prepares `among_changed`: the changed keys, unless comparing with each costs more than it saves. -#}
{% macro know_few(changed, key) %} {{ return(adapter.dispatch("know_few")(changed, key)) }}{% endmacro %}

{% macro duckdb__know_few(changed, key) %}
    {% set sql %}
        set variable {{ model.name }}__few = (
            select case when count(*) <= 500 then coalesce(list(c.{{ key }}), []) end from {{ changed }} as c
        );
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__know_few(changed, key) %} {{ return("") }}{% endmacro %}
