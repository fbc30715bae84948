with events as (select * from {{ ref("fact_events") }})

select tenant, source, event, event_date, cast(count(*) as bigint) as accepted
from events
group by tenant, source, event, event_date
