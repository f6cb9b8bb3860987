"""How fast the environment is: ``python -m benchmarks.throughput``."""
