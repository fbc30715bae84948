{#-
    Passes if no two rows share the model's grain (a list of columns; nulls count as equal).

    Of a model that a build has made from changed keys, the rows of these keys are held against all others; the others
    were held against each other before. By itself, or after a full refresh, the test looks at every row.
-#}
{% test unique_grain(model, columns) %}
    {% set grain = columns | join(", ") %}
    {% set spec = replaced_spec(model) %}
    {% if not spec %} select {{ grain }} from {{ model }} group by {{ grain }} having count(*) > 1
    {% elif spec.key in columns and spec.get("since", {}).get("column", spec.key) in columns %}
        -- Rows that share the grain share the key, and lie on the same side of what has changed.
        select {{ grain }}
        from ({{ replaced_rows(model, spec, columns) }}) as r
        group by {{ grain }}
        having count(*) > 1
    {% else %}
        with
            replaced as materialized(select distinct {{ grain }} from ({{ replaced_rows(model, spec, columns) }}) as r),

            alike as (
                select t.{{ columns | join(", t.") }}
                from {{ model }} as t
                inner join
                    replaced as r
                    on {% for column in columns %}
                        {% if not loop.first %} and {% endif %} r.{{ column }} = t.{{ column }}
                    {% endfor %}
                union all
                -- No join finds a null; where there is one, all rows with one are looked at.
                select {{ grain }}
                from {{ model }}
                where {{ columns | join(" is null or ") }} is null
            )

        select {{ grain }}
        from alike
        group by {{ grain }}
        having count(*) > 1
    {% endif %}
{% endtest %}
