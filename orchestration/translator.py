"""How dbt's models appear in Dagster: keys by layer, groups by layer and area, owners by area, descriptions."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

LAKE = dg.AssetKey(["lake", "landings"])
TRACKING_PLAN = dg.AssetKey(["tracking_plan"])
# What the load log brings into the warehouse comes from one of these two.
FROM_TRACKING_PLAN = ("tenant", "local_day")
OWNERS = {"growth": "team:growth", "revenue": "team:revenue"}
DATA_TEAM = "team:data"
LAYER = "almanac/layer"  # the tag of every asset: what Dagster's search box filters by
MODELS_DOCS = "docs/warehouse.md"


class Translator(DagsterDbtTranslator):
    """dbt's resources as Almanac shows them; every test becomes an asset check of its model."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_duplicate_source_asset_keys=True)
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Layer and name, as in `marts/fact_sessions`; a table of the load log stands for what it was read from."""
        if dbt_resource_props["resource_type"] == "source":
            return TRACKING_PLAN if dbt_resource_props["name"] in FROM_TRACKING_PLAN else LAKE
        return dg.AssetKey([dbt_resource_props["fqn"][1], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Layer and area, as in `marts_growth`: the folder of the model."""
        if dbt_resource_props["resource_type"] == "source":
            return "lake"
        return "_".join(dbt_resource_props["fqn"][1:-1])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The description in the YAML beside the model, without the SQL: that is one click away in the repository."""
        return str(dbt_resource_props.get("description") or "")

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """The team of the model's area; what serves all areas belongs to the data team."""
        areas = dbt_resource_props.get("fqn", [])[2:-1]
        return [next((OWNERS[area] for area in areas if area in OWNERS), DATA_TEAM)]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """Besides dbt's own: the layer, and the area of the business."""
        if dbt_resource_props["resource_type"] != "model":
            return super().get_tags(dbt_resource_props)
        layer, *areas = dbt_resource_props["fqn"][1:-1]
        return {**super().get_tags(dbt_resource_props), LAYER: layer, **({"almanac/area": areas[0]} if areas else {})}

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Besides dbt's own: whether readers get to see the model, where its file lies, and where it is explained."""
        meta = (dbt_resource_props.get("config") or {}).get("meta") or {}
        return {
            **super().get_metadata(dbt_resource_props),
            "published": bool(meta.get("published")),
            "file": dbt_resource_props.get("original_file_path", ""),
            "docs": MODELS_DOCS,
        }
