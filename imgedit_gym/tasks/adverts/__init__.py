"""Procedural adverts with exact answers."""
