"""The model card of a trained orchestrator."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from baselines.orchestrator.orchestrator import Orchestrator
from baselines.training.orchestrator.curve import read_curve
from benchmarks.throughput.machine import describe_machine

_CARD = """---
license: mit
---
# A learned orchestrator of image edits

From a picture and a plan step to a tool and a region: a network of {millions:.2f} million parameters, trained {how} on
generated adverts of the split `train` of imgedit-gym. {eyes}
`baselines.orchestrator.orchestrator.Orchestrator.load(FOLDER)` reads it. It knows the world of the adverts and nothing
else.

## Training

    {command}

On {machine}: {minutes:.1f} CPU minutes, {calls:,} tool calls, {step:,} {unit}.

On {validation} tasks of the split `val` with the oracle's plans, at {size} pixels, after the last round:

| score | success | E | P | Q |
|---|---|---|---|---|
| {score:.3f} | {success:.3f} | {execution:.3f} | {preservation:.3f} | {quality:.3f} |
"""

_HOW = {
    "table": ("from an outcome table (`docs/orchestrator.md`)", "updates"),
    "ppo": ("by MaskablePPO of sb3-contrib", "steps in the environment"),
}


def card_of(orchestrator: Orchestrator, folder: Path, method: str, command: str, preset: Any) -> str:
    """Text of the card.

    Args:
        orchestrator: What was trained.
        folder: Of the training.
        method: ``"table"`` or ``"ppo"``.
        command: What trained it.
        preset: How.
    """
    last, machine = read_curve(folder)[-1], describe_machine("cpu")
    sees = (
        f"It sees through the frozen image encoder `{orchestrator.vision.digest}`."
        if orchestrator.vision is not None
        else "It has pixels alone, without the frozen image encoder."
    )
    how, unit = _HOW[method]
    return _CARD.format(
        millions=sum(parameter.numel() for parameter in orchestrator.network.parameters()) / 1e6,
        how=how,
        eyes=sees,
        command=command,
        machine=f"{machine['processor']} ({machine['cpus']} cores), {platform.system()}",
        minutes=last["cpu_seconds"] / 60,
        calls=last["tool_calls"],
        unit=unit,
        validation=preset.validation,
        size=preset.image_size,
        **{name: last[name] for name in ("step", "score", "success", "execution", "preservation", "quality")},
    )
