{{ config(materialized=view_or_table()) }}

with
    conversions as (select * from {{ ref("int_events__choices") }} where event = 'experiment_converted'),

    assignments as (select * from {{ ref("fact_experiment_exposures") }} where is_assignment),

    -- Who is known to have been assigned converts to that variant and not before; of others the event's word is taken.
    of_units as (
        select c.*, coalesce(a.variant, c.variant) as assigned_variant
        from conversions as c
        left join assignments as a on a.tenant = c.tenant and a.experiment = c.experiment and a.unit_id = c.unit_id
        where c.event_at >= a.assigned_at or (a.assigned_at is null and c.variant is not null)
    )

select
    tenant,
    message_id as conversion_id,
    experiment,
    unit_id,
    assigned_variant as variant,
    experiment || ': ' || assigned_variant as experiment_variant,
    coalesce(goal, 'unknown') as goal,
    coalesce(
        unit_id is not null
        and row_number() over (partition by tenant, experiment, unit_id order by event_at, message_id) = 1,
        false
    ) as is_first,
    coalesce(amount, 0) as converted_amount,
    event_at as converted_at,
    event_date as conversion_date
from of_units
