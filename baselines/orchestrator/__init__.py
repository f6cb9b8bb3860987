"""The learned orchestrator: which tool, and where, carries out a plan step."""
