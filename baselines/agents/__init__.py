"""Agents by name; each is one file, and one line here."""

from __future__ import annotations

from imgedit_gym.core.registry import Registry

AGENTS = Registry("agent")
AGENTS.register("oracle", "baselines.agents.oracle:OracleAgent")
AGENTS.register("learned", "baselines.agents.learned:LearnedAgent")
AGENTS.register("imitation", "baselines.agents.imitation:ImitationAgent")
AGENTS.register("ppo", "baselines.agents.ppo:PPOAgent")
AGENTS.register("search", "baselines.agents.search:SearchAgent")
AGENTS.register("rule-based", "baselines.agents.rule_based:RuleBasedAgent")
AGENTS.register("grounded-rules", "baselines.agents.grounded_rules:GroundedRulesAgent")
AGENTS.register("single-step", "baselines.agents.single_step:SingleStepAgent")
AGENTS.register("single-step-diffusion", "baselines.agents.single_step_diffusion:SingleStepDiffusionAgent")
AGENTS.register("random", "baselines.agents.random:RandomAgent")
AGENTS.register("no-op", "baselines.agents.no_op:NoOpAgent")
AGENTS.register("text-overlay", "baselines.agents.text_overlay:TextOverlayAgent")

__all__ = ["AGENTS"]
