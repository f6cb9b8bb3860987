"""The prompts of model-backed judges, as versioned files."""
