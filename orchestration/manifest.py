"""dbt's manifest, from which the assets and checks are translated: parsed anew when the project has changed.

It lies in a folder of its own, so that reading it never meets the files that a build writes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from almanac.dbt_parse import base_arguments, begin_with_newest_parse, parse_environment, share_parse
from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.readers import write_exposures
from almanac.settings import Settings
from dashboards.specs import FOLDER, dashboard_files


def load_manifest(settings: Settings) -> dict[str, Any]:
    """The manifest of the dbt project as it is now. Raises AlmanacError if dbt cannot parse the project."""
    folder = _folder(settings)
    manifest = folder / "manifest.json"
    if _is_stale(settings, manifest):
        # Several code servers may start at once.
        with exclusive(folder / ".lock", "parsing the dbt project", wait_seconds=120):
            if _is_stale(settings, manifest):
                _parse(settings, folder)
    loaded: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    return loaded


def _folder(settings: Settings) -> Path:
    return settings.home / "dbt" / f"{settings.target}-definitions"


def _is_stale(settings: Settings, manifest: Path) -> bool:
    if not manifest.exists():
        return True
    made = manifest.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns > made for path in _sources(settings.root))


def _sources(root: Path) -> list[Path]:
    """What the manifest is made of; folders too, because they change when a file is removed."""
    project = root / "dbt_project"
    found = [
        project,
        *(path for path in project.rglob("*") if path.is_dir() or path.suffix in (".sql", ".yml", ".csv")),
    ]
    dashboards = [root / FOLDER, *dashboard_files(root)] if (root / FOLDER).is_dir() else []
    return [root / "dbt_project.yml", root / "profiles.yml", *found, *dashboards]


def _parse(settings: Settings, folder: Path) -> None:
    """Parse in a process of its own: dbt keeps state that a long-lived code server should not carry."""
    target = folder / "parse"
    arguments = base_arguments(settings)
    arguments[arguments.index("--target-path") + 1] = str(target)
    write_exposures(settings)
    begin_with_newest_parse(settings, target)
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "parse", *arguments, "--log-level", "error"],
        env={**os.environ, **parse_environment(settings)},
        cwd=settings.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        raise AlmanacError(f"dbt cannot parse the project: {said[:600] or 'see the log'}")
    share_parse(settings, target)
    os.replace(target / "manifest.json", folder / "manifest.json")
