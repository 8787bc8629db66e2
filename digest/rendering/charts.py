"""Panels of numbers over days as one SVG page that stands alone: no script, no outside file.

Colours are told apart by those who cannot see red or green (Okabe and Ito, 2008). What is drawn
is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Literal, Protocol

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
WIDTH, HEIGHT = 420, 210
LEFT, RIGHT, TOP, BASE = 44, 10, 34, 150
COLUMNS = 2


class Line(Protocol):
    """One named row of values, a day each."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def values(self) -> Sequence[float | None]: ...  # noqa: D102


class Chart(Protocol):
    """One panel."""

    @property
    def title(self) -> str: ...  # noqa: D102

    @property
    def kind(self) -> Literal["counts", "levels", "shares"]: ...  # noqa: D102

    @property
    def series(self) -> Sequence[Line]: ...  # noqa: D102


def page(title: str, days: Sequence[date], charts: Sequence[Chart]) -> str:
    """Return the SVG text of all panels, two beside each other."""
    rows = -(-len(charts) // COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 40
    drawn = "".join(
        f'<g transform="translate({n % COLUMNS * WIDTH},{n // COLUMNS * HEIGHT + 40})">'
        f"{_panel(chart, days)}</g>"
        for n, chart in enumerate(charts)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
        f'fill="#333"><title>{text(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="12" y="26" font-size="17" font-weight="bold">{text(title)}</text>'
        f"{drawn}</svg>\n"
    )


def _panel(chart: Chart, days: Sequence[date]) -> str:
    series = chart.series[: len(COLOURS)]
    head = f'<text x="12" y="20" font-size="13" font-weight="bold">{text(chart.title)}</text>'
    if not any(value for line in series for value in line.values):
        return head + '<text x="12" y="44" fill="#777">nothing in these days</text>'
    top = _top(chart.kind, series)
    marks = _stacks(series, days, top) if chart.kind == "counts" else _lines(series, top)
    return head + _axes(days, top, chart.kind) + marks + _legend(series)


def _top(kind: str, series: Sequence[Line]) -> float:
    """Return the highest stack, or the highest point."""
    if kind == "shares":
        return 1.0
    highest = sum if kind == "counts" else max
    return max(highest(value or 0 for value in column) for column in _columns(series))


def _columns(series: Sequence[Line]) -> list[tuple[float | None, ...]]:
    return list(zip(*(line.values for line in series), strict=True))


def _stacks(series: Sequence[Line], days: Sequence[date], top: float) -> str:
    step = (WIDTH - LEFT - RIGHT) / len(days)
    marks = []
    for n, column in enumerate(_columns(series)):
        y = float(BASE)
        for line, colour, value in zip(series, COLOURS, column, strict=False):
            tall = (BASE - TOP) * (value or 0) / top
            y -= tall
            if tall:
                marks.append(
                    f'<rect x="{LEFT + n * step:.1f}" y="{y:.1f}" width="{step * 0.85:.1f}" '
                    f'height="{tall:.1f}" fill="{colour}"><title>{days[n]}, {text(line.name)}: '
                    f"{_number(value or 0)}</title></rect>"
                )
    return "".join(marks)


def _lines(series: Sequence[Line], top: float) -> str:
    marks = []
    for line, colour in zip(series, COLOURS, strict=False):
        step = (WIDTH - LEFT - RIGHT) / len(line.values)
        points = [
            (LEFT + (n + 0.5) * step, BASE - (BASE - TOP) * value / top)
            for n, value in enumerate(line.values)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            + "".join(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in points
            )
        )
    return "".join(marks)


def _axes(days: Sequence[date], top: float, kind: str) -> str:
    rules = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#777">'
        f"{f'{value:.1f}' if kind == 'shares' else _number(value)}</text>"
        for value in (0, top / 2, top)
        for y in (BASE - (BASE - TOP) * value / top,)
    )
    return (
        f'{rules}<text x="{LEFT}" y="{BASE + 14}" fill="#777">{days[0]}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{BASE + 14}" text-anchor="end" fill="#777">{days[-1]}</text>'
    )


def _legend(series: Sequence[Line]) -> str:
    entries, x = [], float(LEFT)
    for line, colour in zip(series, COLOURS, strict=False):
        name = line.name if len(line.name) <= 16 else f"{line.name[:15]}…"
        entries.append(
            f'<rect x="{x:.0f}" y="{BASE + 24}" width="9" height="9" fill="{colour}"/>'
            f'<text x="{x + 12:.0f}" y="{BASE + 32}">{text(name)}</text>'
        )
        x += 24 + 6.2 * len(name)
        if x > WIDTH - 60:
            break
    return "".join(entries)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def text(given: str) -> str:
    """Escape what came from outside; control characters are not allowed in XML at all."""
    return escape("".join(c if c.isprintable() else " " for c in given))
