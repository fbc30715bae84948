{#-
    Conditions that let the engine skip what lies before a change, for rows that are joined to the `changed` keys of
    this model with their `since`; each row belongs to one condition.

    Nearly all keys of an ordinary build have changed since a day or two: for these only rows of the last weeks are
    read, by a constant that storage can be pruned with. The few that reach further back are looked for in a set, which is
    judged in the storage too. By a join alone every column of every row of history would be read before it decides.

    `time` is the time of a row, `key` what is compared with the few: their `keys`, or the anonymous ids that belong to
    them, their `visitors`. `null_key` stands for rows that have no key.
-#}
{% macro spans_of_changes(time, key, few="keys", null_key=none) %}
    {{ return(adapter.dispatch("spans_of_changes")(time, key, few, null_key)) }}
{% endmacro %}

{% macro duckdb__spans_of_changes(time, key, few, null_key) %}
    {% set recent = "getvariable('" ~ model.name ~ "__recent')" %}
    {% set reached = time ~ " >= getvariable('" ~ model.name ~ "__since')" %}
    {% set key = key if null_key is none else "coalesce(" ~ key ~ ", '" ~ null_key ~ "')" %}
    {% set is_early = in_key_set(key, "varchar", model.name ~ "__early_" ~ few) %}
    {{ return([time ~ " >= " ~ recent, reached ~ " and " ~ time ~ " < " ~ recent ~ " and " ~ is_early]) }}
{% endmacro %}

{#- An index on the key finds the rows. -#}
{% macro postgres__spans_of_changes(time, key, few, null_key) %} {{ return(["true"]) }}{% endmacro %}

{#- Statements that prepare `spans_of_changes` from the changed keys of a model; `key` is a person if `has_visitors`. -#}
{% macro know_spans(changed, key, has_visitors) %}
    {{ return(adapter.dispatch("know_spans")(changed, key, has_visitors)) }}
{% endmacro %}

{% macro duckdb__know_spans(changed, key, has_visitors) %}
    {% set recent, early = model.name ~ "__recent", model.name ~ "__early_" %}
    {% set is_early = "c.since < getvariable('" ~ recent ~ "')" %}
    {% set sql %}
        set variable {{ model.name }}__since = (select min(c.since) from {{ changed }} as c);
        -- Four weeks, or more where too many keys reach further back for a set of them.
        set variable {{ recent }} = (
            select
                case
                    when count(*) filter (where k.since = '-infinity') > 2000 then timestamp '-infinity'
                    else coalesce(
                        least(
                            max(k.since) filter (where isfinite(k.since)) - interval '28 days',
                            max(k.since) filter (where k.earlier = 2000)
                        ),
                        timestamp '-infinity'
                    )
                end
            from (select c.since, row_number() over (order by c.since) - 1 as earlier from {{ changed }} as c) as k
        );
        set variable {{ early }}keys = (
            select {{ key_set("c." ~ key, "varchar") }} from {{ changed }} as c where {{ is_early }}
        );
        {% if has_visitors %}
            set variable {{ early }}visitors = (
                select {{ key_set("v.visitor", "varchar") }}
                from (
                    select c.{{ key }} as visitor
                    from {{ changed }} as c
                    where {{ is_early }}
                    union all
                    select m.anonymous_id
                    from {{ ref("int_identity__map") }} as m
                    inner join {{ changed }} as c on c.tenant = m.tenant and c.person_id = m.user_id
                    where {{ is_early }}
                ) as v
            );
        {% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__know_spans(changed, key, has_visitors) %} {{ return("") }}{% endmacro %}
