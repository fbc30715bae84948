"""What `deploy` says against what exists: commands, settings, files, ports. No container engine is asked."""

import re
import shutil
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click
import pytest
import yaml

from almanac.cli import MOUNTS, cli
from almanac.settings import Settings
from orchestration import ui
from tests.conftest import ROOT
from tests.services import CHECKOUT, DROP_IN, FOLDER, Service, services

DEPLOY = ROOT / "deploy"
OURS = ("collector", "portal", "dagster-webserver", "dagster-daemon")
SETTINGS_FILE = (ROOT / "almanac" / "settings.py").read_text()
SETTINGS = set(re.findall(r"\bALMANAC_[A-Z_]+\b", SETTINGS_FILE))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def understood(argv: list[str]) -> str:
    """What a command runs; fails if there is no such command or option."""
    if argv[:2] == ["python", "-m"]:
        module, *rest = argv[2:]
        if module == "almanac":
            return understood([module, *rest])
        assert module == "orchestration.ui"
        wanted = ui.arguments(rest)
        return f"dagster-{wanted.only}"
    assert argv[0] == "almanac"
    assert argv[1] in MOUNTS
    command = cli.get_command(click.Context(cli), argv[1])
    assert command is not None
    command.make_context(argv[1], argv[2:])  # raises if an option is unknown or its value is not allowed
    return argv[1]


def variables(environment: dict[str, str]) -> set[str]:
    return {name.removesuffix("_FILE") for name in environment if name.startswith("ALMANAC_")}


class TestCompose:
    def test_every_service_runs_a_command_that_exists(self) -> None:
        runs = {name: understood(COMPOSE["services"][name]["command"]) for name in OURS}
        assert runs == {
            "collector": "collect",
            "portal": "serve",
            "dagster-webserver": "dagster-webserver",
            "dagster-daemon": "dagster-daemon",
        }

    def test_every_variable_is_one_that_is_read(self) -> None:
        for name in OURS:
            assert variables(COMPOSE["services"][name]["environment"]) <= SETTINGS

    def test_secrets_are_files_that_the_script_makes_and_no_service_is_given_more_than_it_names(
        self, tmp_path: Path
    ) -> None:
        make_secrets(tmp_path)
        made = {path.name for path in tmp_path.iterdir()}
        declared = COMPOSE["secrets"]
        assert {Path(secret["file"]).name for secret in declared.values()} == made
        for service in COMPOSE["services"].values():
            named = {
                Path(value).name for value in service["environment"].values() if str(value).startswith("/run/secrets/")
            }
            assert named <= set(service["secrets"]) <= set(declared)
        for name in OURS:
            texts = [str(value) for value in COMPOSE["services"][name]["environment"].values()]
            assert not [text for text in texts if "://" in text]

    def test_nothing_is_published_beyond_this_machine_and_the_ports_are_those_that_are_listened_on(self) -> None:
        published = []
        for name, service in COMPOSE["services"].items():
            for line in service.get("ports", []):
                address, outside, inside = line.split(":")
                assert address == "127.0.0.1", name
                published.append(outside)
                if name in OURS:
                    assert service["command"][service["command"].index("--port") + 1] == inside
                    assert f":{inside}/" in " ".join(service["healthcheck"]["test"])
        assert len(set(published)) == len(published) == 4
        assert "ports" not in COMPOSE["services"]["postgres"]

    def test_every_service_comes_back_is_watched_and_keeps_what_it_writes(self) -> None:
        used = set()
        for name, service in COMPOSE["services"].items():
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    assert (DEPLOY / source).is_file()
                else:
                    used.add(source)
        assert used == set(COMPOSE["volumes"])
        for name in OURS:
            service = COMPOSE["services"][name]
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["volumes"] == [f"home:{image_environment()['ALMANAC_HOME']}"]

    def test_who_opens_a_database_waits_for_it(self) -> None:
        for name in (*OURS, "metabase"):
            assert COMPOSE["services"][name]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def image_environment() -> dict[str, str]:
    [block] = re.findall(r"^ENV (.*?[^\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())


class TestDockerfile:
    def test_what_it_copies_exists_and_holds_every_package(self) -> None:
        copied = [
            source
            for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
            for source in line.split()[:-1]
        ]
        assert [source for source in copied if not (ROOT / source).exists()] == []
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
        assert packages | {"dbt_project", "requirements.lock"} <= set(copied)

    def test_what_it_copies_is_not_kept_from_the_builder(self) -> None:
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
        assert not set(copied) & set(ignored)
        assert "deploy/secrets" in ignored

    def test_it_is_not_root_and_installs_what_is_locked(self) -> None:
        last = DOCKERFILE.rpartition("\nFROM ")[2]
        [user] = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
        assert "--require-hashes -r requirements.lock" in DOCKERFILE
        assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.11-slim-bookworm"] * 2
        assert not re.search(r"https?://(?!127\.0\.0\.1)", DOCKERFILE)

    def test_its_commands_and_settings_exist(self) -> None:
        [command] = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
        assert understood(yaml.safe_load(command)) == "serve"
        assert variables(image_environment()) <= SETTINGS


def make_secrets(folder: Path) -> None:
    subprocess.run([DEPLOY / "make-secrets", folder], check=True, capture_output=True)


def test_secrets_are_made_once_and_only_their_owner_enters_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    (folder / "metabase_key").unlink()
    make_secrets(folder)
    after = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"metabase_key"}
    assert folder.stat().st_mode & 0o777 == 0o700
    passwords = [text for name, text in after.items() if not name.endswith("_dsn")]
    assert len(set(passwords)) == len(passwords)
    assert all(re.fullmatch(r"[0-9a-f]{48}\n", text) for text in passwords)
    assert after["state_dsn"] == f"postgresql://state:{after['state_password'].strip()}@postgres:5432/state\n"


def test_the_health_check_tells_an_answer_from_an_error_and_from_silence() -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/live" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert [health(f"{address}{path}") for path in ("/health/live", "/health/ready")] == [0, 1]
    finally:
        server.shutdown()
        server.server_close()
    assert health(f"{address}/health/live") == 1


def health(address: str) -> int:
    return subprocess.run([sys.executable, DEPLOY / "answers.py", address], capture_output=True).returncode


class TestSystemd:
    @pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
    def test_a_service_runs_a_command_that_exists_with_settings_that_are_read(self, service: Service) -> None:
        assert service.argv[0] == f"{CHECKOUT}/.venv/bin/python"
        understood(["python", *service.argv[1:]])
        assert variables(service.environment) <= SETTINGS
        assert service.environment["ALMANAC_HOME"] == f"/var/lib/{service.one('StateDirectory')}"
        explained = set(re.findall(r"\b(ALMANAC_[A-Z_]+)=", (FOLDER / "settings.env").read_text()))
        assert explained <= SETTINGS

    def test_the_target_wants_every_service(self) -> None:
        [line] = re.findall(r"^Wants=(.*)$", (FOLDER / "almanac.target").read_text(), re.MULTILINE)
        assert {name.removeprefix("almanac-").removesuffix(".service") for name in line.split()} == set(services())
        assert set(services()) == set(OURS)

    def test_its_ports_are_those_of_the_containers(self) -> None:
        def port(argv: list[str]) -> str | None:
            return argv[argv.index("--port") + 1] if "--port" in argv else None

        assert {name: port(service.argv) for name, service in services().items()} == {
            name: port(COMPOSE["services"][name]["command"]) for name in OURS
        }

    @pytest.fixture
    def units(self, tmp_path: Path) -> Path:
        """The units, with the checkout where it is."""
        if shutil.which("systemd-analyze") is None:
            pytest.skip("there is no systemd-analyze")
        for path in (*FOLDER.glob("almanac*.*"), DROP_IN):
            if path.is_file():
                place = tmp_path / path.relative_to(FOLDER)
                place.parent.mkdir(exist_ok=True)
                place.write_text(path.read_text().replace(CHECKOUT, str(ROOT)))
        return tmp_path

    def test_systemd_understands_every_unit(self, units: Path) -> None:
        done = analyze(units, "verify", units / "almanac.target", *units.glob("almanac-*.service"))
        assert (done.returncode, done.stdout + done.stderr) == (0, "")

    def test_systemd_calls_every_service_well_protected(self, units: Path) -> None:
        """Its scale goes from 0 to 10; a service that protects nothing has 9.6."""
        done = analyze(units, "security", "--offline=yes", "--threshold=25", *units.glob("almanac-*.service"))
        assert done.returncode == 0, done.stdout + done.stderr


def analyze(units: Path, *arguments: "str | Path") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{units}:", "SYSTEMD_PAGER": "cat"},
    )


def variables_in(text: str) -> list[str]:
    """Variables that a text names whole; those of sources have a name inside."""
    return re.findall(r"\b(?:ALMANAC|AWS)_[A-Z0-9_]*[A-Z0-9]\b", text)


class TestGuide:
    GUIDE = (ROOT / "docs" / "production.md").read_text()

    def test_its_table_of_settings_is_what_is_read(self) -> None:
        table = self.GUIDE.partition("## Settings")[2].partition("\n## ")[0]
        first_cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        named, read = variables_in(" ".join(first_cells)), variables_in(SETTINGS_FILE)
        assert len(set(named)) == len(named), "a variable has two lines"
        assert set(named) == set(read)
        assert "`ALMANAC_SOURCE_<NAME>_URL`, `ALMANAC_SOURCE_<NAME>_TOKEN`" in first_cells

    def test_its_links_lead_somewhere_and_what_lies_in_deploy_exists(self) -> None:
        assert [to for to in re.findall(r"\]\(([^)#]+)\)", self.GUIDE) if not (ROOT / "docs" / to).is_file()] == []
        named = set(re.findall(r"\bdeploy/[\w./-]*[\w/]", self.GUIDE)) - {"deploy/secrets"}
        assert [path for path in named if not list(ROOT.glob(f"{path}*"))] == []

    def test_its_addresses_exist(self) -> None:
        from ingestion.collector import core
        from serving.app import create_app

        routes = create_app(Settings.for_home(ROOT / "nowhere")).openapi()["paths"].keys()
        for path in re.findall(r"`GET (/\S+)` of the portal", self.GUIDE):
            assert path in routes
        assert {"/health/live", "/health/ready", "/api/admin/monitoring/errors"} <= routes
        assert '"/metrics"' in Path(core.__file__).read_text()

    def test_the_proxy_passes_on_to_ports_that_are_listened_on(self) -> None:
        proxied = set(re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+);", (DEPLOY / "nginx.conf").read_text()))
        assert proxied == {line.split(":")[1] for name in OURS for line in COMPOSE["services"][name].get("ports", [])}
