"""What Dagster watches."""

import dagster as dg

from orchestration.lost_runs import close_lost_runs


@dg.sensor(
    name="lost_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes runs whose process is gone, so that no run is shown as running that is not.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look for runs whose process is gone."""
    closed = close_lost_runs(context.instance)
    return dg.SkipReason(f"closed {', '.join(closed)}" if closed else "every run has its process")
