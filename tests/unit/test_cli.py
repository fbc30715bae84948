"""The command line: quick to answer, one line for an error, the exit codes that scripts rely on."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from almanac import cli as module
from almanac.cli import MOUNTS, Mount, cli
from almanac.errors import AlmanacError


def run(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process, from the repository."""
    command = [sys.executable, "-m", "almanac", *arguments]
    env = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=60)


def commands_below(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """A command and everything below it, with the words that call it."""
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found += commands_below(child, (*path, name))
    return found


def test_help_lists_every_command_and_imports_none(root: Path) -> None:
    start = time.monotonic()
    done = run(root, "--help")
    assert done.returncode == 0
    assert time.monotonic() - start < 2  # 0.1 s on an idle machine; importing dbt or FastAPI alone takes longer
    for name, mount in MOUNTS.items():
        assert f"  {name} " in done.stdout
        assert mount.line.split()[0] in done.stdout
    heavy = ("dbt", "duckdb", "dagster", "fastapi", "pyarrow", "sqlalchemy")
    probe = f"import sys, almanac.cli; print([m for m in {heavy} if m in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", probe], cwd=root, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("name", MOUNTS)
def test_a_mounted_command_exists_and_its_first_line_is_the_one_in_the_list(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == MOUNTS[name].line


@pytest.mark.parametrize("name", MOUNTS)
def test_every_command_and_option_explains_itself(name: str) -> None:
    top = cli.get_command(click.Context(cli), name)
    assert top is not None
    for path, command in commands_below(top, (name,)):
        assert command.help, f"almanac {' '.join(path)} has no help"
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"almanac {' '.join(path)} {parameter.opts[0]} has no help"
        result = CliRunner().invoke(cli, [*path, "--help"])
        assert result.exit_code == 0, result.output


def test_an_error_is_one_line_and_exit_code_1(root: Path) -> None:
    done = run(root, "kpis", "show", "no_such_kpi")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert "no_such_kpi" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_error_of_several_lines_becomes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fails() -> None:
        raise AlmanacError("first line\n  second line")

    monkeypatch.setattr(module, "COMMANDS", {"fails": fails}, raising=False)
    monkeypatch.setitem(MOUNTS, "fails", Mount("almanac.cli", "Fails."))
    result = CliRunner().invoke(cli, ["fails"])
    assert result.exit_code == 1
    assert result.stderr == "Error: first line second line\n"


@pytest.mark.parametrize(
    "arguments", [("lake", "stats"), ("serve",), ("build",), ("kpis", "show", "take_rate"), ("doctor",)]
)
@pytest.mark.parametrize("below", ["", "/data"])
def test_a_home_that_is_a_file_is_one_line(root: Path, tmp_path: Path, arguments: tuple[str, ...], below: str) -> None:
    file = tmp_path / "home"
    file.touch()
    done = run(root, *arguments, ALMANAC_HOME=f"{file}{below}")
    words = f"Error: ALMANAC_HOME is '{file}{below}', but {file} is no folder: name another place, or move it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", words)


def test_a_lake_that_is_a_file_is_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    done = run(root, "lake", "stats", ALMANAC_LAKE=str(tmp_path / "lake"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path / 'lake'}/")
    assert "cannot be used: Not a directory; check the place and who may write there" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "Error: /data/x cannot be used: Permission"),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), "Error: /data/x cannot be used: Read-only"),
        (OSError(errno.ENOSPC, "No space left on device"), "Error: a file cannot be written: No space left on device;"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), None),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line_and_a_mistake_of_ours_is_not(
    monkeypatch: pytest.MonkeyPatch, error: OSError, words: str | None
) -> None:
    @click.command()
    def fails() -> None:
        raise error

    monkeypatch.setattr(module, "COMMANDS", {"fails": fails}, raising=False)
    monkeypatch.setitem(MOUNTS, "fails", Mount("almanac.cli", "Fails."))
    result = CliRunner().invoke(cli, ["fails"])
    assert result.exit_code == 1
    assert result.stderr.startswith(words) if words else result.exception is error


def test_a_bad_setting_is_one_line_too(root: Path) -> None:
    done = run(root, "kpis", "list", ALMANAC_TARGET="oracle")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: ALMANAC_TARGET is 'oracle': use one of duckdb, postgres\n"


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("kpis", "nonsense"), ("check", "nonsense"), ("kpis", "list", "--no")]
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_version(root: Path) -> None:
    done = run(root, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("almanac ")


def test_kpis_list_names_every_kpi_of_the_catalogue(root: Path) -> None:
    result = CliRunner().invoke(cli, ["kpis", "list"])
    assert result.exit_code == 0
    files = list((root / "dbt_project/models/kpis").glob("*/*.yml"))
    assert len(files) >= 9
    for path in files:
        assert f"\n{path.stem} " in result.stdout


def test_kpis_show_says_what_a_kpi_is_without_a_published_version(root: Path, tmp_path: Path) -> None:
    done = run(root, "kpis", "show", "take_rate", ALMANAC_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Revenue / GMV" in done.stdout
    assert "dbt_project/models/kpis/revenue/take_rate.yml" in done.stdout
    assert "Nothing is published yet" in done.stdout


def test_check_says_which_checks_passed(root: Path) -> None:
    done = run(root, "check", "kpis", "sql")
    assert done.returncode == 0, done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", "kpis"], ["ok", "sql"]]


def test_check_names_the_file_and_fails(tmp_path: Path, root: Path) -> None:
    model = tmp_path / "dbt_project" / "models" / "marts" / "x.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select 1\nfrom t where 7 // 2 = 3\n")
    done = run(root, "check", "sql", "--quiet", ALMANAC_ROOT=str(tmp_path))
    assert done.returncode == 1
    assert "dbt_project/models/marts/x.sql:2: " in done.stdout
    assert done.stderr == "Error: 1 finding in sql: mend the lines above\n"
