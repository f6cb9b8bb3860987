"""The fixed table from plan step to tool: the best one tool a verb, as ``benchmarks.tools`` measures it."""

from __future__ import annotations

from imgedit_gym.core.plan import PlanStep

BY_VERB = {
    "remove": "fill_clone",
    "replace": "paste_over",
    "add": "paste",
    "recolor": "color_shift",
    "set": "swap_background",
    "rewrite": "rewrite_panel",
}
BY_TONE = {
    "brighter": "contrast",
    "darker": "contrast",
    "warmer": "temperature",
    "cooler": "temperature",
    "vivid": "saturation",
    "muted": "saturation",
    "monochrome": "saturation",
    "vintage": "temperature",
    "contrasty": "contrast",
    "soft": "blur",
    "crisp": "sharpen",
}


def table_tool(step: PlanStep) -> str:
    """The table's tool for a plan step; ``skip`` for a step outside it."""
    if step.verb == "adjust":
        return BY_TONE.get(step.value, "skip")
    return BY_VERB.get(step.verb, "skip")
