"""Orchestrators: from plan to tools and regions, for all environments of an engine at once."""
