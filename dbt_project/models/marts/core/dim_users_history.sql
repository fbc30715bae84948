{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "user_id",
                "key_type": "varchar",
                "changed": [{"producer": "int_events__business", "kind": "profile"}],
            }
        },
    )
}}

{% set traits = ["country", "city", "role", "plan"] %}

with
    profiles as (
        select e.tenant, e.user_id, e.event_at, e.message_id, e.country, e.city, e.role, e.plan
        from {{ ref("int_events__business") }} as e
        {% if is_incremental() %}
            inner join dim_users_history__changed as c on c.tenant = e.tenant and c.user_id = e.user_id
        {% endif %}
        where e.event in ('user_identified', 'signup_completed') and e.user_id is not null
    ),

    -- What a profile leaves out stays as it was: a profile that tells a trait begins a stretch of those that do not.
    stretches as (
        select
            p.*
            {% for trait in traits %}
                ,
                count({{ trait }}) over (
                    partition by tenant, user_id order by event_at, message_id
                ) as {{ trait }}_stretch
            {% endfor %}
        from profiles as p
    ),

    known as (
        select
            tenant,
            user_id,
            event_at,
            row_number() over (partition by tenant, user_id, event_at order by message_id desc) as place_from_end
            {% for trait in traits %}
                ,
                cast(
                    max({{ trait }}) over (partition by tenant, user_id, {{ trait }}_stretch) as varchar
                ) as {{ trait }}
            {% endfor %}
        from stretches
    ),

    -- Nothing lasts no time: of several profiles of one instant, what is known after the last counts.
    instants as (
        select
            k.*,
            row_number() over (partition by tenant, user_id order by event_at) as place
            {% for trait in traits %}
                , lag({{ trait }}) over (partition by tenant, user_id order by event_at) as {{ trait }}_before
            {% endfor %}
        from known as k
        where place_from_end = 1
    ),

    changes as (
        select *
        from instants
        where place = 1 {% for trait in traits %} or {{ trait }} is distinct from {{ trait }}_before{% endfor %}
    ),

    periods as (
        select c.*, lead(event_at) over (partition by tenant, user_id order by event_at) as valid_to from changes as c
    )

select tenant, user_id, event_at as valid_from, valid_to, valid_to is null as is_current, {{ traits | join(", ") }}
from periods
