"""Trains the orchestrator: from an outcome table, or by PPO."""
