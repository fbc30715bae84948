{#- Passes if no two rows share the model's grain (a list of columns; nulls count as equal). -#}
{% test unique_grain(model, columns) %}
    select {{ columns | join(", ") }} from {{ model }} group by {{ columns | join(", ") }} having count(*) > 1
{% endtest %}
