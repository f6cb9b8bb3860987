"""What a training tells while it runs: a file of measurements, TensorBoard, and the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from baselines.rollout import Episode

FILE = "curve.jsonl"
TELL_SECONDS = 20.0
"""Seconds between two lines that say how far a training is."""

_SHOWN = ("score", "success", "return", "right")


class Pace:
    """Tells how far a training is, at least every half minute that it is asked.

    Args:
        method: What is trained.
        unit: What is counted, such as ``"updates"``.
        total: How many there will be.
        done: How many there are already.
        seconds: CPU seconds so far.
        clock: Seconds that pass.
    """

    def __init__(
        self,
        method: str,
        unit: str,
        total: int,
        done: int = 0,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.method, self.unit, self.total, self._clock = method, unit, total, clock
        self._began = self._told = clock()
        self._first = done
        self._say(done, seconds, f"a line every {TELL_SECONDS:.0f} s")

    def tell(self, done: int, seconds: float, doing: str = "") -> None:
        """Print a line if the last is old enough.

        Args:
            done: How many there are.
            seconds: CPU seconds so far.
            doing: What is done between two counts.
        """
        now = self._clock()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        # one step after a long preparation says nothing about the others
        if done - self._first >= max(self.total / 20, 1):
            left = (now - self._began) / (done - self._first) * (self.total - done)
            doing = ", ".join(filter(None, (doing, f"about {left / 60:.1f} min left")))
        self._say(done, seconds, doing)

    def _say(self, done: int, seconds: float, doing: str) -> None:
        more = f", {doing}" if doing else ""
        print(f"{self.method} {done} of {self.total} {self.unit}, cpu {seconds / 60:.1f} min{more}", flush=True)


class Curve:
    """Measurements by tool calls.

    Args:
        folder: Of the training.
        method: ``"table"`` or ``"ppo"``.
    """

    def __init__(self, folder: Path, method: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.method = method
        self.writer = SummaryWriter(str(folder / "tensorboard"))
        self._path = folder / FILE

    def add(self, step: int, calls: int, seconds: float, values: dict[str, float]) -> None:
        """Write down a measurement.

        Args:
            step: Updates, or steps in the environment, so far.
            calls: Tool calls so far.
            seconds: CPU seconds so far.
            values: Numbers by name.
        """
        for name, value in values.items():
            self.writer.add_scalar(name if "/" in name else f"val/{name}", value, step)
        self.writer.add_scalar("cost/tool_calls", calls, step)
        self.writer.add_scalar("cost/cpu_seconds", seconds, step)
        row = {"method": self.method, "step": step, "tool_calls": calls, "cpu_seconds": round(seconds, 1), **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        shown = " ".join(f"{name} {values[name]:.3f}" for name in _SHOWN if name in values)
        print(f"{self.method} step {step} calls {calls} cpu {seconds / 60:.1f} min {shown}", flush=True)

    def episodes(self, step: int, episodes: list[Episode]) -> None:
        """Show the pictures of episodes, one a row, and what was done in them."""
        pictured = [episode for episode in episodes if episode.frames]
        if not pictured:
            return
        longest = max(len(episode.frames) for episode in pictured)
        blank = np.full_like(pictured[0].frames[0], 255)
        rows = [np.concatenate(episode.frames + [blank] * (longest - len(episode.frames)), 1) for episode in pictured]
        self.writer.add_image("episodes", np.concatenate(rows), step, dataformats="HWC")
        told = [
            f"**{episode.instruction}** score {episode.score:.2f}\n\n"
            + "\n".join(f"- {s.text}: {s.tool} in {s.region}, {s.reward:+.2f} {s.problem}" for s in episode.steps)
            for episode in pictured
        ]
        self.writer.add_text("episodes", "\n\n".join(told), step)


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Measurements of a training by step; of those made twice after an interruption, the later."""
    rows = (json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines())
    return [row for _, row in sorted({row["step"]: row for row in rows}.items())]
