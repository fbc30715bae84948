"""What is written by hand about lineage is kept right here: `depends_on` of `kpi_periods`, events of the facts."""

import re
from collections.abc import Collection
from pathlib import Path

from almanac.errors import AlmanacError
from almanac.event_lineage import source_events
from almanac.house.findings import Finding
from almanac.yaml_files import load

MODELS = "dbt_project/models"
_DEPENDS_ON = re.compile(r"--\s*depends_on:\s*\{\{\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")


def check_lineage(root: Path) -> list[Finding]:
    """Facts with measures and the `depends_on` lines of `kpi_periods`, which reads them all, must be the same."""
    found = list((root / MODELS).rglob("kpi_periods.sql"))
    if len(found) != 1:
        return [Finding(MODELS, f"there must be one kpi_periods.sql, and there are {len(found)}")]
    path = found[0].relative_to(root).as_posix()
    text = found[0].read_text(encoding="utf-8")
    named = _DEPENDS_ON.findall(text)
    facts = models_with_measures(root)
    findings = [
        Finding(path, f"names {fact} {named.count(fact)} times")
        for fact in sorted({f for f in named if named.count(f) > 1})
    ]
    findings += [
        Finding(path, f"lacks `-- depends_on: {{{{ ref('{fact}') }}}}`: {where} declares measures")
        for fact, where in facts.items()
        if fact not in named
    ]
    findings += [Finding(path, f"depends on {fact}, which declares no measure") for fact in named if fact not in facts]
    return findings


def check_source_events(root: Path, events: Collection[str]) -> list[Finding]:
    """Facts with measures must name the events that make their rows, and only `events` that the tracking plan has."""
    try:
        declared = source_events(root)
    except AlmanacError as error:
        path, _, message = str(error).partition(": ")
        return [Finding(path.replace(f"{root}/", ""), message)]
    return [
        Finding(file.relative_to(root).as_posix(), f"{fact}: source event {name!r} is not in the tracking plan")
        for fact, (names, file) in declared.items()
        for name in names or ()
        if name not in events
    ]


def models_with_measures(root: Path) -> dict[str, str]:
    """The models that declare at least one measure (a simple metric), each with the YAML file that does."""
    models = {}
    for path in sorted((root / MODELS).rglob("*.yml")):
        document = load(path.read_text(encoding="utf-8"))
        for model in (document or {}).get("models") or []:
            if any(metric.get("type") == "simple" for metric in model.get("metrics") or []):
                models[model["name"]] = path.relative_to(root).as_posix()
    return models
