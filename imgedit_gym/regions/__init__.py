"""Regions: from a cell of the lattice to the mask a tool may edit."""
