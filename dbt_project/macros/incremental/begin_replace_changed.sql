{#-
    Pre-hook of every `replace_changed` model; runs inside the model's own transaction.

    The model's `meta.incremental` says
      key         the column whose values are replaced; with `tenant` it is the model's unit of replacement
      key_type    its SQL type
      changed     where the changed keys come from: `pending` (landings not yet built; only models that read the
                  lake), `files` (of a kind of small lake files), `relation` (a table with tenant and the key),
                  `query` (a macro with a query of tenant and entity) or `producer` + `kind` (what that model propagated)
      propagates  what this model passes on: kind, the column that names the `entity` (or a value that `always` does),
                  and optionally `where`, and `since` when it has changed, an expression; without, over all of time
      since_query optional: a macro with a query that gives `since` by tenant and key, for such expressions (`s.since`)
      lake        the kind of lake files that the model reads, if any
      since       optional: `column`, the time of a row. A key's rows are replaced only from the moment on from which
                  it changed; with `whole_within`, from the standing row at or before that moment on, and all of them
                  where that row is so close to the key's first one that a change may still show in it; `of_events`
                  where the model looks for the events of the keys, which are persons
      null_key    optional: the value of the key that stands for rows that have none
      whole       instead of `changed`: all rows are made anew, and what differs is passed on

    It leaves two temporary tables: `<model>__changed` (tenant, key, `since`) and `<model>__old` (the standing rows of
    those keys). On a full refresh it only points the lake at all files.
-#}
{% macro begin_replace_changed() %}
    {% if not execute %} {{ return("") }}{% endif %}
    {% set spec = model.config.meta.incremental %}
    {% if not is_incremental() %}
        {{ return(set_lake_files(spec.lake, all_files(spec.lake)) if spec.get("lake") else "") }}
    {% endif %}
    {% set changed = model.name ~ "__changed" %}
    {% if spec.get("whole") %}
        {{
            return(
                temp_table(
                    model.name ~ "__old", "select t.*, t." ~ row_locator() ~ " as row_locator from " ~ this ~ " as t"
                )
            )
        }}
    {% endif %}
    {% set sql %}
        {% if spec.get("prepare") %}{{ context[spec.prepare]() }}{% else %}
            {% if spec.get("since", {}).get("whole_within") %}
                {{ temp_table(model.name ~ "__told", changed_keys(spec)) }}
                {{ temp_table(changed, from_standing_rows(spec, model.name ~ "__told")) }}
                drop table {{ model.name }}__told;
            {% else %} {{ temp_table(changed, changed_keys(spec)) }}
            {% endif %}
        {% endif %}
        {% if spec.get("since") %} {{ know_spans(changed, spec.key, spec.since.get("of_events")) }}
        {% else %} {{ know_few(changed, spec.key) }}
        {% endif %}
        {{ temp_table(model.name ~ "__old", standing_rows(spec, changed)) }}
        {% if spec.get("lake") and not spec.get("prepare") %}
            {{ set_lake_files(spec.lake, files_among(spec.lake, changed)) }}
        {% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The distinct changed keys of a model, from every source that its meta names, and since when each has changed. -#}
{% macro changed_keys(spec) %}
    {% set since = spec.get("since") %}
    {% set sql %}
        select
            c.tenant,
            cast(c.entity as {{ spec.key_type }}) as {{ spec.key }}
            {% if since %}, min(coalesce(c.since, timestamp '-infinity')) as since{% endif %}
        from (
            {% for origin in spec.changed %}
                {% if not loop.first %}union all{% endif %}
                {% if origin.get("pending") %}
                    select f.tenant, cast(f.file_id as varchar) as entity
                    from {{ source("ctl", "file") }} as f
                    where f.version is distinct from f.built_version
                {% elif origin.get("files") %} {{ changed_lake_files(origin.files) }}
                {% elif origin.get("query") %} {{ context[origin.query]() }}
                {% elif origin.get("relation") %}
                    select r.tenant, cast(r.{{ spec.key }} as varchar) as entity{% if since %}, r.since{% endif %}
                    from {{ ref(origin.relation) }} as r
                {% else %}
                    select g.tenant, g.entity{% if since %}, g.since{% endif %}
                    from {{ source("ctl", "changed") }} as g
                    where g.producer = '{{ origin.producer }}' and g.kind = '{{ origin.kind }}'
                {% endif %}
            {% endfor %}
        ) as c
        group by c.tenant, c.entity
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#-
    Since when the rows of each key are replaced, where a change joins or splits rows: from the last row on that began
    at or before it, because nothing before that row has changed. `is_whole` says that there is no row before that.
-#}
{% macro from_standing_rows(spec, told) %}
    {% set sql %}
        select
            c.tenant,
            c.{{ spec.key }},
            case
                when s.last_before > s.first_of_all + interval '{{ spec.since.whole_within }}' then s.last_before
                else least(s.first_of_all, c.since)
            end as since,
            coalesce(s.last_before <= s.first_of_all + interval '{{ spec.since.whole_within }}', true) as is_whole
        from {{ told }} as c
        left join
            (
                select
                    t.tenant,
                    t.{{ spec.key }},
                    min(t.{{ spec.since.column }}) as first_of_all,
                    max(case when t.{{ spec.since.column }} <= c.since then t.{{ spec.since.column }} end) as last_before
                from {{ this }} as t
                inner join {{ told }} as c on c.tenant = t.tenant and c.{{ spec.key }} = t.{{ spec.key }}
                group by t.tenant, t.{{ spec.key }}
            ) as s
            on s.tenant = c.tenant
            and s.{{ spec.key }} = c.{{ spec.key }}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The rows of the target whose key changed, as far as they are looked at again: what differs is passed on. -#}
{% macro standing_rows(spec, changed) %}
    {% if spec.get("since") %}
        {% set spans = spans_of_changes("t." ~ spec.since.column, "t." ~ spec.key, null_key=spec.get("null_key")) %}
    {% else %} {% set spans = ["true" ~ among_few(key_of(spec, "t"))] %}
    {% endif %}
    {% set sql %}
        {% for span in spans %}
            {% if not loop.first %}union all{% endif %}
            select{% if spec.get("propagates") %} t.*,{% endif %} t.{{ row_locator() }} as row_locator
            from {{ this }} as t
            inner join {{ changed }} as c on {{ is_changed(spec, "t") }}
            where {{ span }}
        {% endfor %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The condition that a row belongs to what the row `c` of the changed keys replaces. -#}
{% macro is_changed(spec, row) %}
    {% set sql = "c.tenant = " ~ row ~ ".tenant and c." ~ spec.key ~ " = " ~ key_of(spec, row) %}
    {% set since = " and " ~ row ~ "." ~ spec.since.column ~ " >= c.since" if spec.get("since") else "" %}
    {{ return(sql ~ since) }}
{% endmacro %}

{#- The key of a row: the one that stands for none where it has none. -#}
{% macro key_of(spec, row) %}
    {% set key = row ~ "." ~ spec.key %}
    {{ return(key if spec.get("null_key") is none else "coalesce(" ~ key ~ ", '" ~ spec.null_key ~ "')") }}
{% endmacro %}
