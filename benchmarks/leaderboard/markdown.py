"""Boards as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.leaderboard.board import THRESHOLDS, Board
from benchmarks.tables import Grid, markdown, mean_text

NOTHING = "–"


def ranks_text(ranks: Sequence[int] | None) -> str:
    """The places an entry may hold; nothing for one that is not ranked."""
    if ranks is None:
        return NOTHING
    first, last = ranks
    return str(first) if first == last else f"{first}–{last}"


def board_markdown(boards: Sequence[Board]) -> str:
    """All boards, with what was refused."""
    parts = []
    for board in boards:
        if board.suite is not None:
            judge = board.suite.judge
            told = f"suite sha256 `{board.suite.sha256}`, judge `{judge['id']}` version {judge['version']}"
            parts.append(f"## {board.suite.id}\n\n{told}\n")
            parts += [markdown(grid) for grid in grids_of(board)]
        for report in board.refused:
            checks = ", ".join(sorted(report.checks)) or report.notes.get("refused", "")
            name = report.manifest.name if report.manifest else report.submission
            parts.append(f"Refused: {_plain(name)} ({checks}).\n")
    return "\n".join(parts)


def grids_of(board: Board) -> list[Grid]:
    """The tables of a board."""
    rows = board.rows
    if not rows:
        return []
    names = [_plain(row["name"]) for row in rows]
    main = [
        (
            ranks_text(row["ranks"]),
            name,
            mean_text(row["score"]),
            mean_text(row["success"]),
            mean_text(row["iqm"]),
            *(f"{row[axis]['mean']:.3f}" for axis in ("E", "P", "Q")),
            *(f"{row[cost]['mean']:.2f}" for cost in ("tool_calls", "judge_calls", "seconds")),
            f"{row['counts']['failed'] + row['counts']['missing']:g}",
            gap_text(row["gap"]),
            str(row["level"]),
        )
        for row, name in zip(rows, names, strict=True)
    ]
    heads: tuple[str, ...] = ("rank", "entry", "score", "success", "interquartile mean", "E", "P", "Q")
    heads += ("tool calls", "judge calls", "seconds", "not done", "judge gap", "level")
    profile = [(name, *(f"{share:.3f}" for share in row["profile"])) for row, name in zip(rows, names, strict=True)]
    tables: list[Grid] = [("Entries", heads, main)]
    for group in ("split", "goal", "verb"):
        kinds = list(rows[0]["groups"][group])
        if not kinds:
            continue
        cells = [
            (kind, str(rows[0]["groups"][group][kind]["tasks"]), *(_share(row["groups"][group][kind]) for row in rows))
            for kind in kinds
        ]
        tables.append((f"Mean score (success) by {group}", (group, "tasks", *names), cells))
    tables.append(("Share of tasks with a score above", ("entry", *(f"{one:g}" for one in THRESHOLDS)), profile))
    title = "Mean difference of scores, and the chance of doing better on a task; bold where p < 0.05 after Holm"
    tables.append((title, ("entry", *names), _pairs(rows, names, _scores)))
    title = "Difference of success rates; bold where p < 0.05 (McNemar, after Holm)"
    tables.append((title, ("entry", *names), _pairs(rows, names, _successes)))
    return tables


def _pairs(
    rows: Sequence[dict[str, Any]], names: Sequence[str], cell: Callable[[dict[str, float]], str]
) -> list[tuple[str, ...]]:
    return [
        (name, *("" if other is row else cell(row["against"][other["name"]]) for other in rows))
        for row, name in zip(rows, names, strict=True)
    ]


def gap_text(gap: dict[str, Any] | None) -> str:
    """By how much the pinned judge's score is above the held-out one's."""
    return mean_text(gap["score"]) if gap and "score" in gap else NOTHING


def _share(group: dict[str, Any]) -> str:
    return f"{group['score']['mean']:.3f} ({group['success']:.2f})"


def _scores(one: dict[str, float]) -> str:
    return _bold(f"{one['difference']:+.3f}, {one['better']:.2f}", one["p"])


def _successes(one: dict[str, float]) -> str:
    return _bold(f"{one['success']:+.3f}", one["success_p"])


def _bold(text: str, p: float) -> str:
    return f"**{text}**" if p < 0.05 else text


def _plain(text: str) -> str:
    return " ".join(ascii(text)[1:-1].split()).replace("|", "\\|").replace("<", "&lt;")
