"""The model card of the single-step editor."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from baselines.single_step.model import EDGE
from baselines.training.single_step.learn import EditorTraining
from baselines.training.single_step.measure import Measured
from benchmarks.throughput.machine import describe_machine

_CARD = """---
license: mit
library_name: diffusers
---
# A small single-step editor of adverts

InstructPix2Pix in pixels: a diffusers pipeline of {millions:.1f} million parameters (`UNet2DConditionModel`, a
`BertModel` for the words, DDIM), in half precision, trained on generated adverts of the split `train` of imgedit-gym. A
picture and a request go in, the edited picture comes out: one call, no plan, no choice of tool or region. It is the
neural counterpart of the baseline `single-step`; the agent `single-step-diffusion` uses it.

It sees and draws at {edge} x {edge} pixels, with the frozen image encoder `{encoder}` of
`baselines/weights/vision` beside the pixels, and says what to change as a layer with a gate and a change of colours,
which are laid over the picture at its own size; where the gate is shut, pixels stay as they are.

    from baselines.single_step.pipeline import SingleStepPipeline
    pipe = SingleStepPipeline.from_pretrained("baselines/weights/single_step")
    edited = pipe("Make this an alcohol-free advertisement.", picture).images[0]

    gym.make("ImageEdit-v0", planner="none", tools=["pixel", {{"id": "diffusers", "margin": None,
        "model": "baselines/weights/single_step", "pipeline": "baselines.single_step.pipeline:SingleStepPipeline"}}])

## Training

    {command}

{updates} updates of {batch} edits, {distinct:,} different ones in all, each learned from {passes} times with other
noise; {minutes:.0f} CPU minutes with torch on {threads} thread of {machine} ({cores} cores), {system}; seed {seed}.

Learned from is what a teacher made of adverts who knows the oracle's plan and redraws them with every requirement
served, each in one way: the same object, scenery and headline for a goal, on a grid. So {objects} objects, {places}
backgrounds and one headline a goal are all that it was shown how to draw.

## Measured

{episodes} tasks of the split `test` from seed 0, {size} pixels, one call each, {seconds:.2f} seconds a picture:

| score | success | E | P | Q |
|---|---|---|---|---|
| {score:.3f} | {success:.3f} | {execution:.3f} | {preservation:.3f} | {quality:.3f} |

| requirement | asked for | passed |
|---|---|---|
{kinds}

Kept, where it was to be kept: objects {kept[objects]:.2f}, background {kept[background]:.2f}, headline
{kept[headline]:.2f}. Pixels that are bit by bit those of the source: {untouched:.0%}.

| denoising steps | score | success | E | P | Q |
|---|---|---|---|---|---|
{steps}

## Limits
{notes}
- It knows the requests and the world of the adverts and nothing else: other words are unknown to it, other pictures
  make no sense to it, and a goal that it has not met is not carried out.
- It takes whole requests; the steps of a plan ("remove the hamburger") are not what it was trained on.
- What it draws is drawn at {edge} pixels and enlarged.
"""


def card_of(
    training: EditorTraining,
    command: str,
    threads: int,
    measured: Measured,
    by_steps: dict[int, Measured],
    notes: Sequence[str],
) -> str:
    """Text of the card.

    Args:
        training: What was trained.
        command: What trained it.
        threads: Of torch.
        measured: What it does with its own number of denoising steps.
        by_steps: What it does with others.
        notes: Lines about what it cannot do.
    """
    machine, course, editor = describe_machine("cpu"), training.preset.course, training.editor
    house = training.teacher.house
    return _CARD.format(
        millions=sum(parameter.numel() for parameter in editor.parameters()) / 1e6,
        edge=EDGE,
        encoder=training.vision.digest,
        command=command,
        updates=course.steps,
        batch=course.batch,
        distinct=course.steps * course.batch // training.preset.passes,
        passes=training.preset.passes,
        minutes=training.seconds / 60,
        threads=threads,
        machine=machine["processor"],
        cores=machine["cpus"],
        system=platform.system(),
        seed=training.seed,
        objects=len(house.objects_used),
        places=len(house.backgrounds_used),
        size=training.preset.image_size,
        kinds="\n".join(f"| {kind} | {count} | {share:.0%} |" for kind, (share, count) in measured.passed.items()),
        steps="\n".join(f"| {steps} | {_numbers(one)} |" for steps, one in sorted(by_steps.items())),
        notes="".join(f"\n- {note}" for note in notes),
        **{name: value for name, value in measured.as_json().items() if name != "passed"},
    )


def _numbers(one: Measured) -> str:
    names = ("score", "success", "execution", "preservation", "quality")
    return " | ".join(f"{getattr(one, name):.3f}" for name in names)
