"""The best tools for any plan, at the places that are truly meant: what a plan can be made of at best."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imgedit_gym.core.checklist import LABEL_PICTURE
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import TONES
from imgedit_gym.core.plan import HEADLINE, PlanStep
from imgedit_gym.core.plan_report import PlanReport
from imgedit_gym.core.retouching import read_value
from imgedit_gym.engine import Engine

CANDIDATES = {
    "remove": ("fill_flat", "fill_smooth", "fill_rows", "fill_columns", "fill_clone"),
    "replace": ("paste_over", "paste_clone", "paste_blend", "paste"),
    "add": ("paste", "paste_blend"),
    "recolor": ("hue_shift", "tint", "paint", "color_shift"),
    "set": ("swap_background",),
    "rewrite": ("rewrite_fill", "rewrite_clone", "rewrite_panel"),
    "adjust": ("exposure", "contrast", "saturation", "temperature", "blur", "sharpen"),
}
"""Tools worth trying for a verb; a third party's tools are tried for every verb."""

RETOUCHING = {
    "noise": ("denoise_grain", "denoise_specks"),
    "blur": ("deblur_focus", "deblur_streak"),
    "haze": ("dehaze_even", "dehaze_deep", "auto_levels"),
    "exposure": ("exposure_gain", "exposure_curve", "dodge", "auto_levels"),
    "cast": ("balance_light", "balance_veil", "gray_world"),
    "contrast": ("contrast_linear", "contrast_midtones", "auto_levels"),
    "fading": ("saturate", "unfade"),
}
"""Retouching tools worth trying for what a step asks for."""

ERASE_TEXT = "erase_text"
"""Takes letters away and leaves their panel: worth trying where a headline is to go."""

SLICE = 16
"""Tasks searched together: each follows several pictures at a time."""

TIE = 0.02
"""Preservation and quality decide between tools that earn the same."""


class OracleOrchestrator:
    """Finds each step's region in what the task truly holds, and the best tools by a search on copies of the canvas.

    A beam search: what looks as good as anything else after one step may turn out worse after a later one. Every step
    of the plan is carried out, also one that does harm; one that cannot be, as its target is not there, is skipped.

    Args:
        width: Sequences of tools followed at a time; 1 takes the best tool step by step.

    Raises:
        ImgEditError: If the width is no whole number of at least 1.
    """

    id = "oracle"
    version = "1"
    deterministic = True
    privileged = True

    def __init__(self, width: int = 8) -> None:
        if not isinstance(width, int) or isinstance(width, bool) or width < 1:
            raise ImgEditError(f"width must be a whole number of at least 1; found {width!r}")
        self._width = width
        self._chosen: dict[int, list[tuple[int, int]]] = {}

    def begin(self, engine: Engine, rows: torch.Tensor) -> None:
        """Search for the tools of every step of the plans."""
        every = rows.tolist()
        for start in range(0, len(every), SLICE):
            self._chosen |= self._search(engine, every[start : start + SLICE])

    def act(self, engine: Engine, rows: torch.Tensor) -> torch.Tensor:
        """The next of the best tools, and its region."""
        steps = engine.step_index[rows].tolist()
        return torch.tensor([self._chosen[row][step] for row, step in zip(rows.tolist(), steps, strict=True)])

    def _search(self, engine: Engine, rows: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """The best tools and their regions for each plan, by environment."""
        device = engine.device
        options = {row: plan_options(engine, row) for row in rows}
        chosen: dict[int, list[tuple[int, int]]] = {}
        # the beam: whose picture, the actions that made it, the picture
        owners = sorted(rows)
        taken: list[list[tuple[int, int]]] = [[] for _ in owners]
        canvas = engine.canvas[torch.tensor(owners, device=device)]
        index = 0
        while owners:
            tried, parents = [], []
            for parent, row in enumerate(owners):
                for action in options[row][index]:
                    tried.append(action)
                    parents.append(parent)
            whose = torch.tensor([owners[parent] for parent in parents], device=device)
            pictures, verdict = engine.imagine(
                canvas[torch.tensor(parents, device=device)],
                torch.full((len(whose),), index, dtype=torch.int32, device=device),
                torch.tensor(tried, device=device),
                whose,
            )
            worth = verdict.score + TIE * (verdict.preservation + verdict.quality)
            # what could not be judged comes last, and is taken only where nothing could be
            worth = torch.where(verdict.valid, worth, -torch.inf)
            best: dict[int, list[int]] = {}
            for at in torch.argsort(worth, descending=True, stable=True).tolist():
                beam = best.setdefault(owners[parents[at]], [])
                if len(beam) < self._width:
                    beam.append(at)
            kept: list[int] = []
            for row, beam in best.items():
                if index + 1 == len(options[row]):
                    chosen[row] = [*taken[parents[beam[0]]], tried[beam[0]]]
                else:
                    kept += beam
            owners = [owners[parents[at]] for at in kept]
            taken = [[*taken[parents[at]], tried[at]] for at in kept]
            canvas = pictures[torch.tensor(kept, dtype=torch.int64, device=device)]
            index += 1
        return chosen


def plan_options(engine: Engine, row: int) -> list[list[tuple[int, int]]]:
    """Tools worth trying and the region of each step of an environment's plan; ``skip`` where it cannot be done."""
    plan = engine.plan(row)
    report = engine.tasks.check_plan(engine.batch, row, plan)
    options = []
    for step, problem, region in zip(plan, report.problems, plan_regions(engine, row, report), strict=True):
        # free text may mean something to tools that are not known here
        tools = tools_for(step, engine.tool_ids) if not problem or step.verb == "edit" else []
        options.append([(tool, region) for tool in tools or [0]])
    return options


def plan_regions(engine: Engine, row: int, report: PlanReport) -> list[int]:
    """The region that each step of a measured plan concerns, by what is truly in an environment's picture."""
    return [
        0 if place.label == LABEL_PICTURE else engine.regions.find(row, place.label, place.cell)
        for place in report.places
    ]


def tools_for(step: PlanStep, ids: Sequence[str]) -> list[int]:
    """Tools worth trying for a step, by index; empty where there are none."""
    known = {tool for table in (CANDIDATES, RETOUCHING) for tools in table.values() for tool in tools} | {ERASE_TEXT}
    wanted = CANDIDATES.get(step.verb, ()) if step.value not in TONES else CANDIDATES["adjust"]
    wish = read_value(step.value)
    if wish is not None:
        wanted = (*wanted, *RETOUCHING[wish.aspect])
    if step.verb == "remove" and step.target == HEADLINE:
        wanted = (*wanted, ERASE_TEXT)
    return [i for i, id in enumerate(ids) if id in wanted or (id not in known and i > 0)]
