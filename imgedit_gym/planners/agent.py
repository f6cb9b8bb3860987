"""Plans that the agent hands over."""

from __future__ import annotations

from imgedit_gym.planners.none import NonePlanner


class AgentPlanner(NonePlanner):
    """Waits for ``set_plan`` before the first action; until then the instruction is the only step."""

    id = "agent"
