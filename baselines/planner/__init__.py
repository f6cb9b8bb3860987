"""The learned planner: a small vision-language model that reads a picture and a request and writes a plan."""

from baselines.planner.planner import WEIGHTS, Planner

__all__ = ["WEIGHTS", "Planner"]
