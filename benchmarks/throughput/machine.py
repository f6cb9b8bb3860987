"""What figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from baselines.cli import versions
from imgedit_gym.kernels.runtime import get_num_threads


def describe_machine(device: str) -> dict[str, Any]:
    """Processor, how busy it is, memory, GPU, threads and versions."""
    return {
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "memory_bytes": _memory(),
        "gpu": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
        "system": platform.platform(),
        "torch_threads": torch.get_num_threads(),
        "kernel_threads": get_num_threads(),
        "versions": versions(),
    }


def busy(machine: dict[str, Any]) -> bool:
    """Whether others keep the processors so busy that figures will suffer."""
    return machine["load_average"] is not None and machine["load_average"] > 0.5 * machine["cpus"]


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
