"""The verdict on what arrived: Great Expectations as asset checks, one per expected source and expectation."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

import expectations
from almanac.checks import CheckResult
from almanac.errors import AlmanacError
from almanac.publish import record_failure
from almanac.settings import Settings
from expectations.docs import DOCS_ADDRESS, docs_page
from expectations.judge import expected_sources
from ingestion.tracking_plan import Plan
from orchestration.assets.models import LOAD_LOG
from orchestration.resources import Almanac
from orchestration.sample_rows import sample_rows, table
from orchestration.translator import DATA_TEAM, LAYER

ARRIVALS = dg.AssetKey(["gate", "arrivals"])


def build_arrivals(plan: Plan) -> dg.AssetsDefinition:
    """The asset that judges the arrivals of every source that a tenant of `plan` expects daily."""
    checks = [
        dg.AssetCheckSpec(
            name=check_name("/".join(source), name), asset=ARRIVALS, description=description, blocking=True
        )
        for source in expected_sources(plan)
        for name, description in expectations.CHECKS.items()
    ]
    spec = dg.AssetSpec(
        key=ARRIVALS,
        deps=[LOAD_LOG],
        group_name="gate",
        description="What arrived on the newest complete days, judged against what each source is expected to send "
        "and against the 14 days before: rows, late and quarantined shares, columns that fell silent.",
        owners=[DATA_TEAM],
        kinds={"greatexpectations"},
        tags={LAYER: "gate"},
        metadata={"docs": "docs/quality.md"},
    )

    @dg.multi_asset(name="arrivals", specs=[spec], check_specs=checks, can_subset=True)
    def arrivals(context: dg.AssetExecutionContext, almanac: dg.ResourceParam[Almanac]) -> Iterator[Any]:
        results = _judge(almanac)
        for result in results:
            key = dg.AssetCheckKey(ARRIVALS, check_name(result.subject, result.name))
            if key in context.selected_asset_check_keys:
                yield _shown(key, result)
            else:
                context.log.info("%s: %s: %s", result.subject, result.name, result.message)
        blocking = [result for result in results if result.blocks]
        if blocking:
            names = [result.name for result in blocking]
            record_failure(almanac.settings, f"{len(blocking)} failed check{'s' if len(blocking) > 1 else ''}", names)
            first = blocking[0]
            raise dg.Failure(f"{first.subject}: {first.message}", metadata=_page(almanac.settings), allow_retries=False)
        if ARRIVALS in context.selected_asset_keys:  # one check alone can be asked for, too
            warnings = sum(not result.passed for result in results)
            metadata = {"judged": len(results), "warnings": warnings} | _page(almanac.settings)
            yield dg.MaterializeResult(asset_key=ARRIVALS, metadata=metadata)

    return arrivals


def _judge(almanac: Almanac) -> list[CheckResult]:
    """What the expectations say. Raises dg.Failure, with a note for readers, if they cannot be judged or remembered."""
    try:
        # The whole gate, so that the record of this day holds what dbt's tests said too if the arrivals stop the run.
        return [result for result in almanac.judgement.made(almanac.settings) if result.kind == "expectation"]
    except AlmanacError as error:
        record_failure(almanac.settings, str(error), [])
        raise dg.Failure(str(error), allow_retries=False) from error


def check_name(subject: str, name: str) -> str:
    """The name of the asset check for an expectation on a source (`tenant/source`)."""
    return f"{subject}/{name}".replace("/", "__").replace("-", "_")


def _page(settings: Settings) -> dict[str, Any]:
    """Where every expectation is explained, with its limits and what came of it: on the portal, and on the disk."""
    page: dict[str, Any] = {"expectations": dg.MetadataValue.path(docs_page(settings))}
    if settings.portal_url:
        page["expectations on the portal"] = dg.MetadataValue.url(f"{settings.portal_url.rstrip('/')}{DOCS_ADDRESS}")
    return page


def _shown(key: dg.AssetCheckKey, result: CheckResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=result.message,
        metadata=_numbers(result.details.get("days") or []) | sample_rows(result.details.get("sample rows") or []),
    )


def _numbers(days: list[dict[str, Any]]) -> dict[str, Any]:
    """The judged days as a table, and the newest of them as numbers, which Dagster draws over time."""
    if not days:
        return {}
    names = [name for name in days[-1] if name not in ("silent_columns", "unusual")]
    newest = {name: float(days[-1][name]) for name in ("received", "late_share", "quarantined_share")}
    return {"judged days": dg.MetadataValue.md(table(names, days)), **newest}
