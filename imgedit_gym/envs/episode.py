"""One environment of an engine in words and plain numbers: what ``info`` and frames show of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imgedit_gym.core.checklist import Requirement
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.verdict import MET
from imgedit_gym.engine import Engine
from imgedit_gym.judging import COSTS
from imgedit_gym.rendering import Screen


@dataclass(frozen=True)
class Words:
    """What an episode says in words; it stays as it is while the plan does.

    Attributes:
        task_id: Name of the task.
        instruction: The request.
        plan: The plan's steps.
        requirements: The requirements, in the order of the checklist's rows.
        kept: Name and segment label of each thing that must be kept.
    """

    task_id: str
    instruction: str
    plan: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    kept: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, engine: Engine, row: int) -> Words:
        """The words of one environment's episode."""
        tasks, batch = engine.tasks, engine.batch
        kept: dict[str, int] = {}
        for label in batch.keep[row].nonzero().flatten().tolist():
            kept[_unused(tasks.label_name(batch, row, label), kept)] = label
        return cls(
            task_id=tasks.task_id(batch, row),
            instruction=tasks.instruction(batch, row),
            plan=tuple(step.text for step in engine.plan(row)),
            requirements=tasks.requirements(batch, row),
            kept=tuple(kept.items()),
        )


def requirements_of(engine: Engine, row: int, words: Words) -> list[dict[str, Any]]:
    """The requirements and how far they are met."""
    values = engine.verdict.requirements[row].tolist()
    return [
        {
            "text": requirement.text,
            "kind": requirement.kind.name.lower(),
            "value": value,
            "met": value >= MET,
            "step": requirement.step,
        }
        for requirement, value in zip(words.requirements, values, strict=False)
    ]


def preserved_of(engine: Engine, row: int, words: Words) -> dict[str, float]:
    """How far each thing to be kept was kept, by name."""
    values = engine.verdict.preserved
    assert values is not None  # the engine has them measured where the judge does not give them
    found = values[row].tolist()
    return {name: found[label] for name, label in words.kept}


def scores_of(engine: Engine, row: int) -> dict[str, float]:
    """E, P, Q, the combined score, and what the judge's parts say."""
    return {name: float(values[row]) for name, values in engine.verdict.named_scores().items()}


def judge_of(engine: Engine, row: int) -> dict[str, Any]:
    """Who judged, and whether the judgement can be used."""
    verdict, judge = engine.verdict, engine.judge
    return {
        "id": judge.id,
        "version": judge.version,
        "prompt_hash": judge.prompt_hash,
        "model": getattr(judge, "model", ""),
        "valid": bool(verdict.valid[row]),
        "failed": int(engine.failed[row]),
        "reason": verdict.reasons.get(row, ""),
    }


def info_of(engine: Engine, row: int, words: Words) -> dict[str, Any]:
    """The ``info`` of one environment."""
    verdict = engine.verdict
    index, success = int(engine.step_index[row]), bool(verdict.success[row])
    last = engine.history(row)[-1:]
    tool, _, problem, changed, _ = last[0] if last else (0, 0, 0, 0, 0.0)
    lineage = engine.lineage(row)
    tools = engine.tool_mask()[row].cpu().numpy().astype(np.int8)
    return {
        "task_id": words.task_id,
        "instruction": words.instruction,
        "plan": list(words.plan),
        "plan_step": words.plan[index] if index < len(words.plan) else "",
        "plan_index": index,
        "requirements": requirements_of(engine, row, words),
        "preserved": preserved_of(engine, row, words),
        "scores": scores_of(engine, row),
        "is_success": success,
        "success": success,
        "action_mask": (tools, np.ones(N_REGIONS, dtype=np.int8)),
        "action_error": engine.problem_text(tool, problem),
        "changed_pixels": changed,
        "lineage": {} if lineage is None else lineage.as_dict(),
        "judge": {
            **judge_of(engine, row),
            "reward_valid": bool(engine.reward_valid[row]),
            **{name: float(getattr(verdict, name)[row]) for name in COSTS},
        },
    }


def screen_of(engine: Engine, row: int, words: Words) -> Screen:
    """What a frame shows of one environment."""
    verdict, history = engine.verdict, engine.history(row)
    tool, region, problem, changed, reward = history[-1] if history else (0, 0, 0, 0, 0.0)
    mask = None
    if tool > 0:
        at = torch.tensor([[row], [region]], device=engine.device)
        mask = engine.regions.regions(at[0], at[1], engine.steps_of(at[0], -1)).masks[0].cpu().numpy()
    scores = scores_of(engine, row)
    return Screen(
        source=engine.batch.images[row].cpu().numpy().copy(),
        canvas=engine.canvas[row].cpu().numpy().copy(),
        region=region,
        mask=mask,
        instruction=words.instruction,
        plan=words.plan,
        plan_index=int(engine.step_index[row]),
        requirements=tuple((one["text"], one["value"], one["met"]) for one in requirements_of(engine, row, words)),
        scores=(scores["E"], scores["P"], scores["Q"], scores["score"]),
        success=bool(verdict.success[row]),
        valid=bool(verdict.valid[row]),
        tool=engine.tool_ids[tool] if history else "",
        error=engine.problem_text(tool, problem),
        changed=changed,
        reward=reward,
    )


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it if it is taken."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate
