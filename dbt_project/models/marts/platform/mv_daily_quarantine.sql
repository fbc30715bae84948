with rejected as (select * from {{ ref("stg_quarantine") }})

select tenant, source, coalesce(event, '') as event, received_date, field, code, cast(count(*) as bigint) as quarantined
from rejected
group by tenant, source, coalesce(event, ''), received_date, field, code
