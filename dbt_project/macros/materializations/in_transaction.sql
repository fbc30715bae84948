{#-
    Incremental models on DuckDB, in one transaction: new rows of the changed keys aside, then in place of the old ones.

    dbt's own makes a full refresh beside the old table and swaps the two, and asks for the columns of both tables five
    times and for the contract's once more, which means to plan the model's statement twice. Here the new rows are asked for
    theirs, which must be those of the table that they go into, and of the contract.
-#}
{% materialization incremental, adapter = "duckdb" %}
    {% if not is_incremental() %} {{ return(make_in_place("table")) }}{% endif %}
    {% set relation, new_rows = this.incorporate(type="table"), model.name ~ "__new" %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks) }}
    {% call statement("new_rows") %} {{ temp_table(new_rows, "(" ~ compiled_code ~ ")") }}{% endcall %}
    {% set places = {
        "target_relation": relation,
        "temp_relation": new_rows,
        "dest_columns": columns_of_both(relation, new_rows),
    } %}
    {% call statement("main") %}
        {{ get_incremental_replace_changed_sql(places) }} drop table {{ new_rows }}
        ;
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({"relations": [relation]}) }}
{% endmaterialization %}

{#- The columns of two tables, which must be the same in name and type, and keep the model's contract. -#}
{% macro columns_of_both(standing, made) %}
    {% set sql, columns, wrong = [], [], [] %}
    {% for table in (standing, made) %}
        {% do sql.append("select column_name, column_type from (describe " ~ table ~ ")") %}
    {% endfor %}
    {% set counted %}
        select column_name, column_type, count(*) as times from ({{ sql | join(" union all ") }}) group by all
    {% endset %}
    {% for name, type, times in run_query(counted).rows %}
        {% do (columns if times == 2 else wrong).append(api.Column(name, type)) %}
    {% endfor %}
    {% if wrong %}
        {% set named = wrong | map(attribute="name") | unique | sort | join(", ") %}
        {% do exceptions.raise_compiler_error(
            model.name
            ~ " makes other columns now than when it was made anew ("
            ~ named
            ~ "): select the same in both"
        ) %}
    {% endif %}
    {% if config.get("contract").enforced %} {% do assert_contract(compiled_code, columns) %} {% endif %}
    {{ return(columns) }}
{% endmacro %}
