{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as survey_answer_id,
    e.user_id,
    e.survey,
    e.score,
    cast(
        case
            when e.survey <> 'nps' then null when e.score >= 9 then 100 when e.score <= 6 then -100 else 0
        end as bigint
    ) as nps_points,
    e.event_at as answered_at,
    e.event_date as answer_date
from {{ ref("int_events__business") }} as e
where e.event = 'survey_answered'
