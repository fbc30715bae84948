with
    movements as (select * from {{ ref("int_bookings__movements") }}),

    events as (select * from {{ ref("int_events__business") }}),

    -- Further lines of a booking, and further cancellations of its lines, change amounts and no state.
    told as (
        select
            tenant,
            booking_id,
            case when movement = 'booked' then 'confirmed' else 'cancelled' end as status,
            moved_at as told_at,
            movement_date as told_date
        from movements
        where is_first
        union all
        select tenant, booking_id, status, event_at as told_at, event_date as told_date
        from events
        where event = 'booking_status_changed'
    ),

    -- States of one instant follow each other as a booking goes through them: whoever books at once requests first.
    placed as (
        select
            t.*,
            case
                status
                when 'requested'
                then 1
                when 'approved'
                then 2
                when 'confirmed'
                then 3
                when 'started'
                then 4
                else 5
            end as place
        from told as t
    ),

    followed as (
        select
            p.*,
            lag(status) over (partition by tenant, booking_id order by told_at, place, status) as status_before,
            min(told_at) over (partition by tenant, booking_id) as first_told_at
        from placed as p
    ),

    -- A state that is told again is no change.
    changes as (select * from followed where status_before is null or status_before <> status),

    timed as (
        select
            c.*,
            lag(told_at) over (partition by tenant, booking_id order by told_at, place, status) as changed_before_at,
            row_number() over (partition by tenant, booking_id, status order by told_at) as telling
        from changes as c
    )

select
    tenant,
    booking_id,
    status_before as from_status,
    status as to_status,
    told_at as changed_at,
    told_date as change_date,
    cast(floor(extract(epoch from (told_at - changed_before_at))) as bigint) as seconds_since_previous,
    {{ hours_between("first_told_at", "told_at") }} as hours_since_first,
    status = 'completed' and telling = 1 and status_before is not null as is_followed_completion
from timed
