{#- Passes if the column is 0 in every row; a null fails. -#}
{% test equals_zero(model, column_name) %}
    select * from {{ model }} where {{ column_name }} is distinct from 0
{% endtest %}
