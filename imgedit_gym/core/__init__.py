"""The ground floor: plan steps, task batches, requirements, regions, verdicts and the plug-in registry."""
