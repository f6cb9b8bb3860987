"""The board: verified submissions as tables and as a static web page."""

from benchmarks.leaderboard.board import Entry, build_boards, rank

__all__ = ["Entry", "build_boards", "rank"]
