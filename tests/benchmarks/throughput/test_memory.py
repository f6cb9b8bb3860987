from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.throughput import memory

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")


def test_a_large_array_is_seen():
    before = memory.current_rss()
    held = np.ones(64 * 2**20, dtype=np.uint8)
    assert memory.current_rss() - before > 60 * 2**20
    del held
    assert memory.peak_rss() >= before + 60 * 2**20


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
