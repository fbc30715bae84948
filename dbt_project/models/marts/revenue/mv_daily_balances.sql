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
                        partition by e.tenant, e.balance_account, e.event_date
                        order by e.event_at desc, e.message_id desc
                    ) as place
                from events as e
                where e.event = 'balance_recorded' and e.balance_account = 'float'
            ) as r
        where r.place = 1
    ),

    -- What brings an object into its level (1), takes it out (-1), or pays a part of it back (0).
    steps as (
        select e.*, s.kind, s.step
        from events as e
        inner join
            (
                values
                    ('ticket_updated', 'opened', 'ticket', 1),
                    ('ticket_updated', 'reopened', 'ticket', 1),
                    ('ticket_updated', 'resolved', 'ticket', -1),
                    ('ticket_updated', 'closed', 'ticket', -1),
                    ('invoice_updated', 'issued', 'invoice', 1),
                    ('invoice_updated', 'overdue', 'invoice', 1),
                    ('invoice_updated', 'paid', 'invoice', -1),
                    ('invoice_updated', 'void', 'invoice', -1),
                    ('invoice_updated', 'written_off', 'invoice', -1),
                    ('loan_updated', 'disbursed', 'loan', 1),
                    ('loan_updated', 'repaid', 'loan', -1),
                    ('loan_updated', 'written_off', 'loan', -1),
                    ('repayment_recorded', 'paid', 'loan', 0)
            ) as s(event, status, kind, step)
            on s.event = e.event
            and s.status = e.status
    ),

    told as (
        select s.*, {{ telling("subject_id", "principal_amount", state=["kind", "status", "installment"]) }} as telling
        from steps as s
    ),

    -- What an object is worth to its level once an event is told: after its end nothing, but a ticket can come back.
    worths as (
        select
            s.*,
            row_number() over whole as place,
            case
                when s.kind = 'ticket'
                then case when s.step = 1 then 1 else 0 end
                when min(s.step) over whole = -1
                then 0
                when s.kind = 'invoice'
                then s.amount
                else
                    greatest(
                        sum(case s.step when 1 then s.amount else - coalesce(s.principal_amount, 0) end) over whole, 0
                    )
            end as worth
        from told as s
        -- What a loan paid out or got back is added up, so each of it once.
        where s.kind <> 'loan' or s.telling = 1
        -- Of two events of one moment an end comes last.
        window
            whole as (
                partition by s.tenant, s.kind, s.subject_id
                order by s.event_at, s.step desc, s.message_id
                rows unbounded preceding
            )
    ),

    changes as (
        select
            tenant,
            kind,
            event_date,
            worth - lag(worth, 1, 0.0) over (partition by tenant, kind, subject_id order by place) as change
        from worths
    ),

    moves as (
        select
            tenant,
            event_date,
            case when kind = 'ticket' then change end as tickets,
            case when kind = 'invoice' then change end as invoices,
            case when kind = 'loan' then change end as loans,
            cast(null as decimal(18, 4)) as float_change,
            cast(null as integer) as members
        from changes
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
