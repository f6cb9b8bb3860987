"""Verification of submissions: contents, sums, actions replayed, pictures judged again."""

from benchmarks.verify.levels import verify
from benchmarks.verify.report import LEVELS, Report

__all__ = ["LEVELS", "Report", "verify"]
