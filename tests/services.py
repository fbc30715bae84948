"""The services as `deploy/systemd` declares them, read as systemd reads them: a unit and what its drop-in adds."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "systemd"
DROP_IN = FOLDER / "almanac-.service.d" / "common.conf"
CHECKOUT, HOME = "/opt/almanac", "/var/lib/almanac"  # where the units expect both
# What systemd gives a service beside its own lines.
BARE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "USER": "almanac"}


@dataclass(frozen=True)
class Service:
    """One unit of type service: `values` has all lines of each key of its section [Service], in order."""

    name: str
    values: Mapping[str, list[str]]

    @property
    def argv(self) -> list[str]:
        """What it runs, as the unit has it."""
        [line] = self.values["ExecStart"]
        return shlex.split(line)

    @property
    def environment(self) -> dict[str, str]:
        """Its variables, as the unit has them."""
        pairs = [pair for line in self.values["Environment"] for pair in shlex.split(line)]
        return dict(pair.split("=", 1) for pair in pairs)

    def one(self, key: str) -> str:
        """The value of a key that stands there once."""
        [value] = self.values[key]
        return value

    def start(self, home: Path, log: Path, port: int, more: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Run it with its own command, folder and environment, on another home and port than the unit's.

        `more` is what its EnvironmentFile would hold.
        """
        here = lambda text: text.replace(CHECKOUT, str(ROOT)).replace(HOME, str(home))  # noqa: E731
        argv = [here(part) for part in self.argv]
        if "--port" in argv:
            argv[argv.index("--port") + 1] = str(port)
        with log.open("wb") as said:
            return subprocess.Popen(
                argv,
                cwd=here(self.one("WorkingDirectory")),
                env=BARE | {name: here(value) for name, value in self.environment.items()} | dict(more),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # the group stands for systemd's control group
            )

    def stop(self, process: "subprocess.Popen[bytes]") -> int:
        """Ask it to end as systemd does, and kill what is left then. Raises TimeoutExpired if it takes too long."""
        assert self.one("KillMode") == "mixed"
        process.send_signal(signal.Signals[self.one("KillSignal")])
        try:
            return process.wait(timeout=float(self.one("TimeoutStopSec")))
        finally:
            kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End everything that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def services() -> dict[str, Service]:
    """All services by name, `almanac-` left out."""
    common = _section(DROP_IN)
    units = sorted(FOLDER.glob("almanac-*.service"))
    return {
        (name := unit.stem.removeprefix("almanac-")): Service(
            name, {key: [*_section(unit).get(key, []), *common.get(key, [])] for key in _section(unit) | common}
        )
        for unit in units
    }


def _section(path: Path, wanted: str = "Service") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == wanted and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found
