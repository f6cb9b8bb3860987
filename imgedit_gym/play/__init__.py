"""A person edits adverts themselves, in the browser or in a terminal: ``python -m imgedit_gym.play``."""
