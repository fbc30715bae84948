"""What a build depends on beside the lake: the models' code and the KPI definitions, each as one hash.

Changed model code means that standing rows were made by other code: everything is built anew. Changed definitions
only concern the KPI tables; dbt's own `state:modified` sees neither a changed metric nor `kpi_values`.
"""

from pathlib import Path

from almanac.load_log import TenantRow, fingerprint


def code_hash(root: Path, tenants: list[TenantRow], outside: list[str]) -> str:
    """Hash of all SQL of the dbt project, of `dbt_project.yml`, what cuts a tenant's days and what is no visit."""
    project = root / "dbt_project"
    files = sorted(f for folder in ("models", "macros") for f in (project / folder).rglob("*.sql"))
    texts = ((f.relative_to(root).as_posix(), f.read_text(encoding="utf-8")) for f in files if "kpis" not in f.parts)
    zones = [(t.tenant, t.time_zone) for t in tenants]
    return fingerprint([*texts, (root / "dbt_project.yml").read_text(encoding="utf-8"), zones, outside])


def definitions_hash(root: Path) -> str:
    """Hash of every YAML of the models (measures lie beside their facts) and of the KPI models and macros."""
    project = root / "dbt_project"
    files = sorted((project / "models").rglob("*.yml"))
    files += sorted(f for f in project.rglob("*.sql") if "kpis" in f.parts)
    return fingerprint((f.relative_to(root).as_posix(), _without_unit_tests(f)) for f in files)


def _without_unit_tests(file: Path) -> str:
    """The text of a file up to its unit tests, which stand last and change no number."""
    return file.read_text(encoding="utf-8").split("\nunit_tests:")[0]
