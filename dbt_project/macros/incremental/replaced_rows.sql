{#-
    Which rows a build has replaced, so that its data tests need not look at all of history again.

    The first row of a model says that it was built from changed keys; without it, or with very many keys, all rows are
    tested. What a failed build has replaced is among the keys that the next one replaces.
-#}
{% macro note_replaced(spec, changed) %}
    {% set key = "cast(c." ~ spec.key ~ " as varchar)" %}
    {% set since = "c.since" if spec.get("since") else "cast(null as timestamp)" %}
    insert into {{ source("ctl", "replaced") }} (model, tenant, entity, since)
    select '{{ model.name }}', r.tenant, r.entity, r.since
    from (
        select cast(null as varchar) as tenant, cast(null as varchar) as entity, cast(null as timestamp) as since
        union all
        select c.tenant, {{ key }}, {{ since }} from {{ changed }} as c
    ) as r
    where (select count(*) from {{ changed }}) <= 200000;
{% endmacro %}

{#-
    How the tested relation was built, if this build has replaced only some of its rows; none if all are to be tested.

    A view whose meta says that it has `rows_of` an incremental model, each once, was replaced with these rows.
-#}
{% macro replaced_spec(relation) %}
    {% if not execute or flags.WHICH != "build" or flags.FULL_REFRESH %} {{ return(none) }}{% endif %}
    {% set of_view = meta_of(relation.identifier).get("rows_of") %}
    {% set name = of_view or relation.identifier %}
    {% set spec = meta_of(name).get("incremental") %}
    {% if not spec or spec.get("whole") %} {{ return(none) }}{% endif %}
    {% set noted %} select 1 from {{ source("ctl", "replaced") }} where model = '{{ name }}' limit 1 {% endset %}
    {% if not run_query(noted) | length %} {{ return(none) }}{% endif %}
    {% set spec = dict(spec, model=name) %}
    {% if of_view %} {% do spec.pop("since", none) %} {% endif %}  {# its columns have other names #}
    {{ return(spec) }}
{% endmacro %}

{% macro meta_of(name) %}
    {{ return(graph.nodes.get("model." ~ project_name ~ "." ~ name, {}).get("config", {}).get("meta", {})) }}
{% endmacro %}

{#- The rows `t` of a relation that this build has replaced, by `replaced_spec`. -#}
{% macro replaced_rows(relation, spec, columns) %}
    select t.{{ columns | join(", t.") }}
    from {{ relation }} as t
    inner join
        (
            select r.tenant, cast(r.entity as {{ spec.key_type }}) as {{ spec.key }}, r.since
            from {{ source("ctl", "replaced") }} as r
            where r.model = '{{ spec.model }}'
        ) as c
        on {{ is_changed(spec, "t") }}
{% endmacro %}
