"""Drawings that need no script (SVG): score against cost, and performance profiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 16, 14, 44
LETTER, LINE = 6.8, 14
"""About how wide and high a letter is."""

SERIES = 8
"""Colours of curves, ``.s0`` and so on in the page; more curves take them again, dashed."""

WIDE = 20.0
"""Costs beyond this are drawn on a logarithmic axis that begins at 0."""


def pareto_svg(rows: Sequence[dict[str, Any]], cost: str, label: str) -> str:
    """Entries as points with 95 % intervals of the score; those that none beats are filled and joined.

    Args:
        rows: Of :func:`benchmarks.leaderboard.board.rank`.
        cost: Which cost.
        label: What stands at the axis.
    """
    most = max([row[cost]["mean"] for row in rows] + [1e-9])
    place, ticks = cost_axis(most)
    points = [(_x(place(row[cost]["mean"])), _y(row["score"]["mean"])) for row in rows]
    title = f"Score against {label}"
    told = "; ".join(f"{row['name']}: {row['score']['mean']:.3f} at {row[cost]['mean']:.3g}" for row in rows)
    parts = [*_head(title, told), *_frame(label, [(place(tick), f"{tick:g}") for tick in ticks])]
    front = sorted(point for row, point in zip(rows, points, strict=True) if row["pareto"].get(cost))
    if len(front) > 1:
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in front)
        parts.append(f'<polyline points="{line}" class="front"/>')
    for row, (x, _) in zip(rows, points, strict=True):
        low, high = (_y(end) for end in row["score"]["ci95"])
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" class="interval"/>')
    for row, (x, y) in zip(rows, points, strict=True):
        kind = "anchor" if row["privileged"] else "inside" if row["pareto"].get(cost) else "beaten"
        name = escape(row["name"])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{kind}"><title>{name}</title></circle>')
    for row, (x, y) in zip(rows, place_labels(points, [row["name"] for row in rows]), strict=True):
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="name">{escape(row["name"])}</text>')
    return "".join([*parts, "</svg>"])


def profile_svg(rows: Sequence[dict[str, Any]], thresholds: Sequence[float]) -> str:
    """Performance profiles: the share of tasks that score more than each threshold, a curve for each entry.

    Args:
        rows: Of :func:`benchmarks.leaderboard.board.rank`.
        thresholds: Scores of the rows' ``curve``.
    """
    label = "a score above"
    told = "; ".join(f"{row['name']}: {row['curve'][len(thresholds) // 2]:.2f} above 0.5" for row in rows)
    ticks = [(tick / 10, f"{tick / 10:g}") for tick in range(0, 11, 2)]
    parts = [*_head("Share of tasks with a score above a threshold", told), *_frame(label, ticks)]
    for at, row in enumerate(rows):
        steps = [f"{_x(x):.1f},{_y(share):.1f}" for x, share in zip(thresholds, row["curve"], strict=True)]
        parts.append(f'<polyline points="{" ".join(steps)}" class="{series(at)}"><title>{escape(row["name"])}</title>')
        parts.append("</polyline>")
    parts.append("</svg>")
    key = "".join(
        f'<li><svg viewBox="0 0 24 8" aria-hidden="true"><polyline points="0,4 24,4" class="{series(at)}"/></svg>'
        f"{escape(row['name'])}</li>"
        for at, row in enumerate(rows)
    )
    return "".join([*parts, f'<ul class="key">{key}</ul>'])


def series(at: int) -> str:
    """Classes of the n-th curve."""
    return f"curve s{at % SERIES}" + (" dashed" if at >= SERIES else "")


def cost_axis(most: float) -> tuple[Callable[[float], float], list[float]]:
    """Where a cost stands on its axis, in [0, 1], and round numbers to name there.

    Args:
        most: The largest cost.
    """
    if most <= WIDE:
        step = 10.0 ** math.floor(math.log10(most / 2)) if most > 0 else 1.0
        step = next(step * factor for factor in (1, 2, 5, 10) if most / (step * factor) <= 5)
        top = most * 1.06
        return (lambda value: value / top), [step * n for n in range(int(top / step) + 1)]
    top = math.log1p(most * 1.3)
    ticks = [factor * 10.0**power for power in range(int(math.log10(most)) + 1) for factor in (1, 3)]
    ticks = [0.0, *(tick for tick in ticks if tick <= most * 1.3)]
    return (lambda value: math.log1p(value) / top), ticks


def place_labels(points: Sequence[tuple[float, float]], names: Sequence[str]) -> list[tuple[float, float]]:
    """Where names begin, so that none covers another or a point: beside its point where there is room, or near.

    Args:
        points: The points, in the drawing's units.
        names: Their names.

    Returns:
        Left end and base line of each name.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found = list(points)
    # from the left, where there is the least choice
    for index in sorted(range(len(points)), key=lambda at: points[at]):
        (x, y), name = points[index], names[index]
        wide = LETTER * len(name)
        spots = [
            (left, y + 4 + side * LINE * away)
            for away in range(8)
            for side in ((1, -1) if away else (1,))
            for left in (x + 9, x - 9 - wide, x - wide / 2)
        ]
        boxes = [(left, base - LINE + 3, left + wide, base + 3) for left, base in spots]
        inside = [
            at
            for at, (left, top, right, bottom) in enumerate(boxes)
            if left >= LEFT - 4 and right <= WIDTH and top >= 0 and bottom <= HEIGHT - BOTTOM + 8
        ]
        free = [at for at in inside if not any(_overlap(boxes[at], other) for other in taken)]
        chosen = (free or inside or [0])[0]
        taken.append(boxes[chosen])
        found[index] = spots[chosen]
    return found


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _head(title: str, told: str) -> list[str]:
    return [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot">',
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>",
    ]


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _frame(label: str, ticks: Sequence[tuple[float, str]]) -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for share, text in ticks:
        parts.append(f'<text x="{_x(share):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>')
    middle = _x(0.5)
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>')
    return parts
