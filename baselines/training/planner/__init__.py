"""Training of the planner: imitation of a teacher, then of its own plans that pass the checklist."""
