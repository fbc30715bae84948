"""The dashboards as Dagster shows them: at the end of the graph, over the models that their KPIs come from."""

from typing import Any

import dagster as dg

from orchestration.assets.published import VERSION
from orchestration.translator import DATA_TEAM, LAYER, Translator


def build_dashboards(manifest: dict[str, Any]) -> list[dg.AssetSpec]:
    """An asset for each exposure of `manifest`, which no run makes: it reads the published version."""
    return [_dashboard(manifest, exposure) for exposure in manifest["exposures"].values()]


def _dashboard(manifest: dict[str, Any], exposure: dict[str, Any]) -> dg.AssetSpec:
    translator = Translator()
    models = [manifest["nodes"][name] for name in exposure["depends_on"]["nodes"] if name in manifest["nodes"]]
    meta = exposure["config"]["meta"]
    url = exposure.get("url") or ""
    shown = dg.MetadataValue.url(url) if "://" in url else dg.MetadataValue.text(url)
    owner = exposure["owner"]["name"]
    return dg.AssetSpec(
        key=dg.AssetKey(["dashboards", exposure["name"].removeprefix(f"{exposure['type']}_")]),
        deps=[VERSION, *(translator.get_asset_key(model) for model in models)],
        group_name="dashboards",
        description=exposure["description"],
        owners=[f"team:{owner}" if owner else DATA_TEAM],
        kinds={exposure["type"]},
        tags={LAYER: "dashboards"},
        metadata={"docs": "docs/lineage.md", "page": shown, "KPIs": ", ".join(meta["kpis"]), "file": meta["file"]},
    )
