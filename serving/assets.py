"""The files that pages load: style, scripts, icon, and the chart library out of its Python package.

All are served from memory under an address that holds a hash of their content, so browsers may keep them for ever.
"""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from serving.theme import CATEGORIES, chart_theme

STATIC = Path(__file__).parent / "static"
STYLES = ("tokens.css", "layout.css", "cards.css", "tables.css", "send.css")  # served as one file, in this order
SCRIPTS = ("page.js", "tables.js", "charts.js", "themes.js", "send.js")
CHART_LIBRARY = "vega.js"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
COLUMNS, MOST_ROWS = 24, 30  # of the dashboard grid


@dataclass(frozen=True)
class Asset:
    """A file in memory, plain and compressed."""

    content: bytes
    packed: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every small file by name; the chart library is loaded when it is first asked for."""
    css = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES) + _grid_rules()
    files = {"portal.css": css, "favicon.svg": (STATIC / "favicon.svg").read_text(encoding="utf-8")}
    files |= {name: (STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS}
    files["theme.js"] = f"export const themes = {json.dumps(chart_theme())};\n"
    return {name: _asset(name, text) for name, text in files.items()}


@cache
def digest() -> str:
    """A short hash of every small file: part of their addresses."""
    content = hashlib.sha256()
    for name, asset in sorted(assets().items()):
        content.update(name.encode() + b"\0" + asset.content + b"\0")
    return content.hexdigest()[:12]


@cache
def chart_library() -> Asset:
    """Vega, Vega-Lite and vega-embed as one script; takes a second or two the first time."""
    import vl_convert  # 40 MB that only charts need

    return _asset(CHART_LIBRARY, vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub is wrong


@cache
def chart_library_version() -> str:
    """What the address of the chart library holds instead of a hash, which would need its content."""
    from importlib.metadata import version

    return version("vl-convert-python")


def asset(name: str) -> Asset | None:
    """The file of that name, None if there is none."""
    return chart_library() if name == CHART_LIBRARY else assets().get(name)


def _asset(name: str, text: str) -> Asset:
    content = text.encode()
    return Asset(content, gzip.compress(content, 9, mtime=0), TYPES[Path(name).suffix])


def _grid_rules() -> str:
    """Classes for places on the grid: a page's policy forbids style attributes."""
    wide = [f".w-{n} {{ grid-column-end: span {n}; }}" for n in range(1, COLUMNS + 1)]
    wide += [f".c-{n} {{ grid-column-start: {n + 1}; }}" for n in range(COLUMNS)]
    high = [f".h-{n} {{ grid-row-end: span {n}; --rows: {n}; }}" for n in range(1, MOST_ROWS + 1)]
    colours = [f".category-{n} {{ --chip: var(--category-{n}); }}" for n in range(1, CATEGORIES + 1)]
    return "\n@media (min-width: 961px) {\n" + "\n".join(wide) + "\n}\n" + "\n".join(high + colours) + "\n"
