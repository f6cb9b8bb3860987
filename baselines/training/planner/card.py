"""The model card of a planner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from baselines.training.planner.learn import Desk

COLUMNS = ("coverage", "flawless", "infeasible", "redundant", "harmful", "disordered", "score", "normalised", "success")


def table(measured: dict[str, dict[str, float]]) -> str:
    """Measures by split as a Markdown table; what was not measured stays empty."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for split, row in measured.items():
        cells = (f"{row[name]:.3f}" if name in row else "" for name in COLUMNS)
        lines.append(f"| {split} | {' | '.join(cells)} |")
    return "\n".join(lines)


def minutes(folder: Path) -> dict[str, float]:
    """CPU minutes of each stage of a training's folder, from its log."""
    logs = sorted(folder.glob("*.jsonl"), key=lambda log: log.stat().st_mtime)
    last = {log.stem: log.read_text(encoding="utf-8").splitlines()[-1] for log in logs}
    return {stage: json.loads(line)["cpu_seconds"] / 60 for stage, line in last.items()}


def write_card(folder: Path, stage: str, desk: Desk, facts: dict[str, Any]) -> None:
    """Write ``README.md`` beside the weights.

    Args:
        folder: Of the model.
        stage: What made it.
        desk: How it was trained.
        facts: ``command``, ``minutes`` as :func:`minutes` gives them, ``noise``, ``machine``, ``tasks`` and
            ``measured``: by split, what :func:`baselines.training.planner.measure.measure` gives.
    """
    spent = ", ".join(f"{time:.0f} (`{name}`)" for name, time in facts["minutes"].items())
    megabytes = (folder / "model.safetensors").stat().st_size / 1e6
    text = f"""---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# A small planner of edits to adverts, after the stage `{stage}`

A `LlavaForConditionalGeneration` ({megabytes:.1f} MB in half precision, {desk.preset.layers} layers behind the frozen
image encoder `{desk.vision.digest}`) that reads a request and a picture of imgedit-gym's adverts and writes a plan.
It is decoded under the plan grammar, so that every plan parses, and about the things that it marks in the picture:
`marks.safetensors` reads after layer {desk.preset.layers // 2}, at each place, whether the request concerns what stands
there (`baselines.planner.marks`). `baselines.planner.Planner.load(FOLDER)` reads both.

## Training

`{facts["command"]}`, seed {desk.seed}, on {facts["machine"]}.
Updates took {spent} CPU minutes, drawing tasks and plans of its own not counted.

Data: generated adverts of the split `train` alone. Imitation began with {desk.preset.tasks} plans of a teacher with
noise {facts["noise"]}: every step of the oracle's plan is left out with half that chance and concerns another object of
the picture with half of it, and with that chance each a superfluous step is put in and a step is moved to another
place. What came after learnt from plans of the planner's own, of which no teacher saw any.

## Measures

Likeliest plans for {facts["tasks"]} tasks of each split. Coverage and faults are those of the checklist on paper;
score, normalised gain and success are of plans in the hands of the oracle orchestrator. For two requests in one, as in
`test-compose`, a plan is written for the whole or, as the agents do, for each apart, and joined. "Without marks" is the
same model when it may write about whatever it likes.

{table(facts["measured"])}

## Limits

It knows the objects, backgrounds, headlines and looks of the package's world, and the requests of its seen goals.
Words it has not met are spelled to it letter by letter, which hardly helps it.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
