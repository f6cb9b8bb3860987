"""The frozen image encoder that planner and orchestrator see with."""

from baselines.vision.encoder import WEIGHTS, Vision

__all__ = ["WEIGHTS", "Vision"]
