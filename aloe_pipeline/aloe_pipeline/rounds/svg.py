"""Small drawings for pages: inline SVG, no script, no network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BLUE = "#1f77b4"
GREEN = "#2ca02c"
ORANGE = "#ff7f0e"
GREY = "#969696"
# margins of a curve [px]
_LEFT = 52.0
_RIGHT = 14.0
_TOP = 12.0
_BOTTOM = 30.0
_BAR = 26
_BARS_LEFT = 92.0
_BARS_RIGHT = 100.0


@dataclass(frozen=True)
class Point:
    """A value over a round, with its interval; `filled` or hollow."""

    x: int
    y: float
    low: float
    high: float
    filled: bool = True
    tip: str = ""


def curve(
    points: Sequence[Point],
    line: Sequence[tuple[int, float]],
    labels: Mapping[int, str],
    name: str,
    size: tuple[int, int],
    percent: bool = False,
) -> str:
    """Points with their intervals over rounds, and a line.

    Args:
        points: to mark.
        line: through these.
        labels: below the rounds, in their order.
        name: of the values.
        size: width and height [px].
        percent: values are shares, 0 to 1; else the scale is what they need, from 0.
    """
    (width, height) = size
    most = 1.0 if percent else _nice(max((p.high for p in points), default=0.0))
    bottom = height - _BOTTOM
    step = (width - _LEFT - _RIGHT) / max(1, len(labels))
    x_of = {x: _LEFT + (k + 0.5) * step for k, x in enumerate(labels)}

    def y_of(value: float) -> float:
        return _TOP + (bottom - _TOP) * (1 - value / most)

    parts = []
    for value in (most * k / 4 for k in range(5)):
        y = y_of(value)
        parts.append(_tag("line", x1=_LEFT, x2=width - _RIGHT, y1=y, y2=y, stroke="#e6e6e6"))
        parts.append(_text(_LEFT - 6, y + 4, f"{100 * value:.0f} %" if percent else f"{value:g}", "end"))
    parts += [_text(x_of[x], bottom + 18, label, "middle") for x, label in labels.items()]
    middle = (_TOP + bottom) / 2
    parts.append(_text(11, middle, name, "middle", transform=f"rotate(-90 11 {middle:.1f})"))
    path = " ".join(f"{x_of[x]:.1f},{y_of(y):.1f}" for x, y in line)
    parts.append(_tag("polyline", points=path, fill="none", stroke=BLUE, stroke_width=2.4))
    for p in points:
        x = x_of[p.x]
        colour = BLUE if p.filled else GREY
        parts.append(_tag("line", x1=x, x2=x, y1=y_of(p.low), y2=y_of(p.high), stroke=colour, stroke_width=1.6))
        look = {"fill": colour if p.filled else "#fff", "stroke": colour, "stroke_width": 2}
        parts.append(_tag("circle", f"<title>{escape(p.tip)}</title>", cx=x, cy=y_of(p.y), r=5, **look))
    return _svg(width, height, parts)


def bars(rows: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], unit: str, width: int) -> str:
    """A bar per row, of coloured pieces, all to one scale, and what the colours mean.

    Args:
        rows: by label, the pieces.
        colours: by piece, in their order.
        unit: of the sums, which stand behind the bars.
        width: of all [px].
    """
    most = max(max((sum(row.values()) for row in rows.values()), default=0.0), 1e-9)
    scale = (width - _BARS_LEFT - _BARS_RIGHT) / most
    parts = []
    for k, (label, row) in enumerate(rows.items()):
        x = _BARS_LEFT
        y = _BAR * k + 2
        parts.append(_text(x - 8, y + 14, label, "end"))
        for name, colour in colours.items():
            value = row.get(name, 0.0)
            tip = f"<title>{escape(name)}: {value:.4g} {escape(unit)}</title>"
            parts.append(_tag("rect", tip, x=x, y=y, width=scale * value, height=_BAR - 6, fill=colour))
            x += scale * value
        parts.append(_text(x + 6, y + 14, f"{sum(row.values()):.4g} {unit}", "start"))
    there = {name: colour for name, colour in colours.items() if any(row.get(name) for row in rows.values())}
    return _svg(width, _BAR * len(rows) + 4, parts) + _legend(there)


def _legend(colours: Mapping[str, str]) -> str:
    keys = (f'<span class="key"><i style="background:{c}"></i>{escape(name)}</span>' for name, c in colours.items())
    return f"<p>{' '.join(keys)}</p>"


def _svg(width: int, height: float, parts: Sequence[str]) -> str:
    return _tag("svg", "".join(parts), viewBox=f"0 0 {width} {height:g}", width=width, role="img")


def _text(x: float, y: float, text: str, anchor: str, **more: str) -> str:
    return _tag("text", escape(text), x=x, y=y, text_anchor=anchor, **more)


def _tag(kind: str, content: str = "", **attributes: object) -> str:
    shown = ((k, f"{v:.1f}" if isinstance(v, float) else v) for k, v in attributes.items())
    words = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in shown)
    return f"<{kind} {words}>{content}</{kind}>"


def _nice(value: float) -> float:
    """The next round number from a value on."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(k * unit for k in (1, 2, 4, 6, 8, 10) if k * unit >= value * (1 - 1e-9))
