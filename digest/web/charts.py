"""Charts as SVG text, drawn on the server: signals over time, topics, volumes of sources.

Colours and fonts are the stylesheet's: the marks carry classes only. Each chart comes with the
sentence that says the same, for who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup, escape

from digest.model import Observation
from digest.store.browsing import Volume
from digest.web.words import number, short_day, signal_name

_SERIES = 6
_MARKED = 40
"""More points than this are a line without marks."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing and the sentence that says it."""

    svg: Markup
    text: str
    key: tuple[tuple[int, str, int], ...] = ()
    """What the colours stand for: number of the colour, name, count."""


def signal_chart(observations: Sequence[Observation], kind: str) -> Chart | None:
    """Draw one kind of signal over time; None for fewer than two observations."""
    series = [(o.observed_at, o.value) for o in observations if o.kind == kind]
    if len(series) < 2:
        return None
    (start, first), (end, last) = series[0], series[-1]
    text = (
        f"From {number(first)} to {number(last)} {signal_name(kind, last)} "
        f"between {short_day(start.date())} and {short_day(end.date())}."
    )
    return _line_chart(series, text)


def growth_chart(days: Sequence[date], values: Sequence[float | None]) -> Chart | None:
    """Draw how many readers there were at each day's end; None for fewer than two days."""
    known = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
    if len(known) < 2:
        return None
    series = [(datetime(day.year, day.month, day.day, tzinfo=UTC), value) for day, value in known]
    text = (
        f"From {number(known[0][1])} readers on {short_day(known[0][0])} "
        f"to {number(known[-1][1])} on {short_day(known[-1][0])}."
    )
    return _line_chart(series, text)


def _line_chart(series: Sequence[tuple[datetime, float]], text: str) -> Chart:
    """Draw instants and values over an axis from 0; few enough points are marked."""
    width, height, left, bottom = 640, 180, 44, 24
    start, end = series[0][0], series[-1][0]
    top = max(*(value for _, value in series), 1.0)
    span = max((end - start) / timedelta(seconds=1), 1.0)

    def x(at: datetime) -> float:
        return left + (width - left - 12) * ((at - start) / timedelta(seconds=1)) / span

    def y(value: float) -> float:
        return 12 + (height - bottom - 12) * (1 - value / top)

    points = [(x(at), y(value)) for at, value in series]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    base = height - bottom
    area = f"{left},{base} {line} {points[-1][0]:.1f},{base}"
    marks = sorted({0, round(top / 2), round(top)})
    rules = "".join(
        f'<line class="rule" x1="{left}" x2="{width - 12}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text class="tick" x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{number(v)}</text>'
        for v in marks
    )
    dots = "".join(
        f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="3">'
        f"<title>{at:%Y-%m-%d %H:%M}: {number(value)}</title></circle>"
        for (px, py), (at, value) in zip(points, series, strict=True)
        if len(series) <= _MARKED
    )
    ends = (
        f'<text class="tick" x="{left}" y="{height - 6}">{short_day(start.date())}</text>'
        f'<text class="tick" x="{width - 12}" y="{height - 6}" text-anchor="end">'
        f"{short_day(end.date())}</text>"
    )
    inner = (
        f'{rules}<polygon class="area" points="{area}"/>'
        f'<polyline class="line" points="{line}"/>{dots}{ends}'
    )
    return Chart(svg=_svg(width, height, inner, text), text=text)


def sparkline(observations: Sequence[Observation]) -> Markup:
    """Draw a series without axes, the size of a word; empty for fewer than two points."""
    if len(observations) < 2:
        return Markup("")
    start, end = observations[0].observed_at, observations[-1].observed_at
    span = max((end - start) / timedelta(seconds=1), 1.0)
    top = max(*(o.value for o in observations), 1.0)
    line = " ".join(
        f"{2 + 60 * ((o.observed_at - start) / timedelta(seconds=1)) / span:.1f},"
        f"{18 - 16 * o.value / top:.1f}"
        for o in observations
    )
    return Markup(
        f'<svg class="spark" viewBox="0 0 64 20" width="64" height="20" aria-hidden="true">'
        f'<polyline class="line" points="{line}"/></svg>'
    )


def bars_chart(rows: Sequence[tuple[str, int]], *, noun: str = "papers") -> Chart | None:
    """Draw labelled horizontal bars, largest first; None where there is nothing to compare."""
    if len(rows) < 2:
        return None
    top = max(count for _, count in rows) or 1
    height = 22 * len(rows)
    inner = "".join(
        f'<text class="label" x="84" y="{22 * n + 15}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="bar" x="92" y="{22 * n + 4}" rx="2" width="{168 * count / top:.1f}" '
        f'height="14"/><text class="tick" x="{98 + 168 * count / top:.1f}" y="{22 * n + 15}">'
        f"{number(count)}</text>"
        for n, (name, count) in enumerate(rows)
    )
    text = ", ".join(f"{name}: {number(count)}" for name, count in rows) + f" {noun}"
    return Chart(svg=_svg(310, height, inner, text), text=text)


def volumes_chart(volumes: Sequence[Volume], last_on: date, days: int = 14) -> Chart | None:
    """Draw how many papers each source announced on each day, stacked."""
    if not volumes:
        return None
    total: dict[str, int] = {}
    for volume in volumes:
        total[volume.source] = total.get(volume.source, 0) + volume.count
    order = sorted(total, key=lambda name: (-total[name], name))
    place = {name: min(n, _SERIES - 1) for n, name in enumerate(order)}
    span = [last_on - timedelta(days=days - 1 - n) for n in range(days)]
    by_day = {day: [v for v in volumes if v.announced_on == day] for day in span}
    top = max((sum(v.count for v in found) for found in by_day.values()), default=0) or 1
    width, height, base = 310, 120, 100
    step = width / days
    inner = []
    for n, day in enumerate(span):
        y = float(base)
        for volume in sorted(by_day[day], key=lambda v: order.index(v.source)):
            tall = (base - 8) * volume.count / top
            y -= tall
            inner.append(
                f'<rect class="s{place[volume.source]}" x="{n * step + 2:.1f}" y="{y:.1f}" '
                f'width="{step - 4:.1f}" height="{tall:.1f}"><title>{short_day(day)}, '
                f"{escape(volume.source)}: {volume.count}</title></rect>"
            )
    inner.append(f'<text class="tick" x="2" y="116">{short_day(span[0])}</text>')
    inner.append(
        f'<text class="tick" x="{width - 2}" y="116" text-anchor="end">{short_day(last_on)}</text>'
    )
    told = ", ".join(f"{name} {number(total[name])}" for name in order)
    text = f"Papers announced in {days} days: {told}."
    return Chart(
        svg=_svg(width, height, "".join(inner), text),
        text=text,
        key=tuple((place[name], name, total[name]) for name in order),
    )


def _svg(width: int, height: int, inner: str, text: str) -> Markup:
    """Wrap marks; everything from outside was escaped where it was put in."""
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(text)}">{inner}</svg>'
    )
