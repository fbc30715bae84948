"""Each check of the repository finds what it is there to find, and leaves alone what is right."""

from pathlib import Path

import pytest

from almanac.house.findings import repository_files
from almanac.house.formulas import check_formulas
from almanac.house.lineage import check_lineage
from almanac.house.pages import check_pages
from almanac.house.sql import check_sql
from almanac.house.statements import check_statements
from almanac.house.words import check_words


def write(root: Path, name: str, text: str) -> Path:
    """Write a file of a repository that exists for one test."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


MODEL = "dbt_project/models/marts/core/fact_x.sql"


@pytest.mark.parametrize(
    "sql",
    [
        "select 7 // 2",
        "select 2 ** 3",
        "select E'\\n'",
        "select a ^@ b",
        "select a from b qualify row_number() over () = 1",
        "select arg_min(a, b) from c",
        "unpivot x on y",
        "select list(a) from b",
        "select a from b union all by name select c",
        "select a at time zone 'UTC' from b",
        "select * exclude (a) from b",
        "{{ run_query('select epoch_us(at) from x') }}",
        "{% if target.type == 'duckdb' %}select 1{% endif %}",
        "select a from marts.fact_events",
        "select a from b join marts.fact_events as c on true",
    ],
)
def test_sql_that_breaks_in_the_formatter_or_on_an_engine_is_found(sql: str, tmp_path: Path) -> None:
    assert check_sql(write(tmp_path, MODEL, sql))


@pytest.mark.parametrize(
    "sql",
    [
        "-- half // of it, 2 ** 3, list(x)\nselect 1",
        "{# E'' and qualify #}select a / 2",
        "select 'https://example.org', 'a ** b', '-- no comment'",
        "select a from {{ ref('fact_x') }} where b is distinct from f.built_version",
        "select row_number() over (order by name) as place from {{ ref('x') }}",
        "{% set names = rows.columns[0].values() | list %}{{ config(**settings) }}select 1",
        "select a from b inner join c on c.tenant = b.tenant",
    ],
)
def test_sql_that_is_right_is_left_alone(sql: str, tmp_path: Path) -> None:
    assert [str(f) for f in check_sql(write(tmp_path, MODEL, sql))] == []


def test_engine_differences_may_stand_in_cross_db_and_traps_may_not(tmp_path: Path) -> None:
    folder = "dbt_project/macros/cross_db"
    assert check_sql(write(tmp_path, f"{folder}/good.sql", "{% macro m() %}list(a){% endmacro %}")) == []
    found = check_sql(write(tmp_path, f"{folder}/bad.sql", "select 1\nfrom x where 7 // 2 = 3"))
    assert [(f.path, f.line) for f in found] == [(f"{folder}/bad.sql", 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (MODEL, "select sum(a) / count(*) as average from b"),
        (MODEL, "select sum(a) filter (where c) / nullif(sum(d), 0) from b"),
        (MODEL, "select avg(a) from b"),
        (MODEL, "select 100 * x / sum(y) from b"),
        ("serving/page.py", "value = row.numerator / row.denominator"),
        ("serving/page.py", "SQL = 'select numerator / nullif(denominator, 0) from kpi_values'"),
        ("serving/page.py", "SQL = '''select sum(gmv_amount)\nfrom fact_revenue'''"),
        ("serving/static/page.js", "const v = row.numerator / row.denominator;"),
        (MODEL.replace(".sql", ".yml"), "models: [{name: fact_x, metrics: [{name: rate, type: ratio}]}]"),
        ("dbt_project/models/marts/core/rate.yml", "metrics: [{name: rate, type: derived}]"),
    ],
)
def test_a_formula_outside_the_kpi_room_is_found(name: str, text: str, tmp_path: Path) -> None:
    assert check_formulas(write(tmp_path, name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (MODEL, "select sum(a) as a, count(*) as b, c / 2 as half from d -- sum(a) / count(*)"),
        ("dbt_project/models/kpis/growth/rate.yml", "metrics: [{name: rate, type: ratio}]"),
        ("dbt_project/models/kpis/kpi_values.sql", "select numerator / nullif(denominator, 0) from x"),
        (MODEL.replace(".sql", ".yml"), "models: [{name: fact_x, metrics: [{name: n, type: simple}]}]"),
        ("serving/page.py", "SQL = 'select value, numerator, denominator from kpi_values'\nhalf = width / 2"),
        ("serving/page.py", '"""The formula in words, as `numerator / denominator`."""'),
        ("serving/adding.py", "def value(n):\n    return n.numerator / n.denominator"),
    ],
)
def test_code_without_a_formula_is_left_alone(name: str, text: str, tmp_path: Path) -> None:
    assert [str(f) for f in check_formulas(write(tmp_path, name, text))] == []


FACT_YML = "models: [{name: fact_a, metrics: [{name: n, type: simple}]}, {name: fact_b}]"


@pytest.mark.parametrize(
    ("measures", "is_right"),
    [
        ("-- depends_on: {{ ref('fact_a') }}", True),
        ("select 1", False),
        ("-- depends_on: {{ ref('fact_a') }}\n-- depends_on: {{ ref('fact_b') }}", False),
        ("-- depends_on: {{ ref('fact_a') }}\n-- depends_on: {{ ref('fact_a') }}", False),
    ],
)
def test_kpi_periods_names_exactly_the_facts_with_measures(measures: str, is_right: bool, tmp_path: Path) -> None:
    write(tmp_path, "dbt_project/models/marts/core/facts.yml", FACT_YML)
    write(tmp_path, "dbt_project/models/kpis/kpi_periods.sql", measures)
    assert (check_lineage(tmp_path) == []) is is_right


@pytest.mark.parametrize(
    ("model", "column", "is_right"),
    [
        ("fact_a", "{name: price, data_type: 'Decimal(18, 4)'}", True),
        ("fact_a", "{name: price, data_type: double}", False),
        ("fact_a", "{name: other, data_type: double}", True),
        ("fact_a", "{name: other, data_type: varchar, config: {meta: {pii: personal}}}", False),
        ("stg_events", "{name: price, data_type: 'decimal(18,4)'}", False),
        ("stg_events", "{name: tenant, data_type: varchar}", True),
    ],
)
def test_models_repeat_the_tracking_plan_neither_rightly_nor_wrongly(
    model: str, column: str, is_right: bool, tmp_path: Path
) -> None:
    write(tmp_path, "dbt_project/models/m.yml", f"models: [{{name: {model}, columns: [{column}]}}]")
    assert (check_statements(tmp_path, {"price": "money"}) == []) is is_right


@pytest.mark.parametrize(
    "text",
    [
        "see https://" + "py" + "pi.org/simple",
        "open /ro" + "ot/notes",
        "open /ho" + "me/anna/notes",
        "key AK" + "IA" + "A" * 16,
        "-----BE" + "GIN PRIVATE KEY-----",
        "as issue 7 " + "asks",
    ],
)
def test_words_that_must_not_be_in_the_repository_are_found(text: str, tmp_path: Path) -> None:
    found = check_words(write(tmp_path, "docs/page.md", f"first line\n{text}\n"))
    assert [(f.path, f.line) for f in found] == [("docs/page.md", 2)]


def test_generated_folders_are_not_searched(tmp_path: Path) -> None:
    write(tmp_path, ".almanac/x.md", "y")
    write(tmp_path, "docs/x.md", "y")
    assert [p.relative_to(tmp_path).as_posix() for p in repository_files(tmp_path)] == ["docs/x.md"]


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("run `make test`, then `almanac check`", True),
        ("`docs/here.md`, `docs/<any>.md`, `docs/{here,there}.md`, `here.md`, `text/plain`, `/v1/track`", True),
        ("run `make nothing`", False),
        ("```\nmake nothing\n```", False),
        ("run `almanac nothing`", False),
        ("see `docs/nowhere.md`", False),
        ("see `docs/{here,nowhere}.md`", False),
        ("see `nowhere.py`", False),
    ],
)
def test_pages_name_only_what_exists(text: str, is_right: bool, tmp_path: Path) -> None:
    write(tmp_path, "Makefile", "test: ## run\n\ttrue\n")
    write(tmp_path, "almanac/settings.py", "")
    write(tmp_path, "docs/here.md", "")
    write(tmp_path, "docs/there.md", "")
    write(tmp_path, "README.md", text)
    assert (check_pages(tmp_path, ["check"]) == []) is is_right


def test_settings_and_their_explanation_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, "Makefile", "")
    write(tmp_path, "almanac/settings.py", "env.get('ALMANAC_HOME'), env.get('ALMANAC_NEW')")
    write(tmp_path, ".env.example", "#ALMANAC_HOME=\n#ALMANAC_OLD=\n")
    assert [f.message for f in check_pages(tmp_path, [])] == [
        "does not explain ALMANAC_NEW",
        "explains ALMANAC_OLD, which nothing reads",
    ]
