{{ config(materialized=view_or_table()) }}

with
    exposures as (select * from {{ ref("int_events__choices") }} where event = 'experiment_exposed'),

    -- The earliest exposure of a unit is its assignment, and which variant that was never changes.
    assigned as (
        select
            e.*,
            row_number() over unit as place,
            first_value(e.variant) over unit as assigned_variant,
            first_value(e.event_at) over unit as assigned_at
        from exposures as e
        window unit as (partition by e.tenant, e.experiment, e.unit_id order by e.event_at, e.message_id)
    )

select
    tenant,
    message_id as exposure_id,
    experiment,
    unit_id,
    user_id,
    visitor_id,
    coalesce(unit_type, 'user') as unit_type,
    variant as seen_variant,
    case when unit_id is null then variant else assigned_variant end as variant,
    experiment || ': ' || case when unit_id is null then variant else assigned_variant end as experiment_variant,
    coalesce(place = 1 and unit_id is not null, false) as is_assignment,
    case when unit_id is null then event_at else assigned_at end as assigned_at,
    event_at as exposed_at,
    event_date as exposure_date
from assigned
