{#- Passes if each tenant whose events are in the lake has a row: what has none is cut into days of UTC. -#}
{% test knows_who_landed(model) %}
    select distinct f.tenant
    from {{ source("ctl", "file") }} as f
    left join {{ model }} as t on t.tenant = f.tenant
    where t.tenant is null
{% endtest %}
