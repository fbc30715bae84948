with
    events as (select * from {{ ref("int_events__business") }}),

    memberships as (select * from {{ ref("fact_memberships") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    -- Of an account the last reading of a day counts, until the next one; what changed is what moved.
    readings as (
        select
            r.tenant,
            r.event_date,
            r.balance - lag(r.balance, 1, 0.0) over (
                partition by r.tenant, r.balance_account order by r.event_date
            ) as float_change
        from
            (
                select
                    e.*,
                    row_number() over (
                        partition by e.tenant, e.balance_account, e.event_date order by e.event_at desc, e.message_id
                    ) as place
                from events as e
                where e.event = 'balance_recorded' and e.balance_account = 'float'
            ) as r
        where r.place = 1
    ),

    moves as (
        select
            tenant,
            event_date,
            case
                when event <> 'ticket_updated'
                then null
                when status in ('opened', 'reopened')
                then 1
                when status = 'resolved'
                then -1
                else 0
            end as tickets,
            case
                when event <> 'invoice_updated'
                then null
                when status = 'issued'
                then amount
                when status in ('paid', 'void', 'written_off')
                then - amount
                else 0
            end as invoices,
            case
                when event = 'loan_updated' and status = 'disbursed'
                then amount
                when event = 'repayment_recorded' and status = 'paid'
                then - principal_amount
            end as loans,
            cast(null as decimal(18, 4)) as float_change,
            cast(null as integer) as members
        from events
        where event in ('ticket_updated', 'invoice_updated', 'loan_updated', 'repayment_recorded')
        union all
        select tenant, event_date, null, null, null, float_change, null
        from readings
        union all
        select tenant, join_date, null, null, null, null, 1
        from memberships
    ),

    moved as (
        select
            tenant,
            event_date,
            sum(tickets) as tickets,
            sum(invoices) as invoices,
            sum(loans) as loans,
            sum(float_change) as float_change,
            sum(members) as members
        from moves
        group by tenant, event_date
    ),

    spans as ({{ day_spans("event_date") }})

select
    s.tenant,
    dates.date_day as balance_date,
    cast(sum(m.tickets) over w as bigint) as open_ticket_count,
    cast(sum(m.invoices) over w as decimal(18, 4)) as invoices_outstanding_amount,
    cast(sum(m.loans) over w as decimal(18, 4)) as loans_outstanding_amount,
    cast(sum(m.float_change) over w as decimal(18, 4)) as float_amount,
    cast(sum(m.members) over w as bigint) as community_member_count
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.event_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
