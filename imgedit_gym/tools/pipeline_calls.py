"""How pipelines of diffusers are called: what is the same of all, and a table of what differs by class.

Read from diffusers 0.42. A class that is not in the table is called as far as its signature tells how, one picture at a
time.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imgedit_gym.tools.prompting import CAPTION, INSTRUCTION


@dataclass(frozen=True)
class Call:
    """How a pipeline class is called.

    Attributes:
        wording: Templates of its prompts: instructions, or what is to be seen in the hole.
        batch: Whether lists of prompts, pictures and generators are several edits; else they are one at a time, as for
            classes that take a list of pictures for several references of one edit.
        mask: Name of the argument that takes the mask, white where it may paint; empty where there is none.
        sized: Whether it is told height and width of the result.
        multiple: Edges must be multiples of this many pixels of the autoencoder's scale.
        fixed: Arguments that are always given; the value ``"area"`` stands for the picture's pixels.
    """

    wording: Mapping[str, str] = field(default_factory=lambda: INSTRUCTION)
    batch: bool = False
    mask: str = ""
    sized: bool = True
    multiple: int = 1
    fixed: Mapping[str, Any] = field(default_factory=dict)


_AS_IT_IS = {"_auto_resize": False, "max_area": "area"}
"""Kontext would bring pictures to sizes that it prefers."""

CALLS: Mapping[str, Call] = {
    # the last convolution of InstructPix2Pix has no size of its own: the picture's is taken
    "StableDiffusionInstructPix2PixPipeline": Call(batch=True, sized=False),
    "StableDiffusionXLInstructPix2PixPipeline": Call(batch=True),
    "StableDiffusionInpaintPipeline": Call(CAPTION, batch=True, mask="mask_image"),
    "StableDiffusionXLInpaintPipeline": Call(CAPTION, batch=True, mask="mask_image"),
    "StableDiffusion3InpaintPipeline": Call(CAPTION, batch=True, mask="mask_image", multiple=2),
    "FluxInpaintPipeline": Call(CAPTION, batch=True, mask="mask_image", multiple=2),
    "FluxFillPipeline": Call(CAPTION, batch=True, mask="mask_image", multiple=2),
    "FluxKontextPipeline": Call(batch=True, multiple=2, fixed=_AS_IT_IS),
    "FluxKontextInpaintPipeline": Call(batch=True, mask="mask_image", multiple=2, fixed=_AS_IT_IS),
    "Flux2Pipeline": Call(multiple=2),
    "Flux2KleinPipeline": Call(multiple=2),
    "Flux2KleinKVPipeline": Call(multiple=2),
    "Flux2KleinInpaintPipeline": Call(mask="mask_image", multiple=2),
    "QwenImageInpaintPipeline": Call(CAPTION, batch=True, mask="mask_image", multiple=2),
    "QwenImageEditPipeline": Call(multiple=2),
    "QwenImageEditPlusPipeline": Call(multiple=2),
    "QwenImageEditInpaintPipeline": Call(mask="mask_image", multiple=2),
    "ZImageInpaintPipeline": Call(CAPTION, batch=True, mask="mask_image", multiple=2),
}


def call_of(pipe: Any) -> Call:
    """How a pipeline is called."""
    known = CALLS.get(type(pipe).__name__)
    if known is not None:
        return known
    taken = parameters(pipe)
    mask = next((name for name in ("mask_image", "mask") if name in taken), "")
    return Call(CAPTION if mask else INSTRUCTION, mask=mask, sized="height" in taken and "width" in taken)


def parameters(pipe: Any) -> tuple[str, ...]:
    """Names of the arguments that a pipeline's call takes."""
    return tuple(inspect.signature(type(pipe).__call__).parameters)[1:]


def own_edge(pipe: Any) -> int | None:
    """Edge in pixels that a pipeline was made for; ``None`` if it does not say."""
    scale = getattr(pipe, "vae_scale_factor", None)
    sample = getattr(pipe, "default_sample_size", None)
    if sample is None:
        sample = getattr(getattr(getattr(pipe, "unet", None), "config", None), "sample_size", None)
    return int(sample * scale) if isinstance(sample, int) and isinstance(scale, int) else None


def multiple_of(pipe: Any, call: Call) -> int:
    """What edges of pictures must be multiples of, in pixels."""
    scale = getattr(pipe, "vae_scale_factor", 1)
    return (scale if isinstance(scale, int) else 1) * call.multiple
