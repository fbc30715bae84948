"""Reading the tracking plan from its YAML files, with every problem named by file and field."""

import hashlib
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from almanac.errors import AlmanacError
from ingestion.tracking_plan.model import Column, Common, EventContract, Plan, Tenant
from ingestion.tracking_plan.names import CONTEXT_PREFIX
from ingestion.tracking_plan.rules import example_problems, plan_problems

FOLDER = Path("ingestion") / "tracking_plan"
COMMON = "common.yml"

_M = TypeVar("_M", bound=BaseModel)


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """YAML without the two surprises: a key twice is an error, and only true and false are booleans."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
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


def load_plan(root: Path | None = None) -> Plan:
    """Load and validate the tracking plan of the repository at `root` (default: the one that this module lies in).

    Raises AlmanacError naming file and field of the first problem.
    """
    plan, problems = read_plan(root)
    if problems or plan is None:
        more = f" (and {len(problems) - 1} more: run `almanac check`)" if len(problems) > 1 else ""
        raise AlmanacError(f"tracking plan: {problems[0]}{more}")
    return plan


def read_plan(root: Path | None = None) -> tuple[Plan | None, list[str]]:
    """The plan, or None where its files cannot be understood, and all problems that were found, in words."""
    folder = (root / FOLDER) if root is not None else Path(__file__).resolve().parent
    problems: list[str] = []
    common = _read(folder, folder / COMMON, Common, problems)
    events: dict[str, EventContract] = {}
    for path in sorted(folder.glob("*.yml")):
        if path.name != COMMON:
            contract = _read(folder, path, EventContract, problems)
            if contract is not None:
                _named_like_its_file(folder, path, contract.event, problems)
                events[contract.event] = contract
    tenants: dict[str, Tenant] = {}
    for path in sorted((folder / "tenants").glob("*.yml")):
        tenant = _read(folder, path, Tenant, problems)
        if tenant is not None:
            _named_like_its_file(folder, path, tenant.tenant, problems)
            tenants[tenant.tenant] = tenant
    if common is None or problems:
        return None, problems
    problems = plan_problems(common, events, tenants)
    if problems:
        return None, problems
    plan = Plan(_version(folder), events, tenants, common, _columns(common, events))
    problems = example_problems(plan)
    return (None if problems else plan), problems


def _read(folder: Path, path: Path, shape: type[_M], problems: list[str]) -> _M | None:
    name = (FOLDER / path.relative_to(folder)).as_posix()
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        problems.append(f"{name} is missing")
        return None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"{name} is not valid YAML: {' '.join(str(error).split())}")
        return None
    if not isinstance(content, dict):
        problems.append(f"{name} must hold a mapping")
        return None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            where = ".".join(str(step) for step in item["loc"])
            problems.append(f"{name}: {where}: {item['msg'][0].lower()}{item['msg'][1:]}")
        return None


def _named_like_its_file(folder: Path, path: Path, name: str, problems: list[str]) -> None:
    if path.stem != name:
        problems.append(f"{(FOLDER / path.relative_to(folder)).as_posix()}: says {name!r}; name the file {name}.yml")


def _columns(common: Common, events: dict[str, EventContract]) -> tuple[Column, ...]:
    context = [Column(CONTEXT_PREFIX + name, "context", item.type) for name, item in common.context.items()]
    shared = [Column(name, "property", prop.type) for name, prop in common.properties.items()]
    declared = {name: prop.type for contract in events.values() for name, prop in contract.properties.items()}
    own = [Column(name, "property", declared[name]) for name in sorted(declared)]
    return (*context, *shared, *own)


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yml")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
