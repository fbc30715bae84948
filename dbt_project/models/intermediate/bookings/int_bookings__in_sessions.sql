-- depends_on: {{ ref('int_identity__changed_persons') }}
{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "booking_id",
                "key_type": "varchar",
                "changed": [
                    {"producer": "int_bookings__movements", "kind": "booking"},
                    {"query": "bookings_of_changed_persons"},
                ],
            }
        },
    )
}}

{% set own = ["tenant", "booking_id", "movement", "movement_date", "is_first", "moved_at", "listing_id"] %}
{% set own = own + ["currency", "supplier_id", "inquiry_id", "provider", "line_count", "amount", "commission"] %}
{% set visits = ["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"] %}

with
    movements as (
        select m.*
        from {{ ref("int_bookings__movements") }} as m
        {% if is_incremental() %}
            inner join int_bookings__in_sessions__changed as c on c.tenant = m.tenant and c.booking_id = m.booking_id
            where {{ among_changed("m.booking_id") }}
        {% endif %}
    ),

    identities as (select * from {{ ref("int_identity__map") }}),

    steps_taken as (select * from {{ ref("int_events__in_sessions") }} where session_id is not null),

    persons as (
        select m.*, coalesce(m.user_id, i.user_id, m.anonymous_id) as person_id
        from movements as m
        left join identities as i on i.tenant = m.tenant and i.anonymous_id = {{ unknown_visitor("m") }}
    ),

    {% if is_incremental() %}
        buyers as (
            select tenant, person_id, min(moved_at) as since
            from persons
            where person_id is not null
            group by tenant, person_id
        ),
    {% endif %}

    sessions as ({{ session_dates(visits, "buyers" if is_incremental() else none) }}),

    visited as (
        select
            p.*,
            s.session_id,
            s.channel,
            cast(floor(extract(epoch from (p.moved_at - s.started_at))) as bigint) as seconds_in_session,
            p.movement = 'booked' and p.is_first as is_booking
        from persons as p
        left join
            sessions as s
            on s.tenant = p.tenant
            and s.person_id = p.person_id
            and s.active_date = p.movement_date
            and p.moved_at between s.started_at and s.ended_at
    ),

    -- What its visitor had done in the session before, each once and in the order of the first time.
    steps as (
        select
            v.tenant,
            v.booking_id,
            case when t.event = 'funnel_step_reached' then t.step else t.event end as step,
            min(t.event_at) as reached_at
        from visited as v
        inner join steps_taken as t on t.tenant = v.tenant and t.session_id = v.session_id and t.event_at <= v.moved_at
        where v.is_booking
        group by 1, 2, 3
    ),

    listed as (
        select tenant, booking_id, {{ listed_by("step", ["reached_at", "step"]) }} as funnel_steps
        from steps
        group by tenant, booking_id
    )

select
    v.{{ own | join(", v.") }},
    v.is_booking,
    v.person_id,
    v.session_id,
    cast(coalesce(v.channel, 'direct') as varchar) as channel,
    v.seconds_in_session,
    cast(l.funnel_steps as varchar) as funnel_steps
from visited as v
left join listed as l on l.tenant = v.tenant and l.booking_id = case when v.is_booking then v.booking_id end
