"""An audit of any judge against the exact answers of the adverts: ``python -m benchmarks.audit``."""
