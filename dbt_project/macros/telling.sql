{#-
    How often the thing with this id has been told to be in the `status` of a row, this time included: a thing comes to a
    state once, however often it is told. Of `detail`, which may become known later, the tellings with one are counted apart.
-#}
{% macro telling(id, detail=none) %}
    {% set told = ["tenant", id, "status"] + ([detail ~ " is null"] if detail else []) %}
    {{ return("row_number() over (partition by " ~ told | join(", ") ~ " order by event_at, message_id)") }}
{% endmacro %}
