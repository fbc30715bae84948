"""Every dbt model as an asset, every dbt test as its check, built together by the one way to build.

`almanac.build` decides what a run rebuilds, so a selection of single models in Dagster's page builds everything that is
pending and shows the selected ones. When nothing is pending no model is materialized: each gets an observation that
says so, and only the load log is stated anew, with the data version of the build that it stems from.
"""

from collections.abc import Collection, Iterator
from typing import Any

import dagster as dg
from dagster_dbt import build_dbt_asset_specs
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from almanac.build import Begins, BuildResult, run_build
from almanac.dbt_worker import Event, OnEvent
from almanac.engines import open_warehouse
from almanac.errors import AlmanacError
from almanac.publish import record_failure
from almanac.settings import Settings
from orchestration.build_stream import BuildStream
from orchestration.lag import lag
from orchestration.queues import AGGREGATION, LIMIT
from orchestration.resources import Almanac, lineage_of
from orchestration.sample_rows import sample_rows
from orchestration.translator import DATA_TEAM, LAYER, Translator

LOAD_LOG = dg.AssetKey(["gate", "load_log"])
Manifest = dict[str, Any]


def build_models(manifest: Manifest) -> dg.AssetsDefinition:
    """The multi-asset of all models of `manifest`, with the load log as the last one: it stands for "all passed"."""
    translator = Translator()
    specs = build_dbt_asset_specs(manifest=manifest, dagster_dbt_translator=translator)
    load_log = dg.AssetSpec(
        key=LOAD_LOG,
        deps=sorted(_last(specs)),
        group_name="gate",
        description="Which landings the warehouse holds. Committed only when every model and every test has passed, "
        "so whatever comes after this never sees a half-built number.",
        owners=[DATA_TEAM],
        kinds={"duckdb"},
        tags={LAYER: "gate"},
        metadata={"docs": "docs/quality.md"},
        skippable=True,
    )

    @dg.multi_asset(
        name="dbt_build",
        specs=[*specs, load_log],
        check_specs=test_specs(manifest, translator),
        can_subset=True,
        pool=AGGREGATION,
        description="Builds what has arrived since the last whole build, and what depends on it, and tests it.",
    )
    def dbt_build(context: dg.AssetExecutionContext, almanac: dg.ResourceParam[Almanac]) -> Iterator[Any]:
        def begins(anew: bool) -> None:
            if anew:  # takes as long as it takes
                context.instance.add_run_tags(context.run.run_id, {LIMIT: "0"})

        stream = BuildStream(lambda said: _build(almanac, said, context.run, begins))
        try:
            yield from _events(stream, manifest, translator, context)
        except AlmanacError as error:
            raise _failure(almanac.settings, str(error), []) from error
        result = stream.result
        if not result.succeeded:
            raise _failure(almanac.settings, _reason(result), [node.name for node in result.failed])
        if not result.built:
            _observe(context, "Nothing new in the lake: the model is as its last build left it.")
        if LOAD_LOG in context.selected_asset_keys:
            yield _load_log(almanac.settings, result)

    return dbt_build


def test_specs(manifest: Manifest, translator: Translator) -> list[dg.AssetCheckSpec]:
    """An asset check for every data test that is about one model."""
    found = []
    for unique_id, node in manifest["nodes"].items():
        model = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
        if node["resource_type"] != "test" or not model.startswith("model."):
            continue
        spec = translator.get_asset_spec(manifest, model, None)
        check = translator.get_asset_check_spec(spec, manifest, unique_id, None)
        if check:
            found.append(check)
    return found


def _last(specs: Any) -> set[dg.AssetKey]:
    """Models that no other model reads."""
    read = {dep.asset_key for spec in specs for dep in spec.deps}
    return {spec.key for spec in specs} - read


def _build(almanac: Almanac, said: OnEvent, run: dg.DagsterRun, begins: Begins) -> BuildResult:
    def tell(event: Event) -> None:
        said(event)
        if almanac.on_event:
            almanac.on_event(event)

    parent = lineage_of(almanac.settings, run)
    return run_build(almanac.settings, runner=almanac.runner, on_event=tell, begins=begins, parent=parent)


def _events(
    stream: BuildStream, manifest: Manifest, translator: Translator, context: dg.AssetExecutionContext
) -> Iterator[Any]:
    """What is shown of a build as it goes on; tests that failed at its end, when some of their rows are known.

    Raises what the build raises.
    """
    failed: dict[str, dg.AssetCheckResult] = {}
    selected = context.op_execution_context.selected_output_names  # Dagster searches all assets for it
    for event in stream:
        for shown in _shown(event, manifest, translator, context, selected):
            if isinstance(shown, dg.AssetCheckResult) and not shown.passed:
                failed[event["data"]["node_info"]["unique_id"]] = shown
            else:
                yield shown
    rows = {node.unique_id: sample_rows(node.rows) for node in stream.result.nodes}
    for unique_id, check in failed.items():
        yield check._replace(metadata={**check.metadata, **rows.get(unique_id, {})})


def _shown(
    event: Event,
    manifest: Manifest,
    translator: Translator,
    context: dg.AssetExecutionContext,
    selected: Collection[str],
) -> Iterator[Any]:
    """One result event of dbt as Dagster's events; outputs only of those `selected`."""
    unique_id = event["data"]["node_info"]["unique_id"]
    if unique_id not in manifest["nodes"]:
        context.log.warning("%s is new in the project: reload the code location to see it here", unique_id)
        return
    message = DbtCoreCliEventMessage(event, {})
    for shown in message.to_default_asset_events(manifest, translator, context=context):
        if not isinstance(shown, dg.Output):
            yield shown
        elif shown.output_name in selected:
            rows = {} if event.get("rows") is None else {"dagster/row_count": event["rows"]}
            yield shown.with_metadata({**shown.metadata, **rows})


def _observe(context: dg.AssetExecutionContext, words: str) -> None:
    for key in sorted(context.selected_asset_keys - {LOAD_LOG}):
        context.log_event(dg.AssetObservation(asset_key=key, description=words))


def _load_log(settings: Settings, result: BuildResult) -> dg.MaterializeResult[None]:
    with open_warehouse(settings, read_only=True) as engine:
        [(run_id,)] = engine.execute("select value from ctl.state where name = 'run_id'")
        [(landings,)] = engine.execute("select count(*) from ctl.file")
        [(newest,)] = engine.execute("select max(data_as_of) from intermediate.int_events__as_of")
    models = [node for node in result.nodes if node.resource_type == "model"]
    return dg.MaterializeResult(
        asset_key=LOAD_LOG,
        data_version=dg.DataVersion(run_id),
        metadata={
            "new landings built": result.pending,
            "landings in all": landings,
            "built anew from the whole lake": result.full_refresh,
            "models built": len(models),
            "tests passed": len(result.nodes) - len(models),
            "seconds of models and tests": round(sum(node.seconds for node in result.nodes), 3),
            "bytes": settings.warehouse.stat().st_size if settings.target == "duckdb" else 0,
            **lag("seconds since the newest arrival built", newest),
        },
    )


def _reason(result: BuildResult) -> str:
    """What failed, in one line."""
    if result.error:
        return f"the build failed: {' '.join(result.error.split())[:300]}"
    ran = [node for node in result.failed if node.status not in (None, "skipped")]
    first = (ran or result.failed)[0]
    words = " ".join(first.message.split())[:300] or "did not run"
    return f"the build failed at {first.resource_type} {first.name}: {words}"


def _failure(settings: Settings, reason: str, failed: list[str]) -> dg.Failure:
    """Note why readers keep the old numbers, and the error that ends the run."""
    record_failure(settings, reason, failed)
    metadata = {"did not pass": dg.MetadataValue.json(failed)}
    return dg.Failure(description=reason, metadata=metadata, allow_retries=False)
