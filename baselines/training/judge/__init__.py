"""Training of the small vision-language judge on generated adverts: ``python -m baselines.training.judge``."""
