{#-
    The one incremental strategy: replaces the rows of the changed keys and records what really differs.

    Old and new rows of the changed keys are compared by column name; only rows that differ propagate. Standing rows
    go by row locator and new rows come in, so entities that became empty disappear (built-in `delete+insert` would
    leave them). All statements belong to the model's own transaction.
-#}
{% macro get_incremental_replace_changed_sql(arg_dict) %}
    {% set spec = model.config.meta.incremental %}
    {% set target_relation = arg_dict["target_relation"] %}
    {% set new_rows = arg_dict["temp_relation"] %}
    {% set changed = model.name ~ "__changed" %}
    {% set old_rows = model.name ~ "__old" %}
    {% set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") %}
    {{ know_size(new_rows) }}
    {% if not spec.get("whole") %}
        {{
            raise_if(
                "select 1 from "
                ~ new_rows
                ~ " as n where not exists (select 1 from "
                ~ changed
                ~ " as c where "
                ~ is_changed(spec, "n")
                ~ ")",
                model.name ~ " made a row whose key is not among its changed keys",
            )
        }}
    {% endif %}
    {% if spec.get("propagates") %}
        {{ temp_table(model.name ~ "__differs", differing_rows(new_rows, old_rows, columns, spec)) }}
        {% if spec.get("since_query") %}
            {{ temp_table(model.name ~ "__since", context[spec.since_query]()) }}
        {% endif %}
        {% for passed in spec.propagates %}
            {% set entity = "cast(" ~ (passed.get("always") or "d." ~ passed.entity) ~ " as varchar)" %}
            insert into {{ source("ctl", "changed") }} (producer, kind, tenant, entity, since)
            select
                '{{ model.name }}',
                '{{ passed.kind }}',
                d.tenant,
            {{ entity }},
            {{ "min(" ~ passed.since ~ ")" if passed.get("since") else "cast(null as timestamp)" }}
            from {{ model.name }}__differs as d
            {% if spec.get("since_query") %}
                left join {{ model.name }}__since as s on s.tenant = d.tenant and s.{{ spec.key }} = d.{{ spec.key }}
            {% endif %}
            where {{ entity }} is not null{% if passed.get("where") %} and {{ passed.where }}{% endif %}
            group by d.tenant, {{ entity }};
        {% endfor %}
        drop table {{ model.name }}__differs;
        drop table if exists {{ model.name }}__since;
    {% endif %}
    delete from {{ target_relation }}
    where {{ row_locator() }} in (select o.row_locator from {{ old_rows }} as o)
    ;
    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ new_rows }};
    {% if not spec.get("whole") %} {{ note_replaced(spec, changed) }}{% endif %}
    drop table {{ old_rows }};
    drop table if exists {{ changed }};
{% endmacro %}

{#- Rows of keys that had none before differ without a look at their columns: most rows of an ordinary build. -#}
{% macro differing_rows(new_rows, old_rows, columns, spec) %}
    {% set known %}
        {% if not spec.get("whole") %}
            where {{ key_of(spec, "n") }} in (select {{ key_of(spec, "o") }} from {{ old_rows }} as o)
        {% endif %}
    {% endset %}
    {% set sql %}
        (select {{ columns }} from {{ old_rows }} except all select {{ columns }} from {{ new_rows }} as n {{ known }})
        union all
        (select {{ columns }} from {{ new_rows }} as n {{ known }} except all select {{ columns }} from {{ old_rows }})
        {% if not spec.get("whole") %}
            union all
            select {{ columns }}
            from {{ new_rows }} as n
            where {{ key_of(spec, "n") }} not in (select {{ key_of(spec, "o") }} from {{ old_rows }} as o)
        {% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
