"""The board as a static page: one HTML file, pictures by content, and one script of episodes for each entry."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from baselines.cli import write_json
from baselines.report.files import write_whole
from baselines.report.page import to_script_json
from benchmarks.leaderboard.board import COSTS, CURVE, THRESHOLDS, Board, Entry
from benchmarks.leaderboard.markdown import board_markdown
from benchmarks.leaderboard.plots import pareto_svg, profile_svg
from benchmarks.submission import EpisodeRecord
from benchmarks.suites.digest import sha256
from benchmarks.verify.replay import Frame
from imgedit_gym.core.region import LATTICE

DATA, PLOTS = "__BOARD_DATA__", "__BOARD_PLOTS__"
QUALITY = 85
COST_LABELS = {
    "tool_calls": "tool calls an episode",
    "judge_calls": "judge calls an episode",
    "seconds": "seconds an episode",
}


class Pictures:
    """Writes pictures of replays into a site, each once, as they come.

    Args:
        folder: Folder of the site.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "pictures"
        self.frames: dict[Path, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        """Of each submission and task: picture, reward and problem of every step, from the source on."""

    def watch(self, submission: Path, frame: Frame) -> None:
        """Take a picture of a replay."""
        name = self._write(frame.pixels)
        told = {"picture": name, "reward": round(frame.reward, 4), "problem": frame.problem}
        self.frames[submission][frame.task].append(told)

    def _write(self, pixels: np.ndarray) -> str:
        name = sha256(pixels.tobytes())[:20]
        path = self._folder / f"{name}.webp"
        if not path.exists():
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "WEBP", quality=QUALITY, method=3)
            write_whole(path, content.getvalue())
        return name


def write_site(boards: Sequence[Board], pictures: Pictures, folder: Path) -> None:
    """Write ``index.html``, ``board.json``, ``board.md`` and ``episodes/*.js``.

    Args:
        boards: What to show.
        pictures: Which pictures were written for it.
        folder: Folder of the site.
    """
    data = {
        "boards": [_board_data(board) for board in boards],
        "thresholds": list(THRESHOLDS),
        "costs": COST_LABELS,
        "lattice": LATTICE,
    }
    for at, board in enumerate(boards):
        for row, entry in enumerate(board.entries):
            episodes = _episodes(entry, pictures.frames[Path(entry.report.submission)])
            key = f"{at}-{row}"
            script = f'receive("{key}", {to_script_json(episodes)});\n'
            write_whole(folder / "episodes" / f"{key}.js", script.encode())
    plots = "".join(
        f'<div class="plots" data-board="{at}" hidden>'
        + "".join(f'<div class="card">{drawing}</div>' for drawing in _drawings(board.rows))
        + "</div>"
        for at, board in enumerate(boards)
        if board.rows
    )
    template = (files("benchmarks.leaderboard") / "page.html").read_text(encoding="utf-8")
    page = template.replace(PLOTS, plots, 1).replace(DATA, to_script_json(data), 1)
    write_whole(folder / "index.html", page.encode())
    write_whole(folder / "board.md", board_markdown(boards).encode())
    write_json(folder / "board.json", data)


def _drawings(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [*(pareto_svg(rows, cost, COST_LABELS[cost]) for cost in COSTS), profile_svg(rows, CURVE)]


def _board_data(board: Board) -> dict[str, Any]:
    suite = board.suite
    return {
        "suite": None if suite is None else suite.id,
        "sha256": "" if suite is None else suite.sha256,
        "judge": {} if suite is None else suite.judge,
        "held_out": "" if suite is None else suite.held_out["id"],
        "tasks": [] if suite is None else [{"id": task.id, "split": task.split} for task in suite.tasks],
        "rows": board.rows,
        "refused": [
            {
                "name": report.manifest.name if report.manifest else Path(report.submission).name,
                "checks": sorted(report.checks) or [report.notes.get("refused", "")],
            }
            for report in board.refused
        ],
    }


def _episodes(entry: Entry, frames: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One for each task, in the suite's order."""
    absent = {task.id: EpisodeRecord(task.id) for task in entry.suite.tasks}
    records = absent | entry.report.records
    return [_episode(entry, records[task.id], frames.get(task.id, [])) for task in entry.suite.tasks]


def _episode(entry: Entry, record: EpisodeRecord, frames: list[dict[str, Any]]) -> dict[str, Any]:
    found = entry.report.replayed.get(record.task)
    scores = record.scores
    return {
        "status": record.status,
        "error": record.error,
        "instruction": found.instruction if found else "",
        "plan": list(found.plan) if found else [" ".join(filter(None, step)) for step in record.plan or ()],
        "actions": [list(action) for action in record.actions],
        "frames": frames,
        "scores": None if scores is None else {axis: getattr(scores, axis) for axis in ("score", "E", "P", "Q")},
        "success": scores is not None and scores.success,
        "requirements": []
        if scores is None or found is None
        else [list(pair) for pair in zip(found.requirements, scores.requirements, strict=True)],
    }
