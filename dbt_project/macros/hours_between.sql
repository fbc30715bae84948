{#- Hours from one timestamp to another. From whole seconds, so that no engine has a half to round its own way. -#}
{% macro hours_between(earlier, later) %}
    cast(floor(extract(epoch from ({{ later }} - {{ earlier }}))) / 3600.0 as decimal(18, 4))
{% endmacro %}
