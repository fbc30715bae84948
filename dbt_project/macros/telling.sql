{#-
    How often the thing with this id has been told to be in the `state` of a row, this time included: a thing comes to a
    state once, however often it is told. What has no states is told once (`none`); several columns make one state. Of
    `detail`, which may become known later, the tellings with one are counted apart. Without an id nothing is known to
    be told again.
-#}
{% macro telling(id, detail=none, state="status") %}
    {% set states = [] if state is none else [state] if state is string else state %}
    {% set told = ["tenant", id] + states + ([detail ~ " is null"] if detail else []) %}
    {% set number = "row_number() over (partition by " ~ told | join(", ") ~ " order by event_at, message_id)" %}
    {{ return("case when " ~ id ~ " is null then 1 else " ~ number ~ " end") }}
{% endmacro %}
