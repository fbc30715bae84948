"""Who reads the KPIs of a repository, and the file in which dbt finds them as exposures.

The file lies in a folder that git ignores and `dbt_project.yml` names, and is made before each parse of ours: a
dashboard stays one file. `python -m almanac.readers` makes it for whoever calls dbt by hand.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from almanac.errors import AlmanacError
from almanac.settings import Settings

if TYPE_CHECKING:
    from almanac.exposures import Reader

# A parse asks each time and finds nothing to do: what reads dashboards and KPIs is imported when they have changed.

FILE = Path("target") / "exposures" / "exposures.yml"
FOLLOWS_FROM = (Path("dashboards") / "specs", Path("dbt_project") / "models")


def readers(root: Path) -> "list[Reader]":
    """Everything that shows KPIs. A file that cannot be read is left out: `almanac check` says why it cannot."""
    return list(_dashboards(root))


def readers_by_kpi(root: Path) -> "dict[str, list[Reader]]":
    """The readers of each KPI that has one, as they are listed."""
    found: dict[str, list[Reader]] = {}
    for reader in readers(root):
        for kpi in reader.kpis:
            found.setdefault(kpi, []).append(reader)
    return found


def write_exposures(settings: Settings) -> None:
    """Bring the file up to dashboards and KPIs; what stands is not touched, so dbt does not parse it again.

    Without readers, or with KPIs that cannot be read, there is no file: an exposure of a model that is gone would stop
    dbt. A checkout that nobody may write to has none either.
    """
    file = settings.root / FILE
    key = file.with_suffix(".key")
    with suppress(OSError):
        if key.exists() and key.read_text(encoding="utf-8") == _state(settings):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        text = _text(settings)
        if not text:
            file.unlink(missing_ok=True)
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            _replace(file, text)
        _replace(key, _state(settings))


def _dashboards(root: Path) -> "Iterator[Reader]":
    from almanac.exposures import Reader
    from dashboards.specs import FOLDER, dashboard_files, in_order, kpis_of, load_dashboard

    found = []
    for path in dashboard_files(root):
        try:
            found.append(load_dashboard(path, root))
        except AlmanacError:
            continue
    for one in in_order(found):
        kpis = tuple(dict.fromkeys(kpi for card in one.ordered_cards for kpi in kpis_of(card)))
        file = f"{FOLDER.as_posix()}/{one.name}.yml"
        yield Reader(one.name, one.title, one.description, "dashboard", kpis, file, f"dashboards/{one.name}")


def _text(settings: Settings) -> str:
    """The file's content; empty if there is nothing to say."""
    import yaml

    from almanac.exposures import exposures
    from almanac.kpis import load_catalogue

    found = readers(settings.root)
    try:
        made = exposures(found, load_catalogue(settings.root), settings.portal_url) if found else []
    except AlmanacError:
        return ""
    head = "# Made from dashboards/specs/ and the KPIs before each parse; change those.\n"
    return head + yaml.safe_dump({"exposures": made}, sort_keys=False, allow_unicode=True) if made else ""


def _state(settings: Settings) -> str:
    """What the file follows from, by the times and sizes of files: asking must cost a parse nothing."""
    paths = sorted(path for folder in FOLLOWS_FROM for path in (settings.root / folder).rglob("*.yml"))
    stats = [(path.relative_to(settings.root).as_posix(), path.stat()) for path in paths]
    there = (settings.root / FILE).exists()
    known = (settings.portal_url, there, [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats])
    return hashlib.sha256(repr(known).encode()).hexdigest()


def _replace(file: Path, text: str) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)


if __name__ == "__main__":
    write_exposures(Settings.from_env())
