{#-
    `wanted`, a condition on events, looked at only in rows that were found for `changed` keys: alone it would be judged on
    all events first, or keep other conditions out of the storage. A tenant is never null.
-#}
{% macro of_few(wanted, changed) %} {{ return("(" ~ wanted ~ " or " ~ changed ~ ".tenant is null)") }}{% endmacro %}
