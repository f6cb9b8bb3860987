"""Frozen suites: which tasks, which environment, which judge, which budgets, each named by a hash of its content."""

from benchmarks.suites.suite import Suite, SuiteTask, load_suite, read_suite, suite_ids, write_suite

__all__ = ["Suite", "SuiteTask", "load_suite", "read_suite", "suite_ids", "write_suite"]
