"""A small neural editor that carries out a whole request in one call."""

from pathlib import Path

WEIGHTS = Path(__file__).parents[1] / "weights" / "single_step"
"""Folder of the pipeline that comes with the package."""

PIPELINE = "baselines.single_step.pipeline:SingleStepPipeline"
"""What the tool ``diffusers`` is told to load it by."""

__all__ = ["PIPELINE", "WEIGHTS"]
