"""When the job runs by itself."""

import dagster as dg

from orchestration.jobs import daily


def daily_schedule(is_production: bool) -> dg.ScheduleDefinition:
    """Every night once the UTC day is complete; running by itself only in production, elsewhere when switched on."""
    status = dg.DefaultScheduleStatus.RUNNING if is_production else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name="every_night",
        job=daily,
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        default_status=status,
        description="At 01:00 UTC: the day that has just ended is complete and can be judged.",
    )
