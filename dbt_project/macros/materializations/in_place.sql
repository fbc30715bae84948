{#-
    Tables and views on DuckDB, made in place.

    dbt makes the new relation beside the old one, renames both and drops the old one after the commit, which is five
    statements more for each model. DuckDB takes a drop and what follows it back together when the transaction fails,
    and nobody reads a warehouse that is being built, so the old one can go first.
-#}
{% materialization table, adapter = "duckdb" %} {{ return(make_in_place("table")) }}{% endmaterialization %}

{% materialization view, adapter = "duckdb" %} {{ return(make_in_place("view")) }}{% endmaterialization %}

{#- Makes this model's relation and returns what dbt asks a materialization for. -#}
{% macro make_in_place(type) %}
    {% set existing = load_cached_relation(this) %}
    {% set relation = this.incorporate(type=type) %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {% if existing is not none %} drop {{ existing.type }} {{ existing }}
            ;
        {% endif %}
        {% if type == "view" %} {{ create_view_as(relation, compiled_code) }}
        {% else %} {{ create_table_as(false, relation, compiled_code) }}
        {% endif %}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({"relations": [relation]}) }}
{% endmacro %}
