"""Cutting out: what stands in front is kept, and the background gives way to a plain one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLOR_RGB, COLORS
from imgedit_gym.core.plan import BACKGROUND, PlanStep
from imgedit_gym.core.plan import VERBS as ALL_VERBS
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.tools import confine
from imgedit_gym.tools.editor import EditorTool, Failure, Request

VERBS = ("set", "recolor", "remove", "replace", "edit")
FRONTS = ("picture", "region")
CUT_AT = 192
"""Longest edge in pixels at which pictures are cut; soft edges are found at their own size."""

_SEED = 20040801
_TURNS = 3
"""Iterations of GrabCut from each start."""

_BORDER = 1 / 128
"""Width of the border that GrabCut starts from, as a share of the picture's edge."""

_ALIKE = 2
"""Levels by which neighbours may differ, in each channel of Lab, to count as one surface."""

_STRONGER = 1.2
"""How many times as strong as the first cut's the edges of the second must be."""

_SPECK = 0.0005
"""Share of the picture below which a piece is dropped and a hole is closed."""

_LEAST = 0.005
"""Share of what may be kept below which nothing is said to stand in front."""

_EDGE = 2.5
"""Pixels of a cut of :data:`CUT_AT` pixels on either side of its edge that may be both."""

_SPEAKS_OF_IT = re.compile(r"\b(?:background|backdrop|cut(?:\s+\w+){0,4}\s+out|cutout)\b", re.IGNORECASE)
_COLOR, _KIND = (
    re.compile(rf"\b(?:{'|'.join(sorted(words, key=len, reverse=True))})\b", re.IGNORECASE)
    for words in (COLORS, BACKGROUNDS)
)


class Cutout(EditorTool):
    """Keeps what stands in front and puts a plain colour, or a background of the stock, behind it.

    For plan steps about the background: ``set``, ``recolor`` and ``replace`` name a colour or a kind of background of
    the stock; after ``remove`` the tool's own ``color`` is put there, as it is for free text that speaks of the
    background and names none. Edges are soft: a pixel that was part front, part background keeps its front's share.

    No network looks at the picture. GrabCut tells front from background by colour and contrast, so what has the
    background's colours, or reaches the border, may go with it.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        color: One of :data:`imgedit_gym.core.names.COLORS`, where the plan step names none.
        front: Where to look for what stands in front: ``"picture"``, whatever the region, or ``"region"``, so that all
            outside the region counts as background, for regions that are boxes around a thing.
        verbs: Verbs of plan steps that the tool is for, some of :data:`VERBS`.
        margin: As in :class:`imgedit_gym.tools.editor.EditorTool`; a background fills the window.
        feather: As there.
        **editor: ``name``, ``least``, ``reach`` and ``cache``; see there.

    Raises:
        ImgEditError: If an argument is not what is expected, or the extra ``cutout`` is not installed.

    Source: GrabCut (Rother, Kolmogorov and Blake, ACM Transactions on Graphics 23(3), 2004) as OpenCV has it.
    """

    id = "cutout"

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        color: str = "white",
        front: str = FRONTS[0],
        verbs: Sequence[str] | None = VERBS,
        margin: float | None = None,
        feather: int = 1,
        **editor: Any,
    ) -> None:
        try:
            import cv2
        except ImportError as error:
            raise ImgEditError(
                f"tool 'cutout' needs the extra 'cutout': pip install 'imgedit-gym[cutout]' ({error})"
            ) from None
        super().__init__(stock, vocabulary, verbs=verbs, margin=margin, feather=feather, **editor)
        if verbs is None or not set(verbs) <= set(VERBS):
            raise ImgEditError(f"verbs must be some of {VERBS}; found {verbs!r}")
        if color not in COLORS:
            raise ImgEditError(f"color must be one of {COLORS}; found {color!r}")
        if front not in FRONTS:
            raise ImgEditError(f"front must be one of {FRONTS}; found {front!r}")
        self._color, self._front = color, front
        self._package = f"opencv {cv2.__version__}"
        self._free, self._background = ALL_VERBS.index("edit"), vocabulary.target_code(BACKGROUND)

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        return [Cutout.id, self.version, self._package, self._color, self._front]

    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps of the tool's verbs whose target is the background, and free text."""
        about = (steps.codes[:, 1] == self._background) | (steps.verbs == self._free)
        return super().accepts(steps) & about

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`; each picture by itself."""
        return [self._cut_out(request) for request in requests]

    def _cut_out(self, request: Request) -> torch.Tensor | Failure:
        picture, mask = request.picture.numpy(), request.mask.numpy()
        behind = self._behind(request.step, len(picture))
        if isinstance(behind, Failure):
            return behind
        front = in_front(picture, mask if self._front == "region" else None)
        where = mask if self._front == "region" else np.ones_like(mask)
        if front[where].mean() < _LEAST:
            return Failure("nothing was found that stands in front")
        if not (mask & ~front).any():
            return Failure("all of the region stands in front")
        share, colors = unmixed(picture, front)
        mixed = colors * share[..., None] + behind.numpy() * (1.0 - share[..., None])
        return torch.from_numpy(mixed.round().clip(0, 255).astype(np.uint8))

    def _behind(self, step: PlanStep, side: int) -> torch.Tensor | Failure:
        """What a plan step wants behind, ``uint8 [side, side, 3]``."""
        if step.verb == "edit" and not _SPEAKS_OF_IT.search(step.value):
            return Failure("the plan step does not speak of the background")
        value = "" if step.verb == "remove" else step.value
        found = _COLOR.search(value) or _KIND.search(value)
        if found is None and step.verb not in ("remove", "edit"):
            return Failure("the plan step names no colour and no background of the stock")
        word = self._color if found is None else found[0].lower()
        if word in COLORS:
            return torch.tensor(COLOR_RGB[word], dtype=torch.uint8).expand(side, side, 3)
        plate = self.lookup.plate[self.vocabulary.value_code(word)]
        return confine.resize(self.stock.plates[plate].cpu(), side, side)


def in_front(picture: np.ndarray, within: np.ndarray | None = None) -> np.ndarray:
    """What stands in front in a picture.

    GrabCut starts twice: from the border as background and all else as front, and from all that hangs together with the
    border in small steps of colour as background. The first cut is taken, unless the edges of the second are clearly
    stronger.

    Args:
        picture: ``uint8 [H, W, 3]``.
        within: Where to look, ``bool [H, W]``; what lies outside counts as background. ``None`` for everywhere.

    Returns:
        ``bool [H, W]``; nowhere set where nothing was found.

    Raises:
        ImportError: If OpenCV is not installed.
    """
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, CUT_AT / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels: np.ndarray = picture[..., ::-1].copy()
    outside: np.ndarray = np.zeros((height, width), np.uint8)
    if within is not None:
        outside[~within] = 1
    if scale < 1.0:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        outside = cv2.resize(outside, size, interpolation=cv2.INTER_NEAREST)
    lab = cv2.cvtColor(cv2.GaussianBlur(pixels, (0, 0), 1.0), cv2.COLOR_BGR2LAB)
    sure = outside > 0 if within is not None and outside.any() else _border(size[1], size[0])
    first, second = (_cut(pixels, sure, likely, outside > 0) for likely in (sure, _reached(lab, sure)))
    front = _without_specks(second if _contrast(lab, second) > _STRONGER * _contrast(lab, first) else first)
    if scale < 1.0:
        front = cv2.resize(front.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return front


def unmixed(picture: np.ndarray, front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of what stands in front in each pixel, and its colour there.

    A pixel near the edge lies between the mean colours of front and background around it; where on the line between
    them it lies is its share.

    Args:
        picture: ``uint8 [H, W, 3]``.
        front: What stands in front, ``bool [H, W]``.

    Returns:
        Shares ``float32 [H, W]`` in [0, 1], and colours ``float32 [H, W, 3]``.
    """
    import cv2

    reach = _EDGE * max(1.0, max(front.shape) / CUT_AT)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach / 2) + 1,) * 2)
    inner = cv2.erode(front.astype(np.uint8), kernel, borderValue=1) > 0
    outer = cv2.dilate(front.astype(np.uint8), kernel, borderValue=0) == 0
    pixels = picture.astype(np.float32)
    (near, is_near), (far, is_far) = (_around(pixels, part, 2 * reach) for part in (inner, outer))
    apart = near - far
    length = (apart**2).sum(-1)
    along = ((pixels - far) * apart).sum(-1) / np.maximum(length, 1.0)
    blurred = cv2.GaussianBlur(front.astype(np.float32), (0, 0), reach / 2.5)
    # where both sides look alike, colours tell nothing
    share = np.where(is_near & is_far & (length > 24.0**2), along, blurred)
    share = np.where(inner, 1.0, np.where(outer, 0.0, share)).clip(0.0, 1.0).astype(np.float32)
    known = share[..., None]
    pure = (pixels - (1.0 - known) * far) / np.maximum(known, 0.1)
    mixed = (known < 1.0) & is_near[..., None] & is_far[..., None]
    colors = np.where(mixed, np.where(known > 0.5, pure, near), pixels).clip(0.0, 255.0)
    return share, colors.astype(np.float32)


def _border(height: int, width: int) -> np.ndarray:
    """The picture's border but for its lower edge, on which things stand."""
    border = np.ones((height, width), bool)
    rim = max(1, round(_BORDER * max(height, width)))
    border[rim:, rim : width - rim] = False
    return border


def _reached(lab: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """All that hangs together with what is surely background, in small steps of colour."""
    import cv2

    reached = np.zeros((sure.shape[0] + 2, sure.shape[1] + 2), np.uint8)
    how = 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY
    for row, column in np.argwhere(sure):
        if not reached[row + 1, column + 1]:
            cv2.floodFill(lab, reached, (int(column), int(row)), 0, (_ALIKE,) * 3, (_ALIKE,) * 3, how)
    return reached[1:-1, 1:-1] > 0


def _cut(pixels: np.ndarray, sure: np.ndarray, likely: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """What GrabCut takes for the front, ``bool [h, w]``."""
    import cv2

    marks = np.full(sure.shape, cv2.GC_PR_FGD, np.uint8)
    marks[likely] = cv2.GC_PR_BGD
    marks[sure] = cv2.GC_BGD
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(_SEED)  # GrabCut draws the first colours of its models
    for turns, mode in ((_TURNS, cv2.GC_INIT_WITH_MASK), (1, cv2.GC_EVAL)):
        if not (marks & 1).any() or (marks & 1).all():
            break
        cv2.grabCut(pixels, marks, (0, 0, 0, 0), behind, before, turns, mode)  # the box is not looked at
        marks[(marks == cv2.GC_BGD) & ~outside] = cv2.GC_PR_BGD  # things may reach the border after all
    return (marks & 1) > 0


def _contrast(lab: np.ndarray, front: np.ndarray) -> float:
    """Mean step of colour along the edge of a cut; 0 without an edge."""
    levels = lab.astype(np.float32)
    steps = []
    for axis in (0, 1):
        changes = np.diff(front, axis=axis)
        steps.append(np.linalg.norm(np.diff(levels, axis=axis), axis=-1)[changes])
    edge = np.concatenate(steps)
    return float(edge.mean()) if len(edge) else 0.0


def _without_specks(front: np.ndarray) -> np.ndarray:
    """A cut without its smallest pieces and holes."""
    import cv2

    least = _SPECK * front.size
    for value in (True, False):
        _, labels, facts, _ = cv2.connectedComponentsWithStats((front == value).astype(np.uint8), connectivity=4)
        small = facts[:, cv2.CC_STAT_AREA] < least
        small[0] = False
        front = np.where(small[labels], not value, front)
    return front


def _around(pixels: np.ndarray, part: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours of a part of a picture around each pixel, and where any of it is near."""
    import cv2

    weights = part.astype(np.float32)
    share = cv2.GaussianBlur(weights, (0, 0), reach)
    sums = cv2.GaussianBlur(pixels * weights[..., None], (0, 0), reach)
    return sums / np.maximum(share, 1e-6)[..., None], share > 1e-3
