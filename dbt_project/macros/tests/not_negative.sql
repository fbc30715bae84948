{#- Passes if the column is in no row below 0. -#}
{% test not_negative(model, column_name) %} select * from {{ model }} where {{ column_name }} < 0 {% endtest %}
