{{ config(pre_hook="{{ set_lake_files('events', no_files()) }}") }}

with landed as (select * from {{ lake_rows("events") }})

select
    {% if execute %}
        {% for column in lake_columns("events") %} {{ column }}{% if not loop.last %}, {% endif %} {% endfor %}
    {% else %} *
    {% endif %}
from landed
