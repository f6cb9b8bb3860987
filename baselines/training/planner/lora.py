"""Any vision-language model as a planner: it learns a teacher's plans through adapters of low rank.

``python -m baselines.training.planner.lora --model NAME --out DIR [--tasks N] [--steps N] [--batch N] [--rank R]
[--rate R] [--noise R] [--seed S] [--device D]`` needs the extra ``lora``. ``baselines.planner.Planner.load(DIR)`` reads
what it writes, which names the model that the adapters belong to.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from baselines.cli import run_command
from baselines.planner.planner import Planner
from baselines.training.planner.lessons import draw
from baselines.training.planner.teacher import Teacher
from imgedit_gym.art.catalogue import load_catalogue
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan

ADAPTED = r"(?!.*(vision|visual)).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
"""Layers that get adapters: those of the language half, under the names that most models give them."""

_IGNORED = -100


@dataclass
class Example:
    """A picture ``uint8 [H, W, 3]``, a request and the plan to learn."""

    image: torch.Tensor
    request: str
    plan: Plan


def adapt(planner: Planner, rank: int) -> None:
    """Give a planner's model adapters, which alone will learn.

    Raises:
        ImgEditError: If peft is missing.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImgEditError(f"adapters need the extra 'lora' (pip install 'imgedit-gym[lora]'): {error}") from error
    planner.model = get_peft_model(planner.model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ADAPTED))


def example_loss(planner: Planner, examples: Sequence[Example]) -> torch.Tensor:
    """Cross-entropy of the tokens of the plans, behind pictures and requests."""
    model, device = planner.model, planner.model.device
    inputs = dict(planner.read(torch.stack([one.image for one in examples]), [one.request for one in examples]))
    written = [planner.grammar.write(one.plan) for one in examples]
    longest = max(map(len, written))

    def block(fill: int) -> torch.Tensor:
        return torch.tensor([plan + [fill] * (longest - len(plan)) for plan in written], device=device)

    plans, labels = block(planner.grammar.end), block(_IGNORED)
    shape = inputs["input_ids"].shape
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.shape == shape:
            tail = {"input_ids": plans, "attention_mask": (labels != _IGNORED).long()}.get(
                name, torch.zeros_like(plans)
            )
            inputs[name] = torch.cat([value, tail.to(value.dtype)], 1)
    logits = model(**inputs, use_cache=False, logits_to_keep=longest + 1).logits[:, :-1]
    return F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)


def fine_tune(planner: Planner, examples: Sequence[Example], steps: int, batch: int, rate: float, seed: int) -> None:
    """Have the adapters learn examples."""
    dice = random.Random(seed)
    optimizer = torch.optim.AdamW([one for one in planner.model.parameters() if one.requires_grad], rate)
    planner.model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        loss = example_loss(planner, [dice.choice(examples) for _ in range(batch)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step} of {steps}: loss {float(loss.detach()):.3f}", flush=True)
    planner.model.eval()


def teach(planner: Planner, tasks: int, noise: float, seed: int) -> list[Example]:
    """Examples of a teacher who is often wrong; see :class:`baselines.training.planner.teacher.Teacher`."""
    teacher, dice = Teacher(noise, [item.name for item in load_catalogue().objects]), random.Random(seed)
    return [
        Example(
            chunk.batch.images[row].clone(),
            chunk.requests[row],
            teacher.plan(chunk.tasks.oracle_plan(chunk.batch, row), chunk.seen(row), dice, planner.grammar.max_steps),
        )
        for chunk in draw(lambda images: images.new_zeros(len(images), 0), tasks, seed)
        for row in range(len(chunk.requests))
    ]


def save_adapters(planner: Planner, folder: Path) -> None:
    """Write the adapters, and the processor beside them."""
    planner.model.save_pretrained(folder)
    planner.processor.save_pretrained(folder)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser(
        "python -m baselines.training.planner.lora", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", required=True, help="folder or hub id of an image-text-to-text model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapters")
    parser.add_argument("--tasks", type=int, default=2000, help="tasks that the teacher plans for")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate")
    parser.add_argument("--noise", type=float, default=0.2, help="how often the teacher is wrong, in [0, 1]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="torch device")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    planner = Planner.load(options.model, options.device)
    torch.manual_seed(options.seed)
    adapt(planner, options.rank)
    examples = teach(planner, options.tasks, options.noise, options.seed)
    fine_tune(planner, examples, options.steps, options.batch, options.rate, options.seed)
    save_adapters(planner, options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
