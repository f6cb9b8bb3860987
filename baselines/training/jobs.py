"""Commands that depend on each other, several at a time, with what each says last."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from imgedit_gym.core.errors import ImgEditError

TOLD_EVERY = 60.0
"""Seconds between two reports where no terminal shows a live table."""

LONGEST = 160
"""Characters of a last line that are shown."""

PATIENCE = 10.0
"""Seconds that a command has to end in when it is told to."""

_TAIL = 4000


@dataclass(frozen=True)
class Job:
    """A command.

    Attributes:
        name: Its name, and that of its log.
        command: Program and arguments.
        after: Jobs that must have ended well before it begins.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()


@dataclass
class _Running:
    job: Job
    log: Path
    process: subprocess.Popen[bytes]
    first: int
    """Where in the log its own lines begin."""
    began: float = field(default_factory=time.monotonic)

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def said(self) -> str:
        """Its last line so far."""
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - _TAIL, self.first))
            lines = log.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
        return next((line.strip()[:LONGEST] for line in reversed(lines) if line.strip()), "nothing said yet")


def run_jobs(jobs: Sequence[Job], folder: Path, at_once: int, console: Console, poll: float = 0.5) -> None:
    """Run commands, each as soon as what it needs is there. What they print goes to ``NAME.log`` in the folder.

    Args:
        jobs: The commands; their names differ, and what they need is among them.
        folder: Where the logs go.
        at_once: How many run at a time at most, from 1.
        console: Where progress is shown.
        poll: Seconds between two looks at them.

    Raises:
        ImgEditError: If a command fails or cannot be begun; the others are stopped then, and it names the log.
    """
    if at_once < 1:
        raise ImgEditError(f"at_once: expected at least 1; found {at_once}")
    done: dict[str, float] = {}
    running: list[_Running] = []
    told = time.monotonic()
    with _stopped_with_us(running), Live(console=console, auto_refresh=False, transient=True) as live:
        while len(done) < len(jobs):
            busy = {one.job.name for one in running}
            ready = [one for one in jobs if one.name not in done.keys() | busy and done.keys() >= set(one.after)]
            if not ready and not running:
                open_ = ", ".join(job.name for job in jobs if job.name not in done)
                raise ImgEditError(f"expected jobs that need others of them, in no circle; found {open_}")
            for job in ready[: at_once - len(running)]:
                running.append(_start(job, folder))
                if not console.is_terminal:
                    _tell(console, f"{job.name}: begun, log in {running[-1].log}")
            time.sleep(poll)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                if one.process.returncode:
                    raise ImgEditError(
                        f"{one.job.name} ended with status {one.process.returncode}; {one.log} ends with: {one.said()}"
                    )
                done[one.job.name] = one.minutes
                _tell(console, f"{one.job.name}: done in {one.minutes:.1f} min")
            if console.is_terminal:
                live.update(_table(jobs, running, done), refresh=True)
            elif time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                for one in running:
                    _tell(console, f"{one.job.name}: {one.said()}")


def _tell(console: Console, text: str) -> None:
    # what a log says is no markup
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _start(job: Job, folder: Path) -> _Running:
    path = folder / f"{job.name}.log"
    try:
        with path.open("ab") as log:
            first = log.tell()
            process = subprocess.Popen(job.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    except OSError as error:
        raise ImgEditError(f"{job.name}: expected a command that can be begun; {error}") from None
    return _Running(job, path, process, first)


@contextmanager
def _stopped_with_us(running: list[_Running]) -> Iterator[None]:
    """Whatever ends us, a signal to end included, ends the commands that still run."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        for one in running:
            one.process.terminate()
        for one in running:
            try:
                one.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()


def _table(jobs: Sequence[Job], running: Sequence[_Running], done: dict[str, float]) -> Table:
    shown = Table("job", "state", "minutes", "says")
    busy = {one.job.name: one for one in running}
    for job in jobs:
        if job.name in done:
            shown.add_row(job.name, "done", f"{done[job.name]:.1f}", "")
        elif job.name in busy:
            shown.add_row(job.name, "runs", f"{busy[job.name].minutes:.1f}", Text(busy[job.name].said()))
        else:
            needs = [name for name in job.after if name not in done]
            shown.add_row(job.name, f"waits for {', '.join(needs) or 'a free place'}", "", "")
    return shown
