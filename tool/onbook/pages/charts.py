"""Small drawings as SVG within the page: an interval, a sparkline, a distribution. Their colours are the page's.

Each has a text for those who do not see it, and needs no script and no style attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH = 240
_INSET = 6
_BINS = 24  # bars of a distribution


def interval(value: float, low: float, high: float, said: str, *, mark: float | None = None) -> Markup:
    """A rate with its interval on a line from 0 to 1.

    Args:
        value, low, high: between 0 and 1.
        said: what it shows, in words.
        mark: a threshold, drawn as a thin line.
    """
    at = [_x(each) for each in (low, high, value)]
    drawn = [
        _line(_x(0), 14, _x(1), 14, "axis"),
        *(_line(_x(each), 11, _x(each), 17, "axis") for each in (0, 0.5, 1)),
        *([_line(_x(mark), 4, _x(mark), 24, "mark")] if mark is not None else []),
        _line(at[0], 14, at[1], 14, "range"),
        Markup('<circle class="point" cx="{:.1f}" cy="14" r="4.5"/>').format(at[2]),
    ]
    return _svg("interval", 28, said, drawn)


def sparkline(values: Sequence[float | None], said: str) -> Markup:
    """Rates between 0 and 1 over time, oldest first; None is a gap. The last one is a dot."""
    step = (_WIDTH - 2 * _INSET) / max(len(values) - 1, 1)
    points = [(_INSET + step * index, _y(value)) for index, value in enumerate(values) if value is not None]
    runs: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{_INSET + step * index:.1f},{_y(value):.1f}")
    drawn = [Markup('<polyline points="{}"/>').format(" ".join(run)) for run in runs if len(run) > 1]
    if points:
        drawn.append(Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(*points[-1]))
    return _svg("sparkline", 40, said, drawn)


def distribution(values: Sequence[float], said: str) -> Markup:
    """How many values lie where, from 0 to the largest, with a line at the median."""
    most = max(values, default=0.0)
    counts = [0] * _BINS
    for value in values:
        counts[min(int(value / most * _BINS), _BINS - 1) if most > 0 else 0] += 1
    tallest, width = max(counts, default=0), (_WIDTH - 2 * _INSET) / _BINS
    drawn = [
        Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            _INSET + index * width, 44 - height, max(width - 1, 1), height
        )
        for index, count in enumerate(counts)
        if (height := max(38 * count / tallest, 1.5) if count else 0)
    ]
    drawn.append(_line(_INSET, 44.5, _WIDTH - _INSET, 44.5, "axis"))
    if values and most > 0:
        middle = _x(sorted(values)[len(values) // 2] / most)
        drawn.append(_line(middle, 3, middle, 44, "mark"))
    return _svg("distribution", 48, said, drawn)


def _svg(kind: str, height: int, said: str, drawn: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        kind, _WIDTH, height, said
    )
    return head + Markup("").join(drawn) + Markup("</svg>")


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(name, x1, y1, x2, y2)


def _x(value: float) -> float:
    return _INSET + (_WIDTH - 2 * _INSET) * min(max(value, 0.0), 1.0)


def _y(value: float) -> float:
    return 34 - 28 * min(max(value, 0.0), 1.0)
