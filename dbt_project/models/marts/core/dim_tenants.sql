with tenants as (select * from {{ source("ctl", "tenant") }})

select tenant, title, business, time_zone, currency
from tenants
