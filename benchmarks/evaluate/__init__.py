"""Evaluation of agents on frozen suites."""

from benchmarks.evaluate.agents import find_agent
from benchmarks.evaluate.run import Run, evaluate

__all__ = ["Run", "evaluate", "find_agent"]
