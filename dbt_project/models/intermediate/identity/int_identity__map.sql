{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "anonymous_id",
                "key_type": "varchar",
                "changed": [{"producer": "fact_events", "kind": "identify"}],
                "since_query": "first_events_of_visitors",
                "propagates": [
                    {"kind": "person", "entity": "user_id", "since": "coalesce(s.since, timestamp 'infinity')"},
                    {"kind": "person", "entity": "anonymous_id", "since": "coalesce(s.since, timestamp 'infinity')"},
                ],
            }
        },
    )
}}

with
    identifies as (
        select e.tenant, e.anonymous_id, e.user_id, e.event_at, e.message_id
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %}
            inner join int_identity__map__changed as c on c.tenant = e.tenant and c.anonymous_id = e.anonymous_id
        {% endif %}
        where
            e.type = 'identify' and e.anonymous_id is not null and e.user_id is not null
            {% if is_incremental() %} {{ among_few("e.anonymous_id") }} {% endif %}
    ),

    ranked as (
        select
            i.*,
            row_number() over (partition by i.tenant, i.anonymous_id order by i.event_at, i.message_id) as identify_rank
        from identifies as i
    )

select tenant, anonymous_id, user_id, event_at as identified_at
from ranked
where identify_rank = 1
