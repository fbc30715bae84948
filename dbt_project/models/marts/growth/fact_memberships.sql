{{ config(materialized=view_or_table()) }}

-- A group is told again whenever something about it changes; who is in it already joins it no second time.
select tenant, group_id as community_id, user_id, min(event_at) as joined_at, min(event_date) as join_date
from {{ ref("int_events__business") }}
where event = 'group_joined' and user_id is not null and group_id is not null
group by tenant, group_id, user_id
