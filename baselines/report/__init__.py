"""What `python -m baselines.run` writes: tables, a gallery of final pictures and a page of episodes."""

from baselines.report.episode import EpisodeView, StepView
from baselines.report.gallery import draw_gallery
from baselines.report.page import write_page
from baselines.report.table import print_table, table_markdown

__all__ = ["EpisodeView", "StepView", "draw_gallery", "print_table", "table_markdown", "write_page"]
