"""Commands that depend on each other, several at a time, with what each says last."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from imgedit_gym.core.errors import ImgEditError

TOLD_EVERY = 60.0
"""Seconds between two reports where no terminal shows a live table."""

TAIL = 4000
"""Bytes at the end of a log in which its last line is looked for."""


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
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)


def run_jobs(jobs: Sequence[Job], folder: Path, at_once: int, console: Console, poll: float = 0.5) -> None:
    """Run commands, each as soon as what it needs is there. What they print goes to ``NAME.log`` in the folder.

    Args:
        jobs: The commands.
        folder: Where the logs go.
        at_once: How many run at a time at most.
        console: Where progress is shown.
        poll: Seconds between two looks at them.

    Raises:
        ImgEditError: If a command fails; the others are stopped then, and it names the log.
    """
    done: dict[str, float] = {}
    running: list[_Running] = []
    told = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        try:
            while len(done) < len(jobs):
                busy = {one.job.name for one in running}
                for job in jobs:
                    ready = job.name not in done and job.name not in busy and done.keys() >= set(job.after)
                    if ready and len(running) < at_once:
                        running.append(_Running(job, _start(job, folder)))
                        busy.add(job.name)
                        if not console.is_terminal:
                            console.print(f"{job.name}: begun, log in {_log(job, folder)}", soft_wrap=True)
                time.sleep(poll)
                for one in [one for one in running if one.process.poll() is not None]:
                    running.remove(one)
                    if one.process.returncode:
                        raise ImgEditError(
                            f"{one.job.name} ended with status {one.process.returncode}; {_log(one.job, folder)} "
                            f"ends with: {_last_line(one.job, folder)}"
                        )
                    done[one.job.name] = time.monotonic() - one.began
                    console.print(f"{one.job.name}: done in {done[one.job.name] / 60:.1f} min", soft_wrap=True)
                if console.is_terminal:
                    live.update(_table(jobs, running, done, folder), refresh=True)
                elif time.monotonic() - told > TOLD_EVERY:
                    told = time.monotonic()
                    for one in running:
                        console.print(f"{one.job.name}: {_last_line(one.job, folder)}", soft_wrap=True)
        finally:
            for one in running:
                one.process.terminate()
            for one in running:
                one.process.wait()


def _start(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    with _log(job, folder).open("ab") as log:
        return subprocess.Popen(job.command, stdout=log, stderr=subprocess.STDOUT)


def _log(job: Job, folder: Path) -> Path:
    return folder / f"{job.name}.log"


def _last_line(job: Job, folder: Path) -> str:
    try:
        with _log(job, folder).open("rb") as log:
            log.seek(0, 2)
            log.seek(max(log.tell() - TAIL, 0))
            lines = log.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _table(jobs: Sequence[Job], running: Sequence[_Running], done: dict[str, float], folder: Path) -> Table:
    shown = Table("job", "state", "minutes", "says")
    busy = {one.job.name: one for one in running}
    for job in jobs:
        if job.name in done:
            shown.add_row(job.name, "done", f"{done[job.name] / 60:.1f}", "")
        elif job.name in busy:
            minutes = (time.monotonic() - busy[job.name].began) / 60
            shown.add_row(job.name, "runs", f"{minutes:.1f}", _last_line(job, folder)[:120])
        else:
            shown.add_row(job.name, "waits for " + ", ".join(n for n in job.after if n not in done), "", "")
    return shown
