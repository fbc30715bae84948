"""Reading YAML that people write: its surprises are refused, and every mistake is named by file, line and column.

YAML takes `no` for a boolean, `2026-01-01` for a date, the last of two equal keys, and a few lines of aliases for
gigabytes. Here only `true` and `false` are booleans, dates are text, and the rest is an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from almanac.errors import AlmanacError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
Step = str | int
Place = tuple[int, int]  # line and column, both from 1
_FastLoader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class ConfigError(AlmanacError):
    """A file that people wrote cannot be understood; the text begins with file, line and column."""

    code = "config_error"


@dataclass(frozen=True)
class YamlFile:
    """What a file holds, and where each of its keys and items stands (by the path of keys that leads to it)."""

    name: str
    content: Any
    places: Mapping[tuple[Step, ...], Place] = field(default_factory=dict)

    def where(self, path: Sequence[Step] = ()) -> str:
        """File, line and column of the part at `path`, or of the nearest part above it."""
        for length in range(len(path), -1, -1):
            place = self.places.get(tuple(path[:length]))
            if place is not None:
                return f"{self.name}:{place[0]}:{place[1]}"
        return self.name

    def problems(self, error: ValidationError, shape: type[BaseModel]) -> list[str]:
        """The mistakes that pydantic found in the content, each a line with its place, its field and what would do."""
        return [self._problem(item, shape) for item in error.errors(include_url=False)]

    def _problem(self, item: Any, shape: type[BaseModel]) -> str:
        path: tuple[Step, ...] = item["loc"]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = sorted(_model_at(shape, path[:-1]).model_fields)
            message = f"unknown field{_nearest(str(path[-1]), known)}; known are {', '.join(known)}"
        elif item["type"] == "literal_error":
            message += _nearest(str(item["input"]), re.findall(r"'([^']*)'", item["ctx"]["expected"]))
        return f"{self.where(path)}: {'.'.join(map(str, path)) or 'the file'}: {message[0].lower()}{message[1:]}"


def load(text: str) -> Any:
    """What any YAML holds, as `yaml.safe_load` reads it but ten times as fast. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_FastLoader)  # a safe loader


def read_yaml(path: Path, name: str = "") -> YamlFile:
    """Read a YAML file; `name` is what errors call it.

    Raises ConfigError for what is no YAML or one of its surprises, FileNotFoundError if there is no such file.
    """
    return parse_yaml(path.read_bytes(), name or str(path))


def parse_yaml(data: bytes, name: str) -> YamlFile:
    """What the bytes of a YAML file hold; `name` is what errors call it. Raises ConfigError, as `read_yaml` does."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name}: has {len(data):,} bytes; the limit is {MAX_BYTES:,}")
    try:
        text = data.decode("utf-8")
        _refuse_traps(name, text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return YamlFile(name, None)
            places: dict[tuple[Step, ...], Place] = {}
            _find_places(node, (), places)
            return YamlFile(name, loader.construct_document(node), places)
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: is not valid YAML: byte {data[error.start]:#04x} is not UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(name, error)) from error


class _Loader(_FastLoader):  # type: ignore[misc]
    """YAML without its surprises."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# `no` is Norway and `on` a word; dates and times stay text, as they are in JSON.
_BOOLEAN, _TIMESTAMP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOLEAN, _TIMESTAMP)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|false)$"), ["t", "f"])


_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def _refuse_traps(name: str, text: str) -> None:
    """Refuse aliases, and nesting so deep that the C library would crash the process."""
    depth = 0
    for token in yaml.scan(text, Loader=_Loader):
        where = f"{name}:{token.start_mark.line + 1}:{token.start_mark.column + 1}"
        if isinstance(token, yaml.AliasToken):
            raise ConfigError(f"{where}: the alias *{token.value} is not allowed: write it out")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}: is nested deeper than {MAX_DEPTH} levels")


def _syntax(name: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{where}: is not valid YAML: {problem}"


def _find_places(node: yaml.Node, path: tuple[Step, ...], places: dict[tuple[Step, ...], Place]) -> None:
    places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            places[here] = (key.start_mark.line + 1, key.start_mark.column + 1)
            _find_places(value, here, places)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _find_places(item, (*path, index), places)


def _model_at(shape: type[BaseModel], path: Sequence[Step]) -> type[BaseModel]:
    """The shape of the part at `path`: names of fields lead into their shapes, other keys stay where they are."""
    for step in path:
        known = shape.model_fields.get(str(step))
        found = _model_in(known.annotation) if known is not None else None
        if found is not None:
            shape = found
    return shape


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _nearest(given: str, known: Sequence[str]) -> str:
    near = get_close_matches(given, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
