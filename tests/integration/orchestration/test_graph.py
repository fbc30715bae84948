"""The assets of the orchestrator and how they hang together."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import expectations
from expectations.judge import expected_sources
from ingestion.tracking_plan import load_plan
from orchestration.assets.arrivals import ARRIVALS, check_name
from orchestration.assets.models import LOAD_LOG
from orchestration.assets.sources import source_key
from orchestration.definitions import build_defs
from orchestration.manifest import load_manifest
from orchestration.queues import LIMIT, QUEUE
from orchestration.translator import LAKE, TRACKING_PLAN
from tests.integration.orchestration.installation import OVERVIEW, VERSION, dashboards_of, models_in_folders, sources_of
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("orchestration")  # what its tests share is made once


class TestTheGraph:
    def test_every_model_is_an_asset_named_and_grouped_by_its_folder(self, graph: Any, root: Path) -> None:
        groups = {key: graph.get(key).group_name for key in graph.get_all_asset_keys()}
        others = {
            LAKE: "lake",
            TRACKING_PLAN: "tracking_plan",
            LOAD_LOG: "gate",
            ARRIVALS: "gate",
            VERSION: "published",
        }
        ends = dict.fromkeys(dashboards_of(root), "dashboards") | dict.fromkeys(sources_of(root), "sources")
        assert groups == models_in_folders(root) | others | ends

    def test_every_asset_has_what_a_person_wants_to_know_of_it(self, graph: Any, root: Path) -> None:
        for key in graph.get_all_asset_keys():
            node = graph.get(key)
            assert node.description, key
            assert node.owners, key
            assert node.kinds, key
            assert node.tags["almanac/layer"], key
            assert (root / node.metadata["docs"]).is_file(), key

    def test_a_source_has_a_partition_for_each_day_of_arrival_and_nothing_else_has(
        self, graph: Any, root: Path
    ) -> None:
        partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def}
        assert partitioned == sources_of(root)
        assert {key for key in partitioned if graph.get(key).is_materializable} == set()
        assert "Expected every day." in graph.get(source_key(("rentals", "web"))).description
        assert graph.get(source_key(("online_retail", "online_retail"))).kinds == {"csv"}

    def test_every_data_test_is_a_check_of_its_model(self, graph: Any, manifest: dict[str, Any]) -> None:
        tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
        checks = {key.name for key in graph.asset_check_keys if key.asset_key != ARRIVALS}
        assert checks == tests

    def test_every_expectation_on_an_expected_source_is_a_check(self, graph: Any, root: Path) -> None:
        checks = {key.name for key in graph.asset_check_keys if key.asset_key == ARRIVALS}
        sources = expected_sources(load_plan(root))
        assert checks == {check_name("/".join(source), name) for source in sources for name in expectations.CHECKS}
        assert "rentals__web__rows_are_usual" in checks

    def test_it_begins_with_sources_and_tracking_plan_and_ends_with_the_dashboards(
        self, graph: Any, root: Path
    ) -> None:
        keys = graph.get_all_asset_keys()
        assert {key for key in keys if not graph.get(key).parent_keys} == {*sources_of(root), TRACKING_PLAN}
        assert graph.get(LAKE).parent_keys == sources_of(root)
        assert {key for key in keys if not graph.get(key).child_keys} == dashboards_of(root)

    def test_a_dashboard_stands_over_the_published_version_and_the_models_of_its_kpis(self, graph: Any) -> None:
        facts = {dg.AssetKey(["marts", f"fact_{name}"]) for name in ("revenue", "searches", "sessions", "user_days")}
        assert graph.get(OVERVIEW).parent_keys == {VERSION, dg.AssetKey(["kpis", "kpi_values"]), *facts}
        assert not graph.get(OVERVIEW).is_materializable
        assert "take_rate" in graph.get(OVERVIEW).metadata["KPIs"]

    def test_daily_and_hourly_work_is_in_a_queue_and_a_backfill_is_not(self, home: Path) -> None:
        defs = build_defs(small_settings(home))
        tags = {name: defs.resolve_job_def(name).tags for name in ("daily", "increment", "publication", "backfill")}
        in_queue = {name for name, found in tags.items() if found.get(QUEUE) == "aggregation"}
        assert in_queue == {"daily", "increment", "publication"}
        assert tags["daily"][LIMIT] == "300"
        assert tags["backfill"][LIMIT] == "0"
        pools = {pool for node in defs.resolve_job_def("daily").nodes for pool in node.definition.pools}
        assert pools == {"aggregation"}, "a paused queue would not hold the job back"

    def test_loading_it_reads_no_environment_and_opens_no_warehouse(self, home: Path) -> None:
        defs = build_defs(small_settings(home))
        dg.Definitions.validate_loadable(defs)


class TestTheManifest:
    def test_it_is_parsed_again_only_when_the_project_has_changed(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parsed: list[Path] = []
        monkeypatch.setattr("orchestration.manifest._parse", lambda settings, folder: parsed.append(folder))
        settings = small_settings(home)
        load_manifest(settings)
        assert parsed == []
        manifest = settings.home / "dbt" / "duckdb-definitions" / "manifest.json"
        newer = max(path.stat().st_mtime_ns for path in (settings.root / "dbt_project").rglob("*"))
        os.utime(manifest, ns=(newer - 1, newer - 1))
        load_manifest(settings)
        assert len(parsed) == 1
