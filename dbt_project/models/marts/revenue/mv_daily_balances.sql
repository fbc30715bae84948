with
    events as (select * from {{ ref("int_events__business") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    moved as (
        select
            tenant,
            event_date,
            sum(mrr - previous_mrr) as mrr,
            sum(
                case
                    when event <> 'ticket_updated'
                    then null
                    when status in ('opened', 'reopened')
                    then 1
                    when status = 'resolved'
                    then -1
                    else 0
                end
            ) as tickets,
            sum(
                case
                    when event <> 'invoice_updated'
                    then null
                    when status = 'issued'
                    then amount
                    when status in ('paid', 'void', 'written_off')
                    then - amount
                    else 0
                end
            ) as invoices,
            sum(
                case
                    when event = 'loan_updated' and status = 'disbursed'
                    then amount
                    when event = 'repayment_recorded' and status = 'paid'
                    then - principal_amount
                end
            ) as loans
        from events
        where
            event in ('subscription_changed', 'ticket_updated', 'invoice_updated', 'loan_updated', 'repayment_recorded')
        group by tenant, event_date
    ),

    -- A level stands on every day from its first movement to the newest data, whether something moved or not.
    spans as (
        select m.tenant, min(m.event_date) as first_date, greatest(max(m.event_date), max(a.local_date)) as last_date
        from moved as m
        left join as_of as a on a.tenant = m.tenant
        group by m.tenant
    )

select
    s.tenant,
    dates.date_day as balance_date,
    cast(sum(m.mrr) over w as decimal(18, 4)) as mrr_amount,
    cast(sum(m.tickets) over w as bigint) as open_ticket_count,
    cast(sum(m.invoices) over w as decimal(18, 4)) as invoices_outstanding_amount,
    cast(sum(m.loans) over w as decimal(18, 4)) as loans_outstanding_amount
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.event_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
