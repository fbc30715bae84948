"""The chart theme, generated from the same values as the style sheet (`static/tokens.css`)."""

import re
from functools import cache
from pathlib import Path
from typing import Any

TOKENS = Path(__file__).parent / "static" / "tokens.css"
CATEGORIES = 8  # colours for the values of a dimension

_COLOUR = re.compile(r"--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\);")
_PLAIN = re.compile(r"--([a-z0-9-]+):\s*([^;(]+);")


@cache
def colours(theme: str) -> dict[str, str]:
    """The colours of the `light` or `dark` theme by name, as `#rrggbb`."""
    place = {"light": 2, "dark": 3}[theme]
    return {m[1]: m[place] for m in _COLOUR.finditer(TOKENS.read_text(encoding="utf-8"))}


@cache
def values() -> dict[str, str]:
    """Fonts, sizes and spaces by name, as they stand in the style sheet."""
    return {m[1]: m[2].strip() for m in _PLAIN.finditer(TOKENS.read_text(encoding="utf-8"))}


def chart_theme() -> dict[str, dict[str, Any]]:
    """Vega's configuration for both themes."""
    return {theme: _config(colours(theme)) for theme in ("light", "dark")}


def _config(colour: dict[str, str]) -> dict[str, Any]:
    size = int(values()["size-small"].removesuffix("px"))
    text = {"font": values()["font"], "fontSize": size}
    return {
        "background": None,
        "font": values()["font"],
        "view": {"stroke": None},
        "mark": {"color": colour["accent"]},
        "line": {"color": colour["accent"], "strokeWidth": 2, "strokeJoin": "round", "strokeCap": "round"},
        "area": {"color": colour["accent"]},
        "bar": {"color": colour["accent"]},
        "point": {"color": colour["accent"], "filled": True, "size": 36},
        "rule": {"color": colour["muted"]},
        "text": {**text, "color": colour["text"]},
        "range": {"category": [colour[f"category-{n}"] for n in range(1, CATEGORIES + 1)]},
        "axis": {
            "labelColor": colour["muted"],
            "labelFont": text["font"],
            "labelFontSize": size,
            "labelAngle": 0,
            "labelPadding": 8,
            "labelOverlap": "parity",
            "labelSeparation": 8,
            "gridColor": colour["grid"],
            "domain": False,
            "ticks": False,
            "title": None,
        },
        "axisX": {"grid": False, "domain": True, "domainColor": colour["border"]},
        "style": {
            "quiet": {"stroke": colour["muted"]},
            "surface": {"stroke": colour["surface"]},
            "before": {"color": colour["text"]},
        },
    }
