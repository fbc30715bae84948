"""Sparklines: a line without axes, drawn by the server so that tiles need no script."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, EDGE = 132, 40, 3


@dataclass(frozen=True)
class Sparkline:
    """SVG path data of the complete and of the incomplete part of a line, and its last point."""

    solid: str
    dotted: str
    end: tuple[float, float] | None
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(points: Sequence[tuple[float | None, bool]]) -> Sparkline | None:
    """Draw (value, is complete) pairs, oldest first; gaps where there is no value; None if there are under two."""
    known = [value for value, _ in points if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    places = [_place(n, value, len(points), low, high) for n, (value, _) in enumerate(points)]
    complete = [is_complete for _, is_complete in points]
    solid = [place if ok else None for place, ok in zip(places, complete, strict=True)]
    last = len(points) - 1
    dotted = [
        p if not ok or (n < last and not complete[n + 1]) else None
        for n, (p, ok) in enumerate(zip(places, complete, strict=True))
    ]
    ends = [place for place in places if place is not None]
    return Sparkline(_path(solid), _path(dotted), ends[-1])


def _place(n: int, value: float | None, count: int, low: float, high: float) -> tuple[float, float] | None:
    if value is None:
        return None
    x = EDGE + (WIDTH - 2 * EDGE) * n / max(1, count - 1)
    level = (value - low) / (high - low) if high > low else 0.5
    return round(x, 1), round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * level, 1)


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    steps: list[str] = []
    pen_down = False
    for place in places:
        if place is not None:
            steps.append(f"{'L' if pen_down else 'M'}{place[0]} {place[1]}")
        pen_down = place is not None
    return "".join(steps)
