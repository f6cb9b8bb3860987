"""Planners: from a task to a plan."""
