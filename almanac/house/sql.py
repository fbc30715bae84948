"""Bans in SQL: what the formatter silently breaks, and what only one engine understands."""

import re
from pathlib import Path

from almanac.house.findings import Finding, line_of

CROSS_DB = "dbt_project/macros/cross_db/"

_COMMENT = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_STRING = re.compile(r"'(?:[^'\n]|'')*'")

# sqlfmt 0.32 rewrites these to something that means something else, and reports nothing.
FORMATTER_TRAPS = {
    r"(?<!:)//": "`//` becomes a comment when formatted: use floor(a / b) or div()",
    r"\*\*": "`**` breaks when formatted: use power()",
    r"\b[eE](?='')": "E'' breaks when formatted: use chr() or a plain string",
    r"\^@": "`^@` breaks when formatted: use starts_with()",
}

ENGINE_ONLY = {
    r"\bqualify\b": "qualify",
    r"\b(?:arg_min|arg_max|min_by|max_by)\s*\(": "arg_min/arg_max",
    r"\b(?:un)?pivot\b": "pivot/unpivot",
    r"(?<![|.] )(?<![|.])\b(?:list|list_[a-z]+|struct_[a-z]+|epoch_[um]s|strptime|strftime)\s*\(": "a DuckDB function",
    r"\b(?:union|all|into\s+[\w.]+)\s+by\s+name\b": "by name",
    r"\*\s*(?:exclude|replace)\s*\(": "* exclude/replace",
    r"\b(?:asof|positional)\s+(?:left\s+)?join\b": "asof/positional join",
    r"\btry_cast\s*\(": "try_cast",
    r"\bread_(?:parquet|csv|json)\w*\s*\(": "reading a file",
    r"\bgetvariable\s*\(": "a session variable",
    r"\bat\s+time\s+zone\b": "at time zone",
    r"\b(?:rowid|ctid)\b": "a row locator",
    r"\bgenerate_series\s*\(": "generate_series",
    r"\badapter\s*\.\s*dispatch\b": "adapter.dispatch",
    r"\btarget\s*\.\s*(?:type|name)\b": "asking for the target",
}

_NAMED_RELATION = re.compile(r"(?<!distinct)\s(?:from|join)\s+\"?\w+\"?\.\"?\w+", re.IGNORECASE)


def check_sql(root: Path) -> list[Finding]:
    """Formatter traps anywhere below `dbt_project`, engine differences outside `macros/cross_db`, named relations."""
    findings = []
    for path in sorted((root / "dbt_project").rglob("*.sql")):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        findings += formatter_traps(name, text)
        if not name.startswith(CROSS_DB):
            findings += engine_differences(name, text) + named_relations(name, text)
    return findings


def formatter_traps(name: str, text: str) -> list[Finding]:
    """Operators in the SQL itself (not in comments, strings or Jinja) that must not meet the formatter."""
    # Strings lose their content but keep their quotes, so that E'' is still seen.
    code = _STRING.sub(lambda m: "''" + " " * (len(m[0]) - 2), _blank(_JINJA, _blank(_COMMENT, text)))
    return [
        Finding(name, message, line_of(code, match.start()))
        for pattern, message in FORMATTER_TRAPS.items()
        for match in re.finditer(pattern, code)
    ]


def engine_differences(name: str, text: str) -> list[Finding]:
    """Words that not every engine understands; Jinja counts too, because macros build SQL in strings."""
    code = _blank(_COMMENT, text)
    return [
        Finding(
            name, f"{what} differs between engines: put it into a macro of {CROSS_DB}", line_of(code, match.start())
        )
        for pattern, what in ENGINE_ONLY.items()
        for match in re.finditer(pattern, code, re.IGNORECASE)
    ]


def named_relations(name: str, text: str) -> list[Finding]:
    """Relations named by schema instead of by ref or source: dbt would not know that they are read."""
    code = _blank(_JINJA, _blank(_COMMENT, text))
    return [
        Finding(name, f"`{' '.join(match[0].split())}`: use ref() or source()", line_of(code, match.start()))
        for match in _NAMED_RELATION.finditer(code)
    ]


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with every match replaced by spaces; line breaks stay, so line numbers do too."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
