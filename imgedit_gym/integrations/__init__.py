"""Bridges to other libraries, one file each; each needs its library only when it is imported."""
