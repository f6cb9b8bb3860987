"""Score against cost as a drawing that needs no script (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 16, 44


def pareto_svg(rows: Sequence[dict[str, Any]], cost: str, label: str) -> str:
    """Entries as points with 95 % intervals of the score; those that none beats are filled and joined.

    Args:
        rows: Of :func:`benchmarks.leaderboard.board.rank`.
        cost: Which cost.
        label: What stands at the axis.
    """
    most = max([row[cost]["mean"] for row in rows] + [1e-9]) * 1.1
    title = f"Score against {label}"
    told = "; ".join(f"{row['name']}: {row['score']['mean']:.3f} at {row[cost]['mean']:.3g}" for row in rows)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot">',
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>",
        *_axes(most, label),
    ]
    front = sorted((row for row in rows if row["pareto"].get(cost)), key=lambda row: row[cost]["mean"])
    if len(front) > 1:
        line = " ".join(f"{_x(row[cost]['mean'], most):.1f},{_y(row['score']['mean']):.1f}" for row in front)
        parts.append(f'<polyline points="{line}" class="front"/>')
    for row in rows:
        parts += _point(row, _x(row[cost]["mean"], most), bool(row["pareto"].get(cost)))
    return "".join([*parts, "</svg>"])


def _x(value: float, most: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / most


def _y(score: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * score


def _axes(most: float, label: str) -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for part in range(5):
        value = most * part / 4
        parts.append(
            f'<text x="{_x(value, most):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:.3g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>')
    return parts


def _point(row: dict[str, Any], x: float, inside: bool) -> list[str]:
    y = _y(row["score"]["mean"])
    low, high = (_y(end) for end in row["score"]["ci95"])
    kind = "anchor" if row["privileged"] else "inside" if inside else "beaten"
    name = escape(row["name"])
    side, offset = ("end", -8) if x > WIDTH * 0.7 else ("start", 8)
    return [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" class="interval"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{kind}"><title>{name}</title></circle>',
        f'<text x="{x + offset:.1f}" y="{y - 7:.1f}" text-anchor="{side}">{name}</text>',
    ]
