"""Events of a tenant that the tracking plan no longer knows are cut into days of UTC: a build says so and goes on."""

from datetime import UTC, datetime
from pathlib import Path

from almanac.build import run_build
from almanac.cli_build import _summary
from almanac.dbt_worker import WarmDbt, close
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.replay.project import copy_project, settings_for

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_tenant_that_left_the_plan_is_warned_about_as_long_as_its_events_are_there(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project", is_small=True)
    settings = settings_for(root, tmp_path / "home")
    for tenant in ("rentals", "advisory"):
        event = {"type": "track", "event": "search_performed", "userId": "u", "properties": {"query": "flat"}}
        landed = {"content_hash": tenant, "received": {AT.date(): 1}}
        assert Lake.open(settings).land(tenant, "web", [Arrival(AT, event)], **landed).accepted == 1
    dbt = WarmDbt()
    known = run_build(settings, runner=dbt)
    assert known.succeeded
    assert "warned" not in _summary(known)
    file = root / "ingestion" / "tracking_plan" / "tenants" / "advisory.yml"
    renamed_file = file.rename(file.with_name("renamed.yml"))
    renamed_file.write_text(renamed_file.read_text().replace("tenant: advisory", "tenant: renamed"))
    renamed = run_build(settings, runner=dbt)
    close(settings)
    assert renamed.succeeded
    assert _summary(renamed).endswith(" tests passed, 1 warned: knows_who_landed_dim_tenants_")
