"""Measurements of the environment, the judge and the tools."""
