"""Runs the stages in order, those that can at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from baselines.training.judge.learn import Workshop, learn_language, learn_together, learn_vision
from baselines.training.judge.model import save
from baselines.training.judge.plan import PRESETS


def run(stage: str, preset: str, folder: Path, seed: int) -> None:
    """Run a stage, or all; what is done already is not done again.

    Args:
        stage: ``"vision"``, ``"language"``, ``"joint"`` or ``"all"``.
        preset: A key of :data:`baselines.training.judge.plan.PRESETS`.
        folder: Where everything goes; the finished model to ``model`` in it.
        seed: Of all random choices.
    """
    shop = Workshop.open(PRESETS[preset], folder, seed)
    if stage == "all":
        command = [sys.executable, "-m", "baselines.training.judge", "--preset", preset, "--out", str(folder)]
        command += ["--seed", str(seed), "--stage"]
        with subprocess.Popen([*command, "vision"]) as vision:
            learn_language(shop)
            if vision.wait():
                raise SystemExit(vision.returncode)
    elif stage == "vision":
        learn_vision(shop)
    elif stage == "language":
        learn_language(shop)
    if stage in ("joint", "all"):
        model = learn_together(shop)
        save(model, shop.preset.shape, shop.words, folder / "model")
