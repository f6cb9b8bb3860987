from __future__ import annotations

import gc
import mmap
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.throughput import memory

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")


def test_new_memory_is_seen():
    # A mapping of its own: an array could be put where freed memory is still counted.
    gc.collect()
    before = memory.current_rss()
    with mmap.mmap(-1, 64 * 2**20) as held:
        np.frombuffer(held, dtype=np.uint8)[:] = 1
        gc.collect()
        assert memory.current_rss() - before > 48 * 2**20
    assert memory.peak_rss() >= before + 48 * 2**20


def test_processes_that_were_started_count():
    alone = memory.peak_of_family()
    words = [sys.executable, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert memory.peak_rss(child.pid) > 2**20
        assert memory.peak_of_family() >= alone + 2**20
        child.communicate(b"\n")


def test_what_cannot_be_read_is_unknown():
    assert memory.peak_rss(2**30) is None
    assert memory.peak_on_gpu("cpu") is None and memory.current_on_gpu("cpu") is None
    assert memory.available() > 0
