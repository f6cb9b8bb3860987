from __future__ import annotations

import pytest
import torch

from benchmarks.checklist.definition import requirement_rows
from benchmarks.checklist.drawings import judge_drawings
from benchmarks.checklist.staging import Stage
from imgedit_gym.core.checklist import Kind


@pytest.mark.parametrize("wanted", [True, False])
def test_staging_gives_what_is_wanted(engine, wanted):
    stage = Stage(engine, seed=3)
    for row in range(engine.num_envs):
        for target, wish in enumerate(requirement_rows(engine.batch, row)):
            truth, holds = stage.set_up(row, target, wanted)
            assert len(truth.cases) == len(requirement_rows(engine.batch, row))
            if Kind(wish["kind"]) is not Kind.PRESENT:
                assert holds == wanted, truth.cases


def test_staging_leaves_the_task_alone(engine):
    before = {name: tensor.clone() for name, tensor in engine.tasks.scene(engine.batch).tensors().items()}
    images = engine.batch.images.clone()
    judge_drawings(engine, range(engine.num_envs), seed=1, repeats=1)
    assert torch.equal(engine.batch.images, images)
    for name, tensor in engine.tasks.scene(engine.batch).tensors().items():
        assert torch.equal(tensor, before[name]), name
