with
    events as (select * from {{ ref("int_events__business") }} where event in ('inquiry_sent', 'inquiry_answered')),

    identities as (select * from {{ ref("int_identity__map") }}),

    listings as (select * from {{ ref("dim_listings") }}),

    revenue as (select * from {{ ref("fact_revenue") }}),

    -- An inquiry is sent once, and comes to each of its ends once.
    followed as (select e.*, {{ telling("subject_id", state=["event", "status"]) }} as telling from events as e),

    sent as (
        select
            r.tenant,
            r.subject_id,
            r.event_at as sent_at,
            coalesce(r.user_id, i.user_id, r.anonymous_id) as asked_by,
            coalesce(r.supplier_id, l.supplier_id, r.listing_id) as asked_supplier
        from followed as r
        left join identities as i on i.tenant = r.tenant and i.anonymous_id = {{ unknown_visitor("r") }}
        left join listings as l on l.tenant = r.tenant and l.listing_id = r.listing_id
        where r.event = 'inquiry_sent' and r.telling = 1
    ),

    answered as (
        select e.*, s.sent_at, s.asked_by, s.asked_supplier
        from followed as e
        left join sent as s on s.tenant = e.tenant and s.subject_id = e.subject_id
    ),

    answers as (select *, event_at + interval '14 days' as booked_until from answered where event = 'inquiry_answered'),

    bookings as (select * from revenue where is_booking),

    -- Any booking of the two counts, whatever it is of: who asked about one flat may take the one beside it. So does
    -- the one that the answer names, and one that names the inquiry.
    booked as (
        select a.tenant, a.message_id
        from answers as a
        inner join bookings as b on b.tenant = a.tenant and b.person_id = a.asked_by and b.supplier = a.asked_supplier
        where b.revenue_at between a.sent_at and a.booked_until
        union
        select a.tenant, a.message_id
        from answers as a
        inner join bookings as b on b.tenant = a.tenant and b.booking_id = a.booking_id
        where b.revenue_at <= a.booked_until
        union
        select a.tenant, a.message_id
        from answers as a
        inner join bookings as b on b.tenant = a.tenant and b.inquiry_id = a.subject_id
        where b.revenue_at <= a.booked_until
    )

select
    a.tenant,
    a.message_id as inquiry_event_id,
    a.user_id,
    a.subject_id as inquiry_id,
    a.event = 'inquiry_answered' as is_answer,
    a.status,
    a.telling = 1 as is_first_told,
    a.listing_id,
    a.asked_by,
    a.asked_supplier,
    b.message_id is not null as is_booked,
    a.event_at as happened_at,
    a.event_date as inquiry_date,
    case when a.event = 'inquiry_answered' then {{ hours_between("a.sent_at", "a.event_at") }} end as hours_since_sent
from answered as a
left join booked as b on b.tenant = a.tenant and b.message_id = a.message_id
