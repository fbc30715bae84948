{#- A model's schema is its layer's name, on every engine: `marts.fact_events`, not `main_marts.fact_events`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
