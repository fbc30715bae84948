"""Shortcuts through dbt 1.12 that change no result: a small build spends most of its time in dbt's own Python.

`python -m benchmarks.dbt_shortcuts` prints what they give. Each replaces one function of dbt by one that does the same
with less; a new dbt that has renamed it fails at once, in `tests/unit/test_dbt_shortcuts.py` and here.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

import dbt.clients.jinja
from dbt.contracts.graph.nodes import ParsedNode
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

_worded: Callable[..., None] = BaseEvent.__init__
_get: Callable[[BaseEvent, str], Any] = BaseEvent.__getattr__
_set: Callable[[BaseEvent, str, Any], None] = BaseEvent.__setattr__
_templates: dict[tuple[str, bool, bool], Any] = {}
_new_empty_table: Callable[[], Any] = agate_helper.empty_table
_new_type_tester: Callable[..., Any] = agate_helper.build_type_tester


def take_shortcuts() -> None:
    """Take all of them from now on in this process."""
    hear_no_debug()
    _word_debug_events_when_read()
    _render_arguments_of_tests_without_a_copy()
    agate_helper.build_type_tester = _type_tester
    agate_helper.empty_table = _empty_table


def build_often() -> None:
    """For a process that builds more than once (tests): compile a text once, and leave no rendered SQL behind."""
    dbt.clients.jinja.get_template = _template  # type: ignore[attr-defined]
    ParsedNode.write_node = lambda *_: None  # type: ignore[method-assign]


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
