"""Tasks without a renderer, for processes that must start quickly; as a script: judge them all, with a cache.

``python -m tests.judges.tiny URL CACHE N`` judges N pictures in parts, prints ``part`` after each and ends with the
scores as JSON.
"""

from __future__ import annotations

import json
import sys

import torch

from imgedit_gym.core.checklist import Kind, Requirement
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.judges.base import Cases

SIZE = 16
PART = 100


class Reader:
    """Words of tasks of which each wants two things gone."""

    def instruction(self, batch, row):
        return f"make picture {row} plain"

    def requirements(self, batch, row):
        return tuple(Requirement(Kind.ABSENT, f"no thing {row} {which}", 0) for which in "ab")

    def label_name(self, batch, row, label):
        return "background" if label == 0 else "thing"


def tiny_cases(n: int, seed: int = 0) -> Cases:
    """N cases of which the edited picture differs from the source in row i of i % SIZE rows."""
    generator = torch.Generator().manual_seed(seed)
    batch = TaskBatch.empty(n, SIZE, 2, torch.device("cpu"))
    batch.reader = Reader()
    batch.images[:] = torch.randint(0, 256, batch.images.shape, generator=generator, dtype=torch.uint8)
    batch.requirements[:, :2, 0] = int(Kind.ABSENT)
    batch.keep[:, 0] = 1
    canvas = batch.images.clone()
    for i in range(n):
        canvas[i, : i % SIZE] = 255 - canvas[i, : i % SIZE]
    return Cases(batch, None, canvas, torch.full((n,), 9, dtype=torch.int32))


def truth(n: int) -> torch.Tensor:
    """E of these cases, as the server of the tests sees it."""
    return (torch.arange(n) % SIZE) / SIZE


def main() -> None:
    url, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    judge = JUDGES.build(
        {"id": "cache", "path": path, "judge": {"id": "openai", "model": "m", "base_url": url, "retries": 20}}
    )
    cases, found = tiny_cases(n), []
    for start in range(0, n, PART):
        found += judge.judge(cases.take(torch.arange(start, min(start + PART, n)))).execution.tolist()
        print("part", flush=True)
    judge.close()
    print(json.dumps({"execution": found, "cache": judge.statistics()["cache"]}))


if __name__ == "__main__":
    main()
