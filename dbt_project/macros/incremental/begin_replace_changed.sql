{#-
    Pre-hook of every `replace_changed` model; runs inside the model's own transaction.

    The model's `meta.incremental` says
      key         the column whose values are replaced; with `tenant` it is the model's unit of replacement
      key_type    its SQL type
      changed     where the changed keys come from: `pending` (landings not yet built; only models that read the
                  lake), `relation` (a table with tenant and the key) or `producer` + `kind` (what that model propagated)
      propagates  what this model passes on: kind, the expression that names the entity, and optionally `where`
      lake        true if the model reads the lake

    It leaves two temporary tables: `<model>__changed` (tenant, key) and `<model>__old` (the standing rows of those
    keys). On a full refresh it only points the lake at all files.
-#}
{% macro begin_replace_changed() %}
    {% if not execute %} {{ return("") }}{% endif %}
    {% set spec = model.config.meta.incremental %}
    {% if not is_incremental() %}
        {{ return(set_lake_files("events", all_landings()) if spec.get("lake") else "") }}
    {% endif %}
    {% set changed = model.name ~ "__changed" %}
    {% set sql %}
        {% if spec.get("prepare") %}{{ context[spec.prepare]() }}{% else %}
            {{ temp_table(changed, changed_keys(spec)) }}
        {% endif %}
        {{ temp_table(model.name ~ "__old", standing_rows(spec, changed)) }}
        {% if spec.get("lake") and not spec.get("prepare") %}
            {{ set_lake_files("events", landings_of(changed)) }}
        {% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The distinct changed keys of a model, from every source that its meta names. -#}
{% macro changed_keys(spec) %}
    {% set sql %}
        select distinct c.tenant, cast(c.entity as {{ spec.key_type }}) as {{ spec.key }}
        from (
            {% for origin in spec.changed %}
                {% if not loop.first %}union all{% endif %}
                {% if origin.get("pending") %}
                    select f.tenant, cast(f.file_id as varchar) as entity
                    from {{ source("ctl", "file") }} as f
                    where f.version is distinct from f.built_version
                {% elif origin.get("relation") %}
                    select r.tenant, cast(r.{{ spec.key }} as varchar) as entity from {{ ref(origin.relation) }} as r
                {% else %}
                    select g.tenant, g.entity
                    from {{ source("ctl", "changed") }} as g
                    where g.producer = '{{ origin.producer }}' and g.kind = '{{ origin.kind }}'
                {% endif %}
            {% endfor %}
        ) as c
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The rows of the target whose key changed, with their row locator. -#}
{% macro standing_rows(spec, changed) %}
    {% set sql %}
        select t.*, t.{{ row_locator() }} as row_locator
        from {{ this }} as t
        inner join {{ changed }} as c on c.tenant = t.tenant and c.{{ spec.key }} = t.{{ spec.key }}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
