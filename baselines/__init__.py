"""Baselines: agents under one protocol, and the command that compares them."""
