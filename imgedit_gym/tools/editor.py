"""Tools that hand pictures to a model or a server: what goes there, what comes back, what may go wrong meanwhile."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import check_whole, is_number
from imgedit_gym.core.errors import ImgEditError, reason_of
from imgedit_gym.core.images import read_image
from imgedit_gym.core.plan import VERBS, PlanStep
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.models import pool
from imgedit_gym.models.pictures import png_of
from imgedit_gym.models.store import Store, picture_digest
from imgedit_gym.tools import confine
from imgedit_gym.tools.base import Edited, Tool, by_value, is_empty
from imgedit_gym.tools.prompting import INSTRUCTION, Wording

REACHES = ("mask", "box")
NOT_FOR_STEP, NO_PIXELS = 1, 2
"""Problem codes of every such tool; codes above are what went wrong, in the order it first did."""

_KEY_VERSION = "1"
_MOST_PROBLEMS = 100
"""Different failures that are told apart; what comes later is told as the last one."""

_SHOWN = 300
_KEPT_IN_MEMORY = 500
_LARGEST = 4096
_ASPECT = 0.02
"""How far the proportions of what a model gives back may be off."""


@dataclass(frozen=True, eq=False)
class Request:
    """One edit to be made by a model.

    Attributes:
        picture: What it is shown, ``uint8 [s, s, 3]`` on the CPU.
        mask: Where it may change that, ``bool [s, s]`` on the CPU.
        prompt: What it is told.
        step: The plan step that this comes from.
        seed: Seed of its noise, below 2**63.
    """

    picture: torch.Tensor
    mask: torch.Tensor
    prompt: str
    step: PlanStep
    seed: int


@dataclass(frozen=True)
class Failure:
    """An edit that was not made.

    Attributes:
        reason: Why, in a few words; what an agent reads in ``info["action_error"]``.
    """

    reason: str


class EditorTool(Tool):
    """Base of tools that a model or a server does the work of; a subclass implements :meth:`edit`.

    The model is shown a square window around the region, with a margin, at its own size. What it gives back is brought
    back to the window's size and pasted under weights that are exactly 0 outside the region. An edit that fails leaves
    its canvas as it is and says why.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        name: What the tool is called among an environment's tools.
        prompt: Template for what the model is told, or templates by verb; see
            :class:`imgedit_gym.tools.prompting.Wording`.
        verbs: Verbs of plan steps that the tool is for; ``None`` for all.
        size: Edge of what the model is shown in pixels; ``None`` for the window's own size.
        margin: What is shown around the region on each side, as a share of its box; ``None`` to show the whole picture.
        least: Side of the smallest window in canvas pixels.
        feather: Pixels inside the region over which the edit fades in; 1 for a hard edge.
        reach: ``"mask"``, or ``"box"`` where the tool may use the square around a small region, for things of another
            shape.
        seed: Mixed into the noise of every edit.
        cache: Keep what the model gave by content: ``True`` in the memory of the process, a path in a file that
            several processes may share. An edit that is known is not asked for again.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    traced = True
    base_wording: ClassVar[Mapping[str, str]] = INSTRUCTION

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        name: str | None = None,
        prompt: str | Mapping[str, str] | None = None,
        verbs: Sequence[str] | None = None,
        size: int | None = None,
        margin: float | None = 0.25,
        least: int = 64,
        feather: int = 3,
        reach: str = "mask",
        seed: int = 0,
        cache: bool | str = False,
    ) -> None:
        super().__init__(stock, vocabulary)
        if name is not None:
            if not isinstance(name, str) or not name:
                raise ImgEditError(f"name must be text; found {name!r}")
            self.id = name
        for what, value, low, high in (("least", least, 1, _LARGEST), ("feather", feather, 1, 64)):
            check_whole(what, value, low, high)
        if size is not None:
            check_whole("size", size, 8, _LARGEST)
        if margin is not None and not (is_number(margin) and 0.0 <= margin <= 8.0):
            raise ImgEditError(f"margin must be a number from 0 to 8, or None for the whole picture; found {margin!r}")
        if reach not in REACHES:
            raise ImgEditError(f"reach must be one of {REACHES}; found {reach!r}")
        check_whole("seed", seed, 0, 2**63 - 1)
        if not isinstance(cache, (bool, str)) or cache == "":
            raise ImgEditError(f"cache must be True, False or the path of a file; found {cache!r}")
        self.wording = Wording(prompt, self.base_wording)
        self.size, self.margin, self.least, self.feather, self.seed = size, margin, least, feather, seed
        self.reach = reach
        self.store = shared_store(cache)
        self.problems = ("", "not meant for this plan step", "no pixel in the region")
        self._verbs = torch.tensor(_verb_codes(verbs), device=stock.device)

    # ------------------------------------------------------------------ what a subclass says

    def edit(self, requests: Sequence[Request]) -> Sequence[torch.Tensor | Failure]:
        """Have edits made.

        Args:
            requests: What to edit, pictures of one size.

        Returns:
            For each the picture, ``uint8 [h, w, 3]`` of the same proportions, or why there is none. An error that is
            raised counts as the failure of all.
        """
        raise NotImplementedError

    def identity(self) -> Any:
        """All that a result depends on beside the request, JSON-able: names what is kept in the cache."""
        return [self.id, self.version]

    # ------------------------------------------------------------------ what tools do

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """See :class:`imgedit_gym.tools.base.Tool`."""
        return torch.isin(steps.verbs, self._verbs)

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """See :class:`imgedit_gym.tools.base.Tool`."""
        problem = torch.where(is_empty(regions), NO_PIXELS, 0)
        return torch.where(self.accepts(steps), problem, NOT_FOR_STEP)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> Edited:
        """See :class:`imgedit_gym.tools.base.Tool`; a picture that the model gave stands in ``raw`` as it was."""
        allowed = regions.widened() if self.reach == "box" else regions
        places = self.windows(allowed)
        requests = [self._request(images[i], allowed.masks[i], steps, i, places[i]) for i in range(len(images))]
        problems, patches = [0] * len(requests), [None] * len(requests)  # type: list[int], list[torch.Tensor | None]
        for i, answer in enumerate(self._answers(requests)):
            if isinstance(answer, Failure):
                problems[i] = self._code(answer.reason)
            else:
                patches[i] = confine.resize(answer, places[i].side, places[i].side)
        whole = torch.ones_like(allowed.masks, dtype=torch.float32)
        return Edited(
            confine.paste_back(images, patches, places, confine.feather(allowed.masks, self.feather)),
            torch.tensor(problems, dtype=torch.int64, device=images.device),
            raw=confine.paste_back(images, patches, places, whole),
        )

    def windows(self, regions: RegionBatch) -> list[confine.Window]:
        """What is shown of each picture."""
        if self.margin is None:
            return [confine.Window(0, 0, regions.masks.shape[1])] * len(regions)
        return confine.windows(regions, self.margin, self.least)

    def shown_edge(self, window: confine.Window) -> int:
        """Edge in pixels at which a window is shown."""
        return self.size or window.side

    def close(self) -> None:
        """Close the cache's file; it is opened again when needed."""
        if self.store is not None:
            self.store.close()

    # ------------------------------------------------------------------ inside

    def _request(
        self, image: torch.Tensor, mask: torch.Tensor, steps: StepBatch, i: int, window: confine.Window
    ) -> Request:
        step, size = steps.read(i), self.shown_edge(window)
        return Request(
            picture=confine.resize(window.of(image), size, size).cpu().contiguous(),
            mask=confine.resize_mask(window.of(mask), size, size).cpu().contiguous(),
            prompt=self.wording(step),
            step=step,
            seed=steps.noise(i) ^ self.seed,
        )

    def _answers(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        if self.store is None:
            return self._ask(requests)
        identity = json.dumps(self.identity(), sort_keys=True)
        keys = [_key(identity, request) for request in requests]
        known: dict[str, torch.Tensor | Failure] = {}
        for key, text in self.store.read(dict.fromkeys(keys)).items():
            picture = _picture_of(text)
            if picture is not None:
                known[key] = picture
        missing = {key: at for at, key in enumerate(keys) if key not in known}
        for key, answer in zip(missing, self._ask([requests[at] for at in missing.values()]), strict=True):
            known[key] = answer
            if not isinstance(answer, Failure):
                self.store.write(key, _text_of(answer))
        return [known[key] for key in keys]

    def _ask(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """Requests by size to :meth:`edit`, and its answers checked."""
        found: list[torch.Tensor | Failure] = [Failure("no answer")] * len(requests)
        by_size: dict[int, list[int]] = {}
        for at, request in enumerate(requests):
            by_size.setdefault(len(request.picture), []).append(at)
        for places in by_size.values():
            some = [requests[at] for at in places]
            try:
                answers = list(self.edit(some))
            except Exception as error:  # whatever a model or a server raises is no reason to stop an episode
                answers = [Failure(reason_of(error))] * len(some)
            if len(answers) != len(some):
                answers = [Failure(f"expected {len(some)} pictures; found {len(answers)}")] * len(some)
            for at, answer in zip(places, answers, strict=True):
                found[at] = answer if isinstance(answer, Failure) else checked(answer, requests[at])
        return found

    def _code(self, reason: str) -> int:
        """The problem code of a failure; a new one where it has not been met before."""
        reason = " ".join(reason.split())[:_SHOWN] or "failed, and did not say why"
        if reason not in self.problems:
            if len(self.problems) == _MOST_PROBLEMS:
                return _MOST_PROBLEMS - 1
            last = len(self.problems) == _MOST_PROBLEMS - 1
            reason = "failed in yet another way" if last else reason
            self.problems = (*self.problems, reason)
        return self.problems.index(reason)


def checked(answer: Any, request: Request) -> torch.Tensor | Failure:
    """A picture that a model gave, if it can be used."""
    if not isinstance(answer, torch.Tensor) or answer.dtype != torch.uint8 or answer.ndim != 3 or answer.shape[2] != 3:
        return Failure("gave something that is no RGB picture")
    height, width = answer.shape[:2]
    if not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
        return Failure(f"gave a picture of {width} x {height} pixels; expected at most {_LARGEST} a side")
    shown = request.picture.shape
    if abs(height * shown[1] / (width * shown[0]) - 1.0) > _ASPECT:
        return Failure(f"gave a picture of {width} x {height} pixels for one of {shown[1]} x {shown[0]}")
    return answer


def to_pil(picture: torch.Tensor) -> Image.Image:
    """A picture ``uint8 [h, w, 3]`` or mask ``bool [h, w]`` for Pillow, a mask in mode L with 255 where it is set."""
    if picture.dtype == torch.bool:
        return Image.fromarray(picture.to(torch.uint8).mul(255).cpu().numpy())
    return Image.fromarray(picture.cpu().numpy())


def from_pil(picture: Image.Image) -> torch.Tensor:
    """A picture of Pillow as ``uint8 [h, w, 3]``."""
    return torch.from_numpy(np.array(picture.convert("RGB")))


def shared_store(cache: bool | str) -> Store | None:
    """The store of a ``cache`` argument, one for all tools of the process that name the same; ``None`` without."""
    if not cache:
        return None
    path = None if cache is True else cache
    return pool.acquire(("pictures", path), lambda: Store(path, _KEPT_IN_MEMORY))


def _key(identity: str, request: Request) -> str:
    """Names everything that an edit depends on."""
    shown = [picture_digest(request.picture), picture_digest(request.mask)]
    told = [_KEY_VERSION, identity, shown, request.prompt, request.step.text, request.seed]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _text_of(picture: torch.Tensor) -> str:
    return base64.b64encode(png_of(picture.cpu().numpy())).decode()


def _picture_of(text: str) -> torch.Tensor | None:
    """A stored picture; ``None`` if it is none."""
    try:
        pixels = read_image(base64.b64decode(text), "cache", ("PNG",))
    except ValueError:
        return None
    return torch.from_numpy(pixels) if max(pixels.shape) <= _LARGEST else None


def _verb_codes(verbs: Sequence[str] | None) -> list[int]:
    if verbs is None:
        return list(range(1, len(VERBS)))
    if isinstance(verbs, str) or not verbs or any(verb not in VERBS[1:] for verb in verbs):
        raise ImgEditError(f"verbs must be a list of some of {VERBS[1:]}, or None for all; found {verbs!r}")
    return [VERBS.index(verb) for verb in verbs]
