"""The planner and the orchestrator as a teacher's plans and choices left them."""

from __future__ import annotations

from baselines.agents.learned import WEIGHTS, LearnedAgent


class ImitationAgent(LearnedAgent):
    """Imitates a teacher who is often wrong: no checklist and no reward has taught it."""

    folders = (WEIGHTS / "imitation" / "planner", WEIGHTS / "imitation" / "orchestrator")
    commands = (
        "python -m baselines.training.planner --stage imitation",
        "python -m baselines.training.planner --stage imitation",
    )
