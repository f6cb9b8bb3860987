"""The format of submissions: a manifest, one line an episode, and final pictures; read without trusting any of it."""

from benchmarks.submission.records import DONE, FAILED, MISSING, Costs, EpisodeRecord, Manifest, Scores
from benchmarks.submission.totals import totals

__all__ = ["DONE", "FAILED", "MISSING", "Costs", "EpisodeRecord", "Manifest", "Scores", "totals"]
