{#- Passes if the column, added up, gives the number of rows of another relation. -#}
{% test adds_up_to_rows(model, column_name, of) %}
    select 1 as differs
    where (select coalesce(sum({{ column_name }}), 0) from {{ model }}) <> (select count(*) from {{ of }})
{% endtest %}
