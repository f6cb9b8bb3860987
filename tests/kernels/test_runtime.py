"""Tests of starting Warp."""

import os
import subprocess
import sys

CODE = """
import torch, warp as wp
from imgedit_gym.kernels.adjust import tint
assert int(tint(torch.full((1, 64, 64, 3), 100, dtype=torch.uint8), torch.full((1, 3), 127.5)).max()) == 50
"""


def run(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )


def test_warp_starts_without_a_word():
    done = run(IMGEDIT_GYM_VERBOSE="")
    assert (done.stdout, done.stderr) == ("", "")


def test_warp_talks_when_asked_to():
    assert "Warp" in run(IMGEDIT_GYM_VERBOSE="1").stdout
