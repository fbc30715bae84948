"""Reading the tracking plan from its YAML files, with every problem named by file and field."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from almanac.errors import AlmanacError
from almanac.yaml_files import ConfigError, parse_yaml
from ingestion.tracking_plan.model import Column, Common, EventContract, Plan, Tenant
from ingestion.tracking_plan.names import CONTEXT_PREFIX
from ingestion.tracking_plan.rules import example_problems, plan_problems

FOLDER = Path("ingestion") / "tracking_plan"
COMMON = "common.yml"

_M = TypeVar("_M", bound=BaseModel)
_loaded: dict[str, Plan] = {}  # by version: what files say, wherever they lie
_KEPT = 8  # plans; a process knows one, and the one before while the files change


def load_plan(root: Path | None = None) -> Plan:
    """Load and validate the tracking plan of the repository at `root` (default: the one that this module lies in).

    The same files give the same object. Raises AlmanacError naming file and field of the first problem.
    """
    version = plan_version(root)
    known = _loaded.get(version)
    if known is not None:
        return known
    plan, problems = read_plan(root)
    if problems or plan is None:
        more = f" (and {len(problems) - 1} more: run `almanac check`)" if len(problems) > 1 else ""
        raise AlmanacError(f"tracking plan: {problems[0]}{more}")
    for oldest in list(_loaded)[: 1 - _KEPT]:
        _loaded.pop(oldest, None)  # another thread may have been quicker
    _loaded[plan.version] = plan
    return plan


def plan_version(root: Path | None = None) -> str:
    """The version of the plan that the files make now, without reading what they mean (see `Plan.version`)."""
    return _version(_folder(root))


def read_plan(root: Path | None = None) -> tuple[Plan | None, list[str]]:
    """The plan, or None where its files cannot be understood, and all problems that were found, in words."""
    folder = _folder(root)
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


def _folder(root: Path | None) -> Path:
    return root / FOLDER if root is not None else Path(__file__).resolve().parent


def _read(folder: Path, path: Path, shape: type[_M], problems: list[str]) -> _M | None:
    name = (FOLDER / path.relative_to(folder)).as_posix()
    try:
        found, own = _understood(path.read_bytes(), name, shape)
    except FileNotFoundError:
        found, own = None, (f"{name} is missing",)
    problems += own
    return found


@lru_cache(maxsize=1024)  # where one file of sixty has changed, the others are not read again
def _understood(data: bytes, name: str, shape: type[_M]) -> tuple[_M | None, tuple[str, ...]]:
    """What a file says, or None, and what is wrong with it. Equal texts give one object: nobody changes it."""
    try:
        file = parse_yaml(data, name)
    except ConfigError as error:
        return None, (str(error),)
    if not isinstance(file.content, dict):
        return None, (f"{name} must hold a mapping",)
    try:
        return shape.model_validate(file.content), ()
    except ValidationError as error:
        return None, tuple(file.problems(error, shape))


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
