"""A KPI's formula stands in its own file and nowhere else: divisions of sums elsewhere are found here."""

import ast
import re
from pathlib import Path

from almanac.house.findings import Finding, line_of, text_files
from almanac.yaml_files import load

KPI_ROOM = ("dbt_project/models/kpis/", "dbt_project/macros/kpis/")
# The portal's total over a free range of dates: stored parts added up, and divided once.
RANGE_TOTAL = "serving/adding.py"
# What judges the rows that arrive counts and measures them; nothing of it is shown as a number of the business.
JUDGING = "expectations/"
# Tests and benchmarks compute a number a second way on purpose.
ALLOWED = (*KPI_ROOM, RANGE_TOTAL, JUDGING, "dbt_project/tests/", "tests/", "benchmarks/", "almanac/house/")
KPI_TYPES = frozenset({"ratio", "derived", "cumulative", "conversion"})
DIVIDES = f"divides a stored numerator by its denominator: read `value`, or call {RANGE_TOTAL}"

_SQL_COMMENT = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_AVERAGE = re.compile(r"\bavg\s*\(", re.IGNORECASE)
_AGGREGATE_BEFORE = re.compile(r"\b(?:sum|count)\s*$", re.IGNORECASE)
_AGGREGATE_AFTER = re.compile(r"\s*(?:nullif\s*\(\s*)?(?:cast\s*\(\s*)?(?:sum|count)\s*\(", re.IGNORECASE)
_STORED_PAIR = re.compile(
    r"\bnumerator\w*\s*\)?\s*/\s*(?:nullif\s*\(\s*)?(?:sum\s*\(\s*)?\w*\.?denominator", re.IGNORECASE
)
_FROM_FACT = re.compile(r"\b(?:sum|avg|count)\s*\(.*\bfrom\s+[\w.\"]*fact_", re.IGNORECASE | re.DOTALL)


def check_formulas(root: Path) -> list[Finding]:
    """KPI definitions outside the KPI room, and code that computes what a KPI already says."""
    findings = []
    for name, text in text_files(root):
        if name.startswith(ALLOWED):
            continue
        if name.startswith("dbt_project/") and name.endswith((".yml", ".yaml")):
            findings += _definitions(name, text)
        elif name.endswith(".sql"):
            findings += _sql(name, text)
        elif name.endswith(".py"):
            findings += _python(name, text)
        elif name.endswith((".js", ".html")):
            findings += _stored_pairs(name, text)
    return findings


def _definitions(name: str, text: str) -> list[Finding]:
    document = load(text)
    if not isinstance(document, dict):
        return []
    metrics = list(document.get("metrics") or [])
    for model in document.get("models") or []:
        metrics += model.get("metrics") or []
    return [
        Finding(name, f"metric {metric.get('name')!r} is a KPI ({metric['type']}): it belongs in {KPI_ROOM[0]}<area>/")
        for metric in metrics
        if metric.get("type") in KPI_TYPES
    ]


def _sql(name: str, text: str) -> list[Finding]:
    code = _SQL_COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    places = {match.start() for match in _AVERAGE.finditer(code)}
    places |= {i for i, char in enumerate(code) if char == "/" and _divides_aggregates(code, i)}
    message = "an average or a quotient of sums is a KPI's business: keep both parts and let the KPI divide"
    return [Finding(name, message, line_of(code, place)) for place in sorted(places)] + _stored_pairs(name, code)


def _divides_aggregates(code: str, slash: int) -> bool:
    """Whether the `/` at this position has a sum or a count on one of its sides."""
    return bool(_AGGREGATE_AFTER.match(code, slash + 1)) or _ends_with_aggregate(code[:slash].rstrip())


def _ends_with_aggregate(before: str) -> bool:
    while before.endswith(")"):
        depth, start = 0, len(before)
        while start and (depth or start == len(before)):
            start -= 1
            depth += {")": 1, "(": -1}.get(before[start], 0)
        before = before[:start].rstrip()
        if _AGGREGATE_BEFORE.search(before):
            return True
        before = re.sub(r"\bfilter$", "", before, flags=re.IGNORECASE).rstrip()
    return False


def _stored_pairs(name: str, text: str) -> list[Finding]:
    return [Finding(name, DIVIDES, line_of(text, match.start())) for match in _STORED_PAIR.finditer(text)]


def _python(name: str, text: str) -> list[Finding]:
    findings = []
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _FROM_FACT.search(node.value):
                findings.append(Finding(name, "aggregates a fact: published numbers are in kpi_values", node.lineno))
            if "select" in node.value.lower() and _STORED_PAIR.search(node.value):
                findings.append(Finding(name, DIVIDES, node.lineno))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_pair(node):
            findings.append(Finding(name, DIVIDES, node.lineno))
    return findings


def _is_pair(node: ast.BinOp) -> bool:
    return "numerator" in ast.unparse(node.left) and "denominator" in ast.unparse(node.right)
