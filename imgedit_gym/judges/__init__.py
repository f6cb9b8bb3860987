"""Judges: from source, canvas and task to a verdict."""
