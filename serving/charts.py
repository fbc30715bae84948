"""Charts as Vega-Lite specifications: lines, areas and bars over time, ready formatted."""

from datetime import date
from typing import Any

from serving import formatting
from serving.adding import add_up
from serving.axes import time_axis, time_value, value_axis
from serving.ranges import after
from serving.series import Plot
from serving.values import Value

DIRECT_LABELS = 4  # up to so many lines are labelled at their ends, more get a legend
LONGEST_LABEL = 20  # characters of such a label: a longer one would leave a phone no room for the lines
LABEL_HEIGHT = 16  # px that one label at the end of a line needs
BAR_GAP = 0.25  # of the step from one bar to the next
FLAT = 0.6  # a line whose lowest value is above this share of its highest does not start at zero

# That there is a tooltip; the page's script takes what it says from the row (see `_hover`).
TOOLTIP = {"field": "when", "type": "nominal"}

Spec = dict[str, Any]


def chart_spec(plot: Plot, kind: str, height: int) -> Spec:
    """A chart of `kind` (line, area, bar) as Vega-Lite; its drawing area is about `height` px high."""
    return _bar_spec(plot) if kind == "bar" else _line_spec(plot, kind, height)


def starts_at_zero(plot: Plot, kind: str) -> bool:
    """Whether the y axis begins at zero: bars and areas always do, a line may not."""
    numbers = [n for s in plot.series for n in s.numbers()] + _previous_numbers(plot)
    return kind in ("bar", "area") or not numbers or min(numbers) <= FLAT * max(numbers) or min(numbers) == max(numbers)


def has_direct_labels(plot: Plot, kind: str) -> bool:
    """Whether the lines carry their names at their ends instead of in a legend."""
    are_short = all(len(series.title) <= LONGEST_LABEL for series in plot.series)
    return kind == "line" and 1 < len(plot.series) <= DIRECT_LABELS and are_short


def _line_spec(plot: Plot, kind: str, height: int) -> Spec:
    zero = starts_at_zero(plot, kind)
    numbers = [n for s in plot.series for n in s.numbers()] + _previous_numbers(plot)
    axis, domain = value_axis(min(numbers), max(numbers), plot.style, from_zero=zero)
    x = _line_x(plot)
    y = {"field": "y", "type": "quantitative", "axis": axis, "scale": {"domain": domain, "nice": False, "zero": zero}}
    position = {"x": x, "y": y}
    layers: list[Spec] = []
    if kind == "area":
        layers.append({"mark": {"type": "area", "opacity": 0.14}, "encoding": position, "data": {"name": "points"}})
    if plot.previous:
        mark = {"type": "line", "strokeDash": [4, 4], "opacity": 0.5, "strokeWidth": 1.5}
        layers.append({"mark": mark, "encoding": position, "data": {"name": "previous"}})
    coloured = position | _colour(plot)
    for part, dash in (("solid", None), ("dotted", [1, 4])):
        mark = {"type": "line"} | ({"strokeDash": dash} if dash else {})
        layers.append({"mark": mark, "encoding": coloured, "data": {"name": part}})
    layers.append({"mark": {"type": "point", "opacity": 1}, "encoding": coloured, "data": {"name": "single"}})
    datasets = _line_data(plot)
    if has_direct_labels(plot, kind):
        datasets["labels"] = _labels(plot, domain, height)
        layers += _label_layers(coloured)
    layers += _hover_layers(x)
    return _spec(datasets | {"hover": _hover(plot)}, layers)


def _bar_spec(plot: Plot) -> Spec:
    ends = [*_stack_bounds(plot), *_previous_numbers(plot)]
    axis, domain = value_axis(min(ends), max(ends), plot.style, from_zero=True)
    places = [time_value(start) for start in plot.starts]
    x = {
        "field": "t",
        "type": "ordinal",
        "axis": time_axis(plot.starts, places, plot.time_grain),
        "scale": {"domain": places, "paddingInner": BAR_GAP, "paddingOuter": 0.15},
    }
    y = {"field": "y", "type": "quantitative", "stack": "zero", "axis": axis}
    y["scale"] = {"domain": domain, "nice": False}
    # An incomplete period is paler, and its tooltip says so.
    opacity = {"field": "o", "type": "quantitative", "scale": None}
    bars = [
        {"t": t, "y": value.value, "s": series.title, "o": 1 if value.is_complete else 0.45}
        for series in plot.series
        for t, value in zip(places, series.values, strict=True)
        if value is not None and value.value is not None
    ]
    layers = [
        {
            "mark": {"type": "bar", "stroke": None},
            "encoding": {"x": x, "y": y, "opacity": opacity} | _colour(plot),
            "data": {"name": "bars"},
        },
        *_marks_before(plot, x, y),
        {
            "mark": {"type": "bar", "opacity": 0, "width": {"band": 1 / (1 - BAR_GAP)}, "tooltip": True},
            "encoding": {"x": x, "y": {"datum": domain[1], "type": "quantitative"}, "tooltip": TOOLTIP},
            "data": {"name": "hover"},
        },
    ]
    return _spec({"bars": bars, "hover": _hover(plot)} | _previous_data(plot, places), layers)


def _marks_before(plot: Plot, x: Spec, y: Spec) -> list[Spec]:
    """A mark across each bar where the compared one ended: a line over bars of its own colour could not be seen."""
    if not plot.previous:
        return []
    mark = {"type": "tick", "orient": "horizontal", "style": "before", "thickness": 2, "opacity": 1}
    mark["width"] = {"band": 1}
    return [{"mark": mark, "encoding": {"x": x, "y": y | {"stack": None}}, "data": {"name": "previous"}}]


def _spec(datasets: dict[str, Any], layers: list[Spec]) -> Spec:
    return {
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 4, "top": 10, "right": 12, "bottom": 4},
        "datasets": datasets,
        "layer": layers,
    }


def _line_x(plot: Plot) -> Spec:
    places = [time_value(start) for start in plot.starts]
    # A single period has no width of its own: half a period of air on each side.
    air = (time_value(after(plot.starts[0], plot.time_grain)) - places[0]) / 2 if len(places) == 1 else 0
    return {
        "field": "t",
        "type": "quantitative",
        "axis": time_axis(plot.starts, places, plot.time_grain),
        "scale": {"domain": [places[0] - air, places[-1] + air], "nice": False, "zero": False},
    }


def _line_data(plot: Plot) -> dict[str, list[Spec]]:
    """Rows for each layer: the points, the solid and the dotted segments, and points that have no neighbour."""
    data: dict[str, list[Spec]] = {"points": [], "solid": [], "dotted": [], "single": []}
    for series in plot.series:
        rows = [
            {"t": time_value(start), "y": value.value if value else None, "s": series.title}
            for start, value in zip(plot.starts, series.values, strict=True)
        ]
        complete = [value is None or value.is_complete for value in series.values]
        data["points"] += rows
        data["solid"] += [row if ok else row | {"y": None} for row, ok in zip(rows, complete, strict=True)]
        # A dotted segment leads from the last complete point to an incomplete one, so both its ends are in it.
        data["dotted"] += [
            row if not ok or (n + 1 < len(rows) and not complete[n + 1]) else row | {"y": None}
            for n, (row, ok) in enumerate(zip(rows, complete, strict=True))
        ]
        data["single"] += [row for n, row in enumerate(rows) if _is_alone(rows, n)]
    return data | _previous_data(plot, [time_value(start) for start in plot.starts])


def _previous_data(plot: Plot, places: list[float]) -> dict[str, list[Spec]]:
    """The compared values, each at the place of the period that it is compared with; nothing without a comparison."""
    if not plot.previous:
        return {}
    pairs = zip(places, plot.previous, strict=True)
    return {"previous": [{"t": place, "y": value.value if value else None} for place, value in pairs]}


def _is_alone(rows: list[Spec], n: int) -> bool:
    neighbours = [rows[i]["y"] for i in (n - 1, n + 1) if 0 <= i < len(rows)]
    return rows[n]["y"] is not None and all(y is None for y in neighbours)


def _colour(plot: Plot) -> Spec:
    """One series has the accent colour; several have the palette's, each by its own place in it."""
    if len(plot.series) == 1 and not plot.is_split:
        return {}
    places = {s.category: s.title for s in plot.series}
    # Places that are not drawn are filled up, so that every series keeps the colour of its own place.
    domain = [places.get(n, f"\u0000{n}") for n in range(1, max(places) + 1)]
    return {
        "color": {"field": "s", "type": "nominal", "scale": {"domain": domain, "range": "category"}, "legend": None}
    }


def _labels(plot: Plot, domain: tuple[float, float], height: int) -> list[Spec]:
    """Names at the ends of lines, moved apart where they would lie on each other."""
    apart = (domain[1] - domain[0]) * LABEL_HEIGHT / max(height, 1)
    ends = sorted(((s.numbers()[-1], s) for s in plot.series if s.numbers()), key=lambda end: end[0])
    places: list[float] = []
    for y, _ in ends:
        places.append(max(y, places[-1] + apart) if places else y)
    top = domain[1]
    for n in range(len(places) - 1, -1, -1):
        places[n] = min(places[n], top)
        top = places[n] - apart
    last = time_value(plot.starts[-1])
    return [{"t": last, "y": y, "s": s.title} for y, (_, s) in zip(places, ends, strict=True)]


def _label_layers(encoding: Spec) -> list[Spec]:
    text = {"type": "text", "align": "left", "baseline": "middle", "dx": 20}
    position = {"x": encoding["x"], "y": encoding["y"]}
    return [
        {"mark": {"type": "point", "xOffset": 12, "opacity": 1}, "encoding": encoding, "data": {"name": "labels"}},
        {"mark": text, "encoding": position | {"text": {"field": "s"}}, "data": {"name": "labels"}},
    ]


def _hover_layers(x: Spec) -> list[Spec]:
    hovered = {"condition": {"param": "hover", "empty": False, "value": 0.6}, "value": 0}
    select = {"type": "point", "fields": ["t"], "nearest": True, "on": "pointerover", "clear": "pointerout"}
    return [
        {
            "params": [{"name": "hover", "select": select}],
            "mark": {"type": "rule", "strokeWidth": 1, "tooltip": True},
            "encoding": {"x": x, "opacity": hovered, "tooltip": TOOLTIP},
            "data": {"name": "hover"},
        }
    ]


def _hover(plot: Plot) -> list[Spec]:
    """One row per period with everything its tooltip says: a heading, and pairs of name and formatted value."""
    rows: list[Spec] = []
    for n, start in enumerate(plot.starts):
        values = [s.values[n] for s in plot.series]
        said = [
            [series.title, formatting.exact(value.value if value else None, series.style)]
            for series, value in zip(plot.series, values, strict=True)
        ]
        if plot.previous and (earlier := plot.previous_starts[n]):
            old = plot.previous[n]
            text = formatting.exact(old.value if old else None, plot.style)
            said.append([formatting.period(earlier, plot.time_grain), text])
        rows.append({"t": time_value(start), "when": _when(start, plot, values), "said": said})
    return rows


def _when(start: date, plot: Plot, values: list[Value | None]) -> str:
    incomplete = any(v is not None and not v.is_complete for v in values)
    return formatting.period(start, plot.time_grain) + (", not complete" if incomplete else "")


def _previous_numbers(plot: Plot) -> list[float]:
    return [v.value for v in plot.previous if v is not None and v.value is not None]


def _stack_bounds(plot: Plot) -> tuple[float, float]:
    """The lowest and the highest end of the bars."""
    if len(plot.series) == 1:
        numbers = plot.series[0].numbers()
        return min(numbers), max(numbers)
    low = high = 0.0
    for n in range(len(plot.starts)):
        stack = [s.values[n] for s in plot.series]
        low = min(low, _height(stack, positive=False))
        high = max(high, _height(stack, positive=True))
    return low, high


def _height(stack: list[Value | None], *, positive: bool) -> float:
    same_side = [v.parts for v in stack if v is not None and v.value is not None and (v.value > 0) == positive]
    return float(add_up(same_side, has_denominator=False).value or 0)
