"""The report as one HTML file that needs nothing else: results, and a browser of episodes."""

from __future__ import annotations

import base64
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from baselines.report.episode import MET, EpisodeView, unique
from baselines.report.files import write_whole
from baselines.report.table import METRICS, not_judged, read_cell
from imgedit_gym.core.region import LATTICE

PLACEHOLDER = "__REPORT_DATA__"
BUDGET = 6_000_000
"""Bytes of pictures above which they are stored with loss; base64 makes a third more of them in the page."""

LOSSY_QUALITY = 90


def write_page(results: Mapping[str, Any], episodes: Sequence[EpisodeView], path: str | os.PathLike[str]) -> None:
    """Write the report's page.

    Args:
        results: As for :func:`baselines.report.table.print_table`; what else it holds at its top level in
            numbers and words is listed as the run's details.
        episodes: Episodes to browse; may be empty.
        path: HTML file to write.
    """
    template = (files("baselines.report") / "page.html").read_text(encoding="utf-8")
    page = template.replace(PLACEHOLDER, to_script_json(page_data(results, episodes)), 1)
    write_whole(path, page.encode("utf-8"))


def to_script_json(data: Any) -> str:
    """JSON that can stand in a script element: no text in it can end the element or open a comment."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def page_data(results: Mapping[str, Any], episodes: Sequence[EpisodeView]) -> dict[str, Any]:
    """Everything the page shows, in JSON's types.

    Returns:
        ``columns`` and ``rows`` of the table, ``details`` of the run, ``pictures`` as data URLs, each once,
        ``lossless`` (whether they are exact), and ``episodes``, whose ``frames`` index the pictures.
    """
    table, frames = _collect_pictures(episodes)
    pictures, lossless = _encode(table)
    return {
        "columns": [{"label": m.label, "title": m.title, "share": m.share} for m in METRICS],
        "rows": [_row(name, values) for name, values in results["agents"].items()],
        "details": _details(results),
        "lattice": LATTICE,
        "pictures": pictures,
        "lossless": lossless,
        "agents": unique(episode.agent for episode in episodes),
        "tasks": unique(episode.task_id for episode in episodes),
        "episodes": [_episode(view, index) for view, index in zip(episodes, frames, strict=True)],
    }


def _row(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    cells = [read_cell(values, metric) for metric in METRICS]
    return {"agent": name, "cells": [[c.mean, c.low, c.high, c.text, c.interval] for c in cells]}


def _details(results: Mapping[str, Any]) -> list[list[str]]:
    plain = (str, int, float, bool)
    details = [[str(key), str(value)] for key, value in results.items() if isinstance(value, plain)]
    note = not_judged(results)
    return [*details, ["not judged", note]] if note else details


def _episode(view: EpisodeView, frames: list[int]) -> dict[str, Any]:
    return {
        "agent": view.agent,
        "task": view.task_id,
        "instruction": view.instruction,
        "plan": list(view.plan),
        "frames": frames,
        "steps": [
            {
                "text": step.text,
                "tool": step.tool,
                "region": int(step.region),
                "reward": _number(step.reward),
                "problem": step.problem,
            }
            for step in view.steps
        ],
        "requirements": [
            [text, _final(view, value), bool(view.valid and value >= MET)] for text, value in view.requirements
        ],
        "score": _final(view, view.score),
        "execution": _final(view, view.execution),
        "preservation": _final(view, view.preservation),
        "quality": _final(view, view.quality),
        "success": bool(view.success),
        "valid": bool(view.valid),
    }


def _final(view: EpisodeView, value: float) -> float | None:
    """A number of the final verdict; none where that failed."""
    return _number(value) if view.valid else None


def _number(value: float) -> float | None:
    """Four decimals are more than the page shows; JSON has no nan."""
    return round(float(value), 4) if math.isfinite(value) else None


def _collect_pictures(episodes: Sequence[EpisodeView]) -> tuple[list[np.ndarray], list[list[int]]]:
    """All different frames, and each episode's frames as indices into them."""
    places: dict[tuple[tuple[int, ...], bytes], int] = {}
    table: list[np.ndarray] = []
    indices = []
    for episode in episodes:
        own = []
        for frame in episode.frames:
            key = (frame.shape, frame.tobytes())
            if key not in places:
                places[key] = len(table)
                table.append(frame)
            own.append(places[key])
        indices.append(own)
    return table, indices


def _encode(table: Sequence[np.ndarray]) -> tuple[list[str], bool]:
    """Data URLs of frames, and whether they are exact: as long as they stay within :data:`BUDGET`."""
    exact: list[bytes] = []
    size = 0
    for frame in table:
        exact.append(_webp(frame, lossless=True))
        size += len(exact[-1])
        if size > BUDGET:
            return [_data_url(_webp(other, lossless=False)) for other in table], False
    return [_data_url(content) for content in exact], True


def _webp(frame: np.ndarray, *, lossless: bool) -> bytes:
    content = io.BytesIO()
    quality = 60 if lossless else LOSSY_QUALITY  # without loss it is the effort
    Image.fromarray(frame).save(content, "WEBP", lossless=lossless, quality=quality, method=4)
    return content.getvalue()


def _data_url(content: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")
