"""Runs the stages in order, those that can at the same time."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from baselines.training.judge.card import write_card
from baselines.training.judge.learn import Workshop, learn_further, learn_language, learn_together, learn_vision
from baselines.training.judge.model import save
from baselines.training.judge.plan import EYES, PRESETS
from baselines.training.judge.vocabulary import unknown_words
from baselines.training.judge.wider import STRANGELY
from baselines.training.judge.wording import FREELY
from benchmarks.throughput.machine import describe_machine
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import ImgEditError

MODEL = "model"
"""Folder of the finished model in that of the training."""


def run(stage: str, preset: str, folder: Path, seed: int, start: Path | None = None) -> None:
    """Run a stage, or all; what is done already is not done again.

    Args:
        stage: One of :data:`baselines.training.judge.plan.STAGES`; ``"all"`` but ``"further"``; or ``"eyes"``.
        preset: A key of :data:`baselines.training.judge.plan.PRESETS`.
        folder: Where everything goes; the finished model to ``model`` in it.
        seed: Of all random choices.
        start: Folder of a finished model: ``"further"`` goes on with it; ``"vision"``, ``"eyes"`` and ``"all"`` go on
            with its vision half, instead of learning to see from nothing.

    Raises:
        ImgEditError: If there is no such model, or ``"further"`` is told of none or of that which it would write over.
    """
    shop = Workshop.open(PRESETS[preset], folder, seed)
    if stage == "all":
        command = [sys.executable, "-m", "baselines.training.judge", "--preset", preset, "--out", str(folder)]
        command += ["--seed", str(seed), "--stage", "vision", *(["--start", str(start)] if start else [])]
        with subprocess.Popen(command) as vision:
            learn_language(shop)
            if vision.wait():
                raise SystemExit(vision.returncode)
    elif stage == EYES:
        learn_vision(shop.narrow(), start, EYES)
    elif stage == "vision":
        learn_vision(shop, start)
    elif stage == "language":
        learn_language(shop)
    if stage in ("joint", "all"):
        save(learn_together(shop), shop.preset.shape, shop.words, folder / MODEL)
    if stage == "further":
        if start is None:
            raise ImgEditError("the stage further goes on with a finished model: expected its folder; found none")
        if start.resolve() == (folder / MODEL).resolve():
            raise ImgEditError(
                f"{start}: expected a model outside of the folder of this training; choose another --out"
            )
        save(learn_further(shop, start), shop.preset.shape, shop.words, folder / MODEL)


def run_measurements(
    folder: Path, preset: str, seed: int, episodes: int, font: str | None, notes: Sequence[str]
) -> None:
    """Measure a finished model, and write its card and ``measured.json`` beside it.

    Args:
        folder: Of the training.
        preset: How it was trained.
        seed: Of the training.
        episodes: Tasks of each measurement.
        font: Path of another emoji font for the split ``test-art``; without it that is left out.
        notes: What else there is to say of the training.
    """
    # not before: it brings the audit, which learning does not need
    from baselines.training.judge.measure import free_wording, measure, strange_wording

    model, found = folder / MODEL, []
    runs: list[tuple[str, dict]] = [
        ("test", {}),
        ("test, counts", {"about": Kind.COUNT}),
        ("test, 64 pixels", {"image_size": 64}),
        ("test-goals", {"split": "test-goals"}),
        ("test, free wording", {"wording": free_wording(0)}),
        ("test, other free wording", {"wording": free_wording(1)}),
        ("test, unknown words", {"wording": strange_wording()}),
    ]
    if font is not None:
        runs.append(("test-art", {"split": "test-art", "font": font}))
    for name, arguments in runs:
        few = episodes if name == "test" else max(episodes // 2, 1)
        measured = measure(model, few, 70_000, **arguments)
        found.append({"name": name, **measured})
        print(name, json.dumps(measured["table"]["all"]), flush=True)
    machine, shop = describe_machine("cpu"), Workshop.open(PRESETS[preset], folder, seed)
    facts = {
        "command": f"python -m baselines.training.judge --preset {preset}",
        "seed": seed,
        "machine": f"{machine['processor']} ({machine['cpus']} cores), {platform.system()}",
        "parameters": sum(parameter.numel() for parameter in shop.model().parameters()),
        "unknown": {
            "free": unknown_words(shop.words, (text for pair in FREELY.values() for text in pair[0])),
            "strange": unknown_words(shop.words, STRANGELY.values()),
        },
        "notes": list(notes),
        "measured": found,
    }
    (model / "measured.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_card(folder, model, PRESETS[preset], facts)
