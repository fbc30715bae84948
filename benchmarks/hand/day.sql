-- One more day by hand, on the tables that the script left: what a person would write who keeps events, sessions and user
-- days and makes all else anew. Given: the view lake_events of the day's files alone, the table day_facts made from it
-- as `fact_events` is, old_identities, and the identities as they are now; `-- part` lines divide what is done between.

-- part losers
-- Copies that do not count, among the day's and those that counted before.
create temp table day_losers as
with
    day as (select tenant, source, message_id, received_at, file_id, ingest_row from lake_events),
    known as (
        select e.tenant, e.source, e.message_id, e.received_at, e.file_id, e.ingest_row
        from fact_events as e semi join day as d on d.tenant = e.tenant and d.message_id = e.message_id
    )
select * exclude message_id
from (from day union all from known)
qualify row_number() over (partition by tenant, message_id order by received_at, file_id, ingest_row) > 1;

insert into losers from day_losers;

-- part events
create temp table lost as
select e.tenant, e.user_id, e.anonymous_id
from fact_events as e semi join day_losers as x on x.file_id = e.file_id and x.ingest_row = e.ingest_row;

delete from fact_events as e using day_losers as x where x.file_id = e.file_id and x.ingest_row = e.ingest_row;

insert into fact_events by name from day_facts;

-- part sessions
create temp table changed as
with
    moved as (
        select tenant, anonymous_id, o.user_id as was, n.user_id as is_now
        from old_identities as o full join identities as n using (tenant, anonymous_id)
        where o.user_id is distinct from n.user_id
    ),
    seen as (select tenant, user_id, anonymous_id from day_facts union all from lost)
select tenant, unnest([anonymous_id, was, is_now]) as person_id from moved
union
select s.tenant, coalesce(s.user_id, m.user_id, s.anonymous_id)
from seen as s left join identities as m on m.tenant = s.tenant and m.anonymous_id = s.anonymous_id;

create temp table changed_events as
select e.*
from fact_events as e
left join identities as m on m.tenant = e.tenant and m.anonymous_id = if(e.user_id is null, e.anonymous_id, null)
semi join changed as c on c.tenant = e.tenant and c.person_id = coalesce(e.user_id, m.user_id, e.anonymous_id);

-- part merge
delete from fact_sessions as s using changed as c where c.tenant = s.tenant and c.person_id = s.person_id;

insert into fact_sessions by name from day_sessions;

delete from fact_user_days as s using changed as c where c.tenant = s.tenant and c.person_id = s.person_id;

insert into fact_user_days by name from day_user_days;
