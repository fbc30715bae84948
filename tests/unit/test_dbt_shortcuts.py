"""The shortcuts through dbt give what dbt gives, only with less work."""

import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbt.clients.jinja
import dbt.context.macros
import dbt.context.manifest
import dbt.context.providers
import pytest
from dbt.adapters.base.impl import BaseAdapter
from dbt.adapters.events.types import SQLQuery
from dbt.artifacts.resources.types import NodeType
from dbt.clients.jinja import MacroGenerator, MacroStack
from dbt.compilation import Linker
from dbt.context.macros import MacroNamespaceBuilder
from dbt.contracts.graph.manifest import FlatGraphMapping
from dbt.contracts.graph.nodes import Macro, ParsedNode
from dbt.events.types import LogModelResult
from dbt.plugins.manager import PluginManager
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent, EventLevel, EventMsg
from dbt_common.events.event_manager_client import get_event_manager

from almanac import dbt_shortcuts
from almanac.dbt_parse import parse
from almanac.dbt_shortcuts import build_often, take_shortcuts
from almanac.settings import Settings

PLACES = [
    *((BaseEvent, name) for name in ("__init__", "__getattr__", "__setattr__")),
    (jinja.NativeSandboxTemplate, "new_context"),
    (agate_helper, "build_type_tester"),
    (agate_helper, "empty_table"),
    (dbt.clients.jinja, "get_template"),
    (ParsedNode, "write_node"),
    (dbt.context.macros, "ChainMap"),
    (dbt.context.manifest, "ChainMap"),
    (jinja, "ChainMap"),
    (MacroNamespaceBuilder, "build_namespace"),
    (MacroGenerator, "get_macro"),
    (BehaviorFlagRendered, "_default_source"),
    (BaseAdapter, "set_macro_context_generator"),
    (dbt.context.providers, "args_to_dict"),
    (Linker, "get_graph_summary"),
    (PluginManager, "get_prefixed_modules"),
    (FlatGraphMapping, "__getitem__"),
]
SUMMARY, MODULES = Linker.get_graph_summary, PluginManager.get_prefixed_modules
FLAT = FlatGraphMapping.__getitem__


@pytest.fixture(autouse=True)
def shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take them for one test."""
    for place, name in PLACES:
        monkeypatch.setattr(place, name, getattr(place, name))  # taken back afterwards
    # A build in the same process may have compiled hundreds of templates before.
    monkeypatch.setattr(dbt_shortcuts, "_templates", {})
    take_shortcuts()
    build_often()


@pytest.mark.parametrize(("place", "name"), PLACES)
def test_dbt_still_has_what_is_replaced(place: Any, name: str) -> None:
    assert hasattr(place, name)


def test_a_behaviour_flag_names_the_module_that_declares_it() -> None:
    flag = BehaviorFlagRendered({"name": "a", "default": False, "description": "what it does"}, {})
    assert flag._behavior_change_event.flag_source == __name__


def test_what_dbt_was_called_with_is_worded_once_an_invocation() -> None:
    once, again = ({"vars": {"n": n}, "which": "build", "quiet": True} for n in (1, 2))
    for given in (once, again):
        args = SimpleNamespace(**given)
        said = dbt.context.providers.args_to_dict(args)
        assert said == dbt_shortcuts._new_arguments(args)
        said["which"] = "a template wrote this"
        assert dbt.context.providers.args_to_dict(args) == dbt_shortcuts._new_arguments(args)


def test_the_summary_of_the_graph_is_dbts(tmp_path: Path) -> None:
    manifest = parse(Settings.for_home(tmp_path))
    linker = Linker()
    linker.link_graph(manifest)
    assert len(linker.graph) > 100
    assert linker.get_graph_summary(manifest) == SUMMARY(linker, manifest)


def test_a_node_of_the_graph_is_a_dictionary_once_until_it_is_compiled(tmp_path: Path) -> None:
    manifest = parse(Settings.for_home(tmp_path))
    for graph in (manifest.flat_graph["metrics"], manifest.flat_graph["nodes"]):
        assert len(graph) > 50
        for key in graph:
            assert graph[key] == FLAT(graph, key)
            assert graph[key] is graph[key]
    node = manifest.nodes["model.almanac.fact_events"]
    node.compiled, node.compiled_code = True, "select 1"
    assert manifest.flat_graph["nodes"][node.unique_id] == node.to_dict(omit_none=False)
    manifest.nodes[node.unique_id] = manifest.nodes["model.almanac.fact_sessions"]
    assert manifest.flat_graph["nodes"][node.unique_id]["name"] == "fact_sessions"


def test_modules_that_may_extend_dbt_are_sought_once() -> None:
    found = PluginManager.get_prefixed_modules()
    assert found == MODULES()
    assert found
    assert PluginManager.get_prefixed_modules() is found


def test_an_adapter_makes_the_context_of_a_macro_once_in_an_invocation() -> None:
    class Adapter:
        _macro_context_generator: Any = None

    class Named:
        unique_id = "macro.a.b"

    adapter, made, first, second = Adapter(), [], object(), object()

    def generate(macro: Any, config: Any, resolver: Any, project: Any) -> dict[str, Any]:
        made.append(config)
        return {"of": config}

    BaseAdapter.set_macro_context_generator(adapter, generate)  # type: ignore[arg-type]
    for config, project in ((first, None), (first, None), (first, "dbt"), (second, None), (second, None)):
        assert adapter._macro_context_generator(Named(), config, None, project) == {"of": config}
    assert made == [first, first, second]


class TestEvents:
    def test_an_event_that_nobody_reads_is_not_worded(self) -> None:
        event = SQLQuery(conn_name="c", sql="select 1")
        assert "pb_msg" not in vars(event)

    def test_one_that_is_read_says_what_it_said(self) -> None:
        event = SQLQuery(conn_name="c", sql="select 1")
        assert "select 1" in event.message()
        assert event.conn_name == "c"
        assert event.sql == "select 1"

    def test_one_can_be_changed_before_it_is_read(self) -> None:
        event = SQLQuery(conn_name="c", sql="select 1")
        event.sql = "select 2"
        assert (event.conn_name, event.sql) == ("c", "select 2")

    def test_an_unknown_field_is_still_an_error(self) -> None:
        with pytest.raises(AttributeError):
            _ = SQLQuery(conn_name="c", sql="select 1").nothing

    def test_what_is_heard_is_heard_whole(self) -> None:
        heard: list[EventMsg] = []
        manager = get_event_manager()
        manager.add_callback(heard.append)
        try:
            manager.fire_event(SQLQuery(conn_name="c", sql="select 1"))
            said = LogModelResult(description="model a", status="OK", index=1, total=2, execution_time=0.5)
            manager.fire_event(said, EventLevel.INFO)
        finally:
            manager.callbacks.remove(heard.append)
        assert [e.info.name for e in heard] == ["LogModelResult"]
        assert heard[0].data.description == "model a"  # type: ignore[attr-defined]


class TestTables:
    ROWS: tuple[dict[str, Any], ...] = (
        {"n": 1, "text": "005", "nothing": None, "when": "2026-10-01", "share": Decimal("0.5"), "some": ["a"]},
        {"n": None, "text": "null", "nothing": None, "when": "", "share": Decimal(2), "some": []},
    )

    def test_rows_of_a_query_have_the_same_values_and_types(self, monkeypatch: pytest.MonkeyPatch) -> None:
        quick = agate_helper.table_from_data_flat(self.ROWS, list(self.ROWS[0]))
        monkeypatch.setattr(agate_helper, "build_type_tester", dbt_shortcuts._new_type_tester)
        careful = agate_helper.table_from_data_flat(self.ROWS, list(self.ROWS[0]))
        assert [tuple(r) for r in quick.rows] == [tuple(r) for r in careful.rows]
        assert [type(t) for t in quick.column_types] == [type(t) for t in careful.column_types]
        assert quick.rows[0]["text"] == "005"

    def test_other_columns_have_another_tester(self) -> None:
        as_text = agate_helper.table_from_rows([["2026-10-01"]], ["a"], text_only_columns={"a"})
        as_date = agate_helper.table_from_rows([["2026-10-01"]], ["a"], text_only_columns=set())
        assert (as_text.rows[0]["a"], as_date.rows[0]["a"]) == ("2026-10-01", datetime.date(2026, 10, 1))

    def test_a_statement_without_an_answer_has_a_table_without_rows_and_columns(self) -> None:
        quick, careful = agate_helper.empty_table(), dbt_shortcuts._new_empty_table()
        assert (len(quick.rows), len(quick.columns)) == (len(careful.rows), len(careful.columns)) == (0, 0)
        assert agate_helper.empty_table() is quick


class TestTemplates:
    def test_arguments_of_tests_see_what_is_around_them(self) -> None:
        assert dbt.clients.jinja.get_rendered("{{ [a, 2] }}", {"a": 1}, native=True) == [1, 2]
        assert dbt.clients.jinja.get_rendered("{{ [a, 2] }}", {"a": 3}, native=True) == [3, 2]

    def test_a_text_is_compiled_once_and_rendered_with_what_is_around_it_each_time(self) -> None:
        assert [dbt.clients.jinja.get_rendered("select {{ a }}", {"a": n}) for n in (1, 2)] == ["select 1", "select 2"]
        assert len(dbt_shortcuts._templates) == 1

    def test_native_and_plain_are_kept_apart(self) -> None:
        rendered = [dbt.clients.jinja.get_rendered("{{ a }}", {"a": 7}, native=native) for native in (True, False)]
        assert rendered == [7, "7"]

    def test_a_mistake_is_told_as_dbt_tells_it(self) -> None:
        from dbt_common.exceptions import CompilationError

        with pytest.raises(CompilationError):
            dbt.clients.jinja.get_rendered("{{ a", {})


class TestMacros:
    """What a macro sees: those of its package hide the project's, these the adapter's, these dbt's own."""

    @staticmethod
    def macro(package: str, name: str, body: str) -> Macro:
        text = f"{{% macro {name}() %}}{body}{{% endmacro %}}"
        place: dict[str, Any] = {"original_file_path": "a.sql", "path": "a.sql", "unique_id": f"macro.{package}.{name}"}
        return Macro(name=name, package_name=package, macro_sql=text, resource_type=NodeType.Macro, **place)

    @pytest.fixture
    def packages(self) -> dict[str, dict[str, Macro]]:
        found: dict[str, dict[str, Macro]] = {}
        for package in ("dbt", "dbt_duckdb", "other", "project"):
            for name in ("all_have_it", f"only_{package}", "dbt_has_it"):
                if name != "dbt_has_it" or package in ("dbt", "dbt_duckdb"):
                    found.setdefault(package, {})[name] = self.macro(package, name, f"{package} {{{{ x }}}}")
        return found

    @staticmethod
    def builder() -> MacroNamespaceBuilder:
        stack = MacroStack()  # type: ignore[no-untyped-call]
        return MacroNamespaceBuilder("project", "other", stack, ["dbt_duckdb", "dbt"])

    def test_names_are_found_as_dbt_finds_them(self, packages: Any) -> None:
        context = {"x": 1}
        quick = self.builder().build_namespace(packages, context)
        careful = dbt_shortcuts._new_namespace(self.builder(), packages, context)
        assert set(quick) == set(careful)
        for name in careful:
            assert (name in quick) is (name in careful)
            if name in packages:
                assert {n: quick[name][n]() for n in quick[name]} == {n: careful[name][n]() for n in careful[name]}
            else:
                assert quick[name]() == careful[name]()
        assert quick["all_have_it"]() == "other 1"
        assert quick["dbt_has_it"]() == "dbt_duckdb 1"
        for package in ("dbt", "other", "project"):
            found = [n.get_from_package(package, "all_have_it") for n in (quick, careful)]
            assert len({macro() for macro in found if macro}) == 1
        assert "nothing" not in quick
        assert quick.get("nothing") is None

    def test_one_added_while_dbt_parses_is_found(self, packages: Any) -> None:
        assert "late" not in self.builder().build_namespace(packages, {})
        packages["project"]["late"] = self.macro("project", "late", "here")
        assert self.builder().build_namespace(packages, {})["late"]() == "here"

    def test_of_another_project_others_are_found(self, packages: Any) -> None:
        assert "late" not in self.builder().build_namespace(packages, {})
        packages = {**packages, "project": {"late": self.macro("project", "late", "here")}}
        assert self.builder().build_namespace(packages, {})["late"]() == "here"

    def test_a_macro_sees_what_is_so_when_it_is_called(self, packages: Any) -> None:
        context = {"x": 1}
        namespace = self.builder().build_namespace(packages, context)
        assert namespace["only_project"]() == "project 1"
        context["x"] = 2
        assert namespace["only_project"]() == "project 2"

    def test_contexts_are_kept_apart(self, packages: Any) -> None:
        builder = self.builder()
        said = [builder.build_namespace(packages, {"x": n})["only_project"]() for n in range(50)]
        assert said == [f"project {n}" for n in range(50)]
