"""A home whose published version is older than its lake: where builds and publications of the tests begin."""

from datetime import timedelta

from almanac.build import run_build
from almanac.dbt_worker import Runner
from almanac.publish import publish
from almanac.settings import Settings
from tests.small_lake import FIRST_DAY, PASSED, land_day, land_days


def publish_and_move_on(settings: Settings, dbt: Runner) -> str:
    """Publish two days, land a third and late events of the first; the id of the published version."""
    land_days(settings, 2)
    assert run_build(settings, runner=dbt).succeeded
    published = publish(settings, PASSED).version.id
    land_day(settings, FIRST_DAY + timedelta(days=2))
    land_day(settings, FIRST_DAY, tag="late")
    return published
