"""An audit of the exact judge: ``python -m benchmarks.checklist``."""
