"""The repository keeps its own rules: commands, locks, licence, settings, packages, and the checks that say so."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from almanac.cli import MOUNTS, cli
from almanac.cli_check import CHECKS
from almanac.house.findings import repository_files

PACKAGES = ("almanac", "ingestion", "expectations", "dashboards", "serving", "orchestration")


def python_files(root: Path) -> list[Path]:
    """The Python files of the product."""
    return [p for p in repository_files(root) if p.suffix == ".py" and p.relative_to(root).parts[0] in PACKAGES]


@pytest.mark.parametrize("name", CHECKS)
def test_the_repository_passes_its_own_check(name: str, root: Path) -> None:
    assert [str(finding) for finding in CHECKS[name].find(root)] == []


def test_every_file_is_text(root: Path) -> None:
    # What running it makes (a warehouse, a Parquet file) is not part of it.
    assert [path.relative_to(root) for path in repository_files(root) if b"\0" in path.read_bytes()] == []


def test_make_help_lists_every_target(root: Path) -> None:
    text = (root / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", text, re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    lines = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", shown, re.MULTILINE))
    assert targets == set(lines)
    assert {"setup", "demo", "test", "test-deep", "check", "format", "lock", "docs", "clean", "bench"} <= targets
    phony = re.search(r"^\.PHONY: (.*?)\n\n", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    assert phony
    assert set(phony[1].split()) == targets


def test_asking_make_what_it_would_do_does_nothing(root: Path, tmp_path: Path) -> None:
    # A recipe that calls make again would run even under `make -n`, and the environment would change.
    for target in ("setup", "demo", "test", "lock", "format"):
        done = subprocess.run(
            ["make", "-n", target, f"VENV={tmp_path / 'venv'}"], cwd=root, capture_output=True, text=True
        )
        assert done.returncode == 0, f"make -n {target}: {done.stderr}"
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("command", [["setup"], ["test"]])
def test_make_says_what_is_missing_when_there_is_no_python(command: list[str], root: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "echo", "touch"):
        found = next(folder for folder in (Path("/bin"), Path("/usr/bin")) if (folder / tool).exists())
        (tmp_path / "bin" / tool).symlink_to(found / tool)
    make = next(folder / "make" for folder in (Path("/usr/bin"), Path("/bin")) if (folder / "make").exists())
    done = subprocess.run(
        [make, *command, f"VENV={tmp_path / 'venv'}", "PYTHONS=python3 python"],  # not the one that is always there
        cwd=root,
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13" in done.stderr
    assert "PYTHON=" in done.stderr


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_every_package_with_a_hash_and_name_no_index(name: str, root: Path) -> None:
    text = (root / name).read_text()
    pins = re.findall(r"^([a-z0-9][\w.-]*)==(\S+)(.*?)(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pins) > 100
    assert [pin for pin, _, rest in pins if "--hash=sha256:" not in rest] == []
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links", text)


def test_the_development_lock_holds_everything_the_other_one_holds(root: Path) -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9][\w.-]*==[^\s\\]+", (root / name).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_the_locks_satisfy_what_the_project_asks_for(root: Path) -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text())
    for name, wanted in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("requirements-dev.lock", project["dependency-groups"]["dev"]),
    ):
        locked: dict[str, list[str]] = {}
        for pin, version in re.findall(r"^([a-z0-9][\w.-]*)==([^\s\\]+)", (root / name).read_text(), re.MULTILINE):
            locked.setdefault(pin, []).append(version)
        for line in wanted:
            requirement = Requirement(line)
            versions = locked.get(re.sub(r"[-_.]+", "-", requirement.name).lower(), [])
            assert versions, f"{name} lacks {requirement.name}: make lock"
            assert all(requirement.specifier.contains(version) for version in versions), f"{name}: {line}: make lock"


def test_the_environment_is_read_in_settings_alone(root: Path) -> None:
    readers = []
    for path in python_files(root):
        tree = ast.parse(path.read_text())
        # Setting variables for a library that knows no other way, or passing all of them on, is not reading them.
        passed = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "update"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                passed |= {id(value) for key, value in zip(node.keys, node.values, strict=True) if key is None}
        for node in ast.walk(tree):
            is_read = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
            is_imported = (
                isinstance(node, ast.ImportFrom) and node.module == "os" and _names(node) & {"environ", "getenv"}
            )
            if is_imported or (is_read and id(node) not in passed):
                readers.append(path.relative_to(root).as_posix())
    assert set(readers) <= {"almanac/settings.py"}, "ask Settings; a child process inherits what it needs"


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def test_nothing_is_read_from_the_environment_while_modules_are_imported(root: Path) -> None:
    tree = ast.parse((root / "almanac" / "settings.py").read_text())
    inside = {
        id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    outside = [
        n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "environ" and id(n) not in inside
    ]
    assert outside == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_what_belongs_in_it(package: str, root: Path) -> None:
    folders = {p.parent for p in python_files(root) if p.relative_to(root).parts[0] == package}
    for folder in folders:
        init = folder / "__init__.py"
        if init.exists():
            docstring = ast.get_docstring(ast.parse(init.read_text()))
            assert docstring, f"{init.relative_to(root)} has no docstring"
            assert len(docstring) > 20


COPIED_AS_ONE_FILE = "ingestion/middleware.py"  # into applications that have nothing else of ours


def test_files_are_small_rooms(root: Path) -> None:
    long = {
        p.relative_to(root).as_posix(): lines
        for p in python_files(root)
        if (lines := len(p.read_text().splitlines())) > 300
    }
    assert long.keys() <= {COPIED_AS_ONE_FILE}


def test_the_readme_begins_with_the_two_commands_and_has_the_table(root: Path) -> None:
    text = (root / "README.md").read_text()
    top = "\n".join(text.splitlines()[:40])
    assert "make demo" in top
    assert "make test" in top
    table = text.split("## Where does it go?")[1].split("\n## ")[0]
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    assert {
        "an event",
        "a file source",
        "a fact or dimension",
        "a KPI over existing measures",
        "a measure",
        "a dashboard or card",
        "a tenant",
    } <= rows


def test_the_licence_is_the_whole_apache_licence(root: Path) -> None:
    text = (root / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_ci_runs_the_checks_and_then_exactly_the_tests(root: Path) -> None:
    path = root / ".ci" / "run"
    lines = path.read_text().splitlines()
    assert path.stat().st_mode & 0o111
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]
    test_recipe = (root / "Makefile").read_text().split("\ntest: ")[1].split("\n\n")[0]
    assert "check" not in test_recipe


def test_telemetry_is_off_wherever_a_tool_is_started(root: Path) -> None:
    for name in ("Makefile", ".ci/run"):
        text = (root / name).read_text()
        for variable in ("DO_NOT_TRACK", "DAGSTER_DISABLE_TELEMETRY", "DBT_SEND_ANONYMOUS_USAGE_STATS"):
            assert variable in text, f"{name} does not set {variable}"
    assert "send_anonymous_usage_stats: false" in (root / "dbt_project.yml").read_text()


def test_every_command_of_the_product_is_mounted(root: Path) -> None:
    offered = set()
    for path in python_files(root):
        if path.stem == "cli" or path.stem.startswith("cli_"):
            match = re.search(r"^COMMANDS\b.*?=\s*\{(.*?)\}", path.read_text(), re.MULTILINE | re.DOTALL)
            if match:
                offered |= set(re.findall(r"[\"']([a-z-]+)[\"']\s*:", match[1]))
    assert offered <= set(MOUNTS), "almanac/cli.py does not mount every command"
    assert cli.name == "cli"


def test_the_macros_that_compute_kpis_can_be_read_in_one_go(root: Path) -> None:
    files = list((root / "dbt_project/macros/kpis").glob("*.sql"))
    assert files
    assert sum(len(p.read_text().splitlines()) for p in files) < 200
