"""Training of the single-step editor on generated adverts: ``python -m baselines.training.single_step``."""
