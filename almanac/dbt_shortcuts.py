"""Shortcuts through dbt 1.12 that change no result: a small build spends most of its time in dbt's own Python.

`python -m benchmarks.dbt_shortcuts` prints what they give. Each replaces one function of dbt by one that does the same
with less; a new dbt that has renamed it fails at once, in `tests/unit/test_dbt_shortcuts.py` and here.
"""

import sys
from collections import ChainMap
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from threading import Lock, local
from types import FrameType
from typing import Any

import dbt.clients.jinja
import dbt.context.macros
import dbt.context.manifest
import dbt.context.providers
from dbt.adapters.base.impl import BaseAdapter
from dbt.compilation import Linker
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.contracts.graph.manifest import FlatGraphMapping, Manifest
from dbt.contracts.graph.nodes import Macro, ParsedNode
from dbt.plugins.manager import PluginManager
from dbt_common import behavior_flags
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

_worded: Callable[..., None] = BaseEvent.__init__
_get: Callable[[BaseEvent, str], Any] = BaseEvent.__getattr__
_set: Callable[[BaseEvent, str, Any], None] = BaseEvent.__setattr__
_templates: dict[tuple[str, bool, bool], Any] = {}
_flat: dict[Any, dict[str, Any]] = {}
_flattening = Lock()
_new_macro: Callable[..., Callable[..., Any]] = dbt.clients.jinja.MacroGenerator.get_macro
_new_setter: Callable[..., None] = BaseAdapter.set_macro_context_generator
_new_namespace = MacroNamespaceBuilder.build_namespace
_new_arguments: Callable[[Any], dict[str, Any]] = dbt.context.providers.args_to_dict  # type: ignore[attr-defined]
_new_empty_table: Callable[[], Any] = agate_helper.empty_table
_new_plugin_modules: Callable[[], dict[str, Any]] = PluginManager.get_prefixed_modules
_new_type_tester: Callable[..., Any] = agate_helper.build_type_tester


def take_shortcuts() -> None:
    """Take all of them from now on in this process."""
    hear_no_debug()
    _word_debug_events_when_read()
    _render_arguments_of_tests_without_a_copy()
    _look_names_up_in_fewer_places()
    _make_a_macro_once_in_a_context()
    _name_the_source_of_a_flag_by_its_frame()
    _make_the_context_of_an_adapters_macro_once()
    _word_the_arguments_of_an_invocation_once()
    FlatGraphMapping.__getitem__ = _flat_node  # type: ignore[method-assign]
    Linker.get_graph_summary = _graph_summary  # type: ignore[method-assign, assignment]
    agate_helper.build_type_tester = _type_tester
    agate_helper.empty_table = _empty_table


def build_often() -> None:
    """For a process that builds more than once (tests): compile a text once, and leave no rendered SQL behind."""
    dbt.clients.jinja.get_template = _template  # type: ignore[attr-defined]
    ParsedNode.write_node = lambda *_: None  # type: ignore[method-assign]
    PluginManager.get_prefixed_modules = staticmethod(_plugin_modules)  # type: ignore[method-assign]


class HeardEvents(EventManager):
    """Drops debug events before they are worded; the log file takes `info` and above, and so do our callbacks."""

    def fire_event(self, e: BaseEvent, level: EventLevel | None = None, *more: Any, **options: Any) -> None:
        """Fire an event that somebody hears."""
        if (level or e.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST):
            super().fire_event(e, level, *more, **options)


def hear_no_debug() -> None:
    """From now on dbt in this process fires no debug events."""
    if not isinstance(get_event_manager(), HeardEvents):
        ctx_set_event_manager(HeardEvents())


def _word_debug_events_when_read() -> None:
    """A debug event becomes a protobuf message when something asks for it, which is seldom."""

    def remember(event: BaseEvent, *unnamed: Any, **fields: Any) -> None:
        if unnamed or not isinstance(event, DebugLevel):
            _worded(event, *unnamed, **fields)
        else:
            event.__dict__["fields"] = fields

    def word(event: BaseEvent) -> None:
        fields = event.__dict__.pop("fields", None)
        if fields is not None:
            _worded(event, **fields)

    def read(event: BaseEvent, name: str) -> Any:
        word(event)
        return event.__dict__["pb_msg"] if name == "pb_msg" else _get(event, name)

    def write(event: BaseEvent, name: str, value: Any) -> None:
        if name != "pb_msg":
            word(event)
        _set(event, name, value)

    for name, function in (("__init__", remember), ("__getattr__", read), ("__setattr__", write)):
        setattr(BaseEvent, name, function)


def _render_arguments_of_tests_without_a_copy() -> None:
    """What models and macros are rendered with is looked up; only a test's arguments copied all macros for it."""
    jinja.NativeSandboxTemplate.new_context = jinja.MacroFuzzTemplate.new_context  # type: ignore[method-assign, assignment]


def _look_names_up_in_fewer_places() -> None:
    """A name in a macro was sought twice in up to ten dictionaries; a context's macros are one dictionary now."""
    for module in (dbt.context.macros, dbt.context.manifest, jinja):
        module.ChainMap = _Chain  # type: ignore[attr-defined]
    dbt.context.macros.MacroNamespaceBuilder.build_namespace = _namespace  # type: ignore[method-assign, assignment]


class _Chain(ChainMap[str, Any]):
    """`ChainMap` without a generator for each `in`."""

    def __contains__(self, key: object) -> bool:
        for mapping in self.maps:  # noqa: SIM110 - `any` would be the generator
            if key in mapping:
                return True
        return False


class _Namespace(MacroNamespace):
    """The macros of a context, with one dictionary that holds them in the order in which they hide each other."""

    flat: dict[str, Any]

    def __contains__(self, key: object) -> bool:
        return key in self.flat

    def __getitem__(self, key: str) -> Any:
        value = self.flat[key]
        if isinstance(value, Macro):
            return dbt.clients.jinja.MacroGenerator(value, self.ctx, self.node, self.thread_ctx)
        return MacroNamespace.__getitem__(self, key)


def _namespace(
    self: MacroNamespaceBuilder, macros_by_package: dict[str, dict[str, Macro]], ctx: dict[str, Any]
) -> MacroNamespace:
    made = _new_namespace(self, macros_by_package, ctx)  # type: ignore[arg-type]
    namespace = _Namespace(made.ctx, made.node, made.thread_ctx, made.maps)
    # While dbt parses it adds to them.
    count = tuple((package, len(macros)) for package, macros in macros_by_package.items())
    key = (self.root_package, self.search_package, count)
    with _flattening:
        if _flat.get("of") is not macros_by_package:
            _flat.clear()
            _flat["of"] = macros_by_package
        if key not in _flat:
            _flat[key] = {name: mapping[name] for mapping in reversed(made.maps) for name in mapping}
        namespace.flat = _flat[key]
    return namespace


def _make_a_macro_once_in_a_context() -> None:
    """dbt made a module around a macro at each call; what the macro sees is looked up when it runs, so one will do."""

    def kept(generator: dbt.clients.jinja.MacroGenerator) -> Callable[..., Any]:
        if generator.stack is None:
            return _new_macro(generator)
        # A stack belongs to one context and, being thread-local, to one thread. Keeping the context keeps its id.
        macros: dict[Any, Any] = generator.stack.__dict__.setdefault("macros", {})
        key = (generator.macro.unique_id, id(generator.context))  # type: ignore[attr-defined]
        if key not in macros:
            macros[key] = (_new_macro(generator), generator.context)
        macro: Callable[..., Any] = macros[key][0]
        return macro

    dbt.clients.jinja.MacroGenerator.get_macro = kept  # type: ignore[method-assign, assignment]


def _name_the_source_of_a_flag_by_its_frame() -> None:
    """The module that declares a flag was found by reading the source of every frame of the stack, for each flag."""

    def source() -> str:
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_globals.get("__name__") == behavior_flags.__name__:
            frame = frame.f_back
        return str(frame.f_globals.get("__name__", "Unknown")) if frame else "Unknown"

    behavior_flags.BehaviorFlagRendered._default_source = staticmethod(source)  # type: ignore[method-assign]


def _make_the_context_of_an_adapters_macro_once() -> None:
    """An adapter made all that a macro may ask for anew at each call of it, for every rename and drop of a table."""

    def keep(adapter: BaseAdapter, generator: Any) -> None:
        # An adapter, and with it the configuration, lives for one invocation; what is in a context belongs to a thread.
        kept = local()

        def context_of(macro: Any, config: Any, resolver: Any, project: str | None) -> dict[str, Any]:
            contexts: dict[Any, Any] = kept.__dict__
            key = f"{project}:{macro.unique_id}"
            if key not in contexts or contexts[key][0] is not resolver or contexts[key][1] is not config:
                contexts[key] = (resolver, config, generator(macro, config, resolver, project))
            context: dict[str, Any] = contexts[key][2]
            return context

        _new_setter(adapter, context_of)

    BaseAdapter.set_macro_context_generator = keep  # type: ignore[method-assign, assignment]


def _word_the_arguments_of_an_invocation_once() -> None:
    """What dbt was called with was made a dictionary anew for each context, twice for a model or test."""
    kept: list[Any] = [None, {}]

    def arguments(args: Any) -> dict[str, Any]:
        if kept[0] is not args:
            kept[:] = args, _new_arguments(args)
        return dict(kept[1])

    dbt.context.providers.args_to_dict = arguments  # type: ignore[attr-defined]


def _flat_node(graph: FlatGraphMapping, key: str) -> dict[str, Any]:
    """A node of `graph` as a dictionary, kept until the node is compiled; dbt makes it anew for each look at it."""
    node = graph.inner_dict[key]
    is_compiled = getattr(node, "compiled", False)
    kept: dict[str, tuple[Any, bool, dict[str, Any]]] = graph.__dict__.setdefault("kept", {})
    found = kept.get(key)
    if found is None or found[0] is not node or found[1] is not is_compiled:
        found = kept[key] = (node, is_compiled, node.to_dict(omit_none=False))
    return found[2]


def _graph_summary(linker: Linker, manifest: Manifest) -> dict[int, dict[str, Any]]:
    """Names, types and successors of all nodes; for the type of a node all that it holds was made a dictionary."""
    numbers = {name: number for number, name in enumerate(linker.graph)}
    summary: dict[int, dict[str, Any]] = {}
    for name, number in numbers.items():
        summary[number] = {"name": name, "type": str(manifest.expect(name).resource_type.value)}
        if successors := [numbers[n] for n in linker.graph.successors(name)]:
            summary[number]["succ"] = successors
    return summary


@cache
def _plugin_modules() -> dict[str, Any]:
    """The modules that may extend dbt: none is installed while a process lives."""
    return dict(_new_plugin_modules())


def _type_tester(text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")) -> Any:
    """One tester for the same columns: each compiles every way to write a date."""
    nulls = None if string_null_values is None else tuple(string_null_values)
    return _kept_type_tester(frozenset(text_columns), nulls)


@cache
def _empty_table() -> Any:
    """The table of a statement without an answer; agate's tables never change, so one is enough."""
    return _new_empty_table()


@lru_cache(maxsize=256)
def _kept_type_tester(text_columns: frozenset[str], string_null_values: tuple[str, ...] | None) -> Any:
    return _new_type_tester(text_columns, string_null_values)


def _template(
    string: str, ctx: dict[str, Any], node: Any = None, capture_macros: bool = False, native: bool = False
) -> Any:
    with jinja.catch_jinja(node):
        environment = jinja.get_environment(node, capture_macros, native=native)
        key = (str(string), capture_macros, native)
        if key not in _templates:
            _templates[key] = environment.compile(key[0])
        return environment.template_class.from_code(environment, _templates[key], environment.make_globals(ctx), None)
