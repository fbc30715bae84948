{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'survey_answered'),

    -- An answer counts once, as it was first given.
    followed as (select e.*, {{ telling("subject_id", state=none) }} as telling from events as e)

select
    tenant,
    message_id as survey_answer_id,
    user_id,
    survey,
    telling = 1 as is_first_told,
    score,
    cast(
        case
            when survey <> 'nps' or telling > 1 then null when score >= 9 then 100 when score <= 6 then -100 else 0
        end as bigint
    ) as nps_points,
    event_at as answered_at,
    event_date as answer_date
from followed
