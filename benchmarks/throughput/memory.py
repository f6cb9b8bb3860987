"""Memory of processes and of the GPU, in bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch


def peak_rss(pid: int | None = None) -> int | None:
    """The largest resident memory a process has had; ``None`` where the system has no ``/proc``."""
    return _status("VmHWM", pid)


def current_rss(pid: int | None = None) -> int | None:
    """The resident memory of a process; ``None`` where the system has no ``/proc``."""
    return _status("VmRSS", pid)


def peak_of_family() -> int | None:
    """:func:`peak_rss` of this process and of the processes it started, added up."""
    peaks = [peak_rss(pid) for pid in (os.getpid(), *_children())]
    return None if None in peaks else sum(peak or 0 for peak in peaks)


def peak_on_gpu(device: str) -> int | None:
    """The most memory that torch has had allocated on a GPU; ``None`` on a CPU."""
    return int(torch.cuda.max_memory_allocated(device)) if device.startswith("cuda") else None


def current_on_gpu(device: str) -> int | None:
    """Memory that torch has allocated on a GPU; ``None`` on a CPU."""
    return int(torch.cuda.memory_allocated(device)) if device.startswith("cuda") else None


def available() -> int | None:
    """Memory that can be had without swapping; ``None`` where the system has no ``/proc``."""
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable")


def _status(field: str, pid: int | None) -> int | None:
    # Not getrusage: a process started by a large one inherits its peak.
    return _kilobytes(Path(f"/proc/{pid or os.getpid()}/status"), field)


def _kilobytes(path: Path, field: str) -> int | None:
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _children() -> list[int]:
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        found += [int(word) for word in path.read_text().split()]
    return found
