"""Measures that need neither a model nor a renderer: they compare the pixels of two pictures, photographs too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from imgedit_gym.core.checklist import COLUMNS, LABEL_BACKGROUND, LABEL_HEADLINE, N_LABELS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import Cases, Judge
from imgedit_gym.judges.weighing import weigh
from imgedit_gym.models.store import Store

REGIONS = ("task", "step")
WINDOW, STRIDE = 7, 2
"""Edge of the windows in which SSIM is measured, and how far they are apart, in pixels."""

VISIBLE = 8.0
"""A pixel has changed if one of its channels has by more than this, of 255."""

LOST = 0.2
"""A mean absolute difference from which on nothing is preserved, of 1."""

_PART = 128
"""Pictures compared at once."""

_KIND, _SLOT = COLUMNS.index("kind"), COLUMNS.index("slot")


class PixelJudge(Judge):
    """Compares the edited picture with the source, inside and outside the region that the task concerns.

    P is how far the rest was kept: SSIM outside the region, less what colours moved there. Q is freedom from drift: how
    far colours stayed where they were on a coarse scale, and how much of the fine detail is still there. E, and the
    value of each requirement, is the share of the pixels it concerns that changed at all. That is no sign that they
    changed rightly: E is there to be combined with what a model says, and for tasks where nothing else can be had.

    Where the task asks for a look of the whole picture, colours and contrast must move: there P compares structure
    alone, and Q is 1.

    The parts are ``ssim`` outside, ``l1`` (mean absolute difference outside), ``drift`` (the same of 8 x 8 pixels at a
    time) and ``change`` (share of the pixels inside that changed), all in [0, 1].

    Args:
        region: ``"task"``: what the requirements concern is inside, what the task says to keep is outside. ``"step"``:
            where the last tool was allowed to edit is inside. That is for judging single steps: an agent that always
            chooses the whole picture has nothing to preserve.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.

    Raises:
        ImgEditError: If an argument is not what is expected.

    Source: SSIM after Wang et al., "Image quality assessment: from error visibility to structural similarity"
    (2004), with uniform windows.
    """

    id = "pixels"

    def __init__(self, region: str = "task", combine: str = "product") -> None:
        if region not in REGIONS:
            raise ImgEditError(f"region must be one of {REGIONS}; found {region!r}")
        self.region = region
        if region != "task":
            self.version = f"{self.version}, {region}"
        self.combine = combination(combine)

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        parts = []
        for start in range(0, len(cases), _PART):
            at = torch.arange(start, min(start + _PART, len(cases)), device=cases.canvas.device)
            parts.append(self._measure(cases if len(at) == len(cases) else cases.take(at)))
        found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        device = cases.canvas.device
        verdict = Verdict(
            execution=found["quality"],
            preservation=found["preservation"],
            quality=found["quality"],
            score=found["quality"],
            requirements=found["requirements"],
            success=torch.zeros(len(cases), dtype=torch.bool, device=device),
            valid=torch.ones(len(cases), dtype=torch.bool, device=device),
            calls=torch.zeros(len(cases), device=device),
            preserved=found["preserved"],
            parts={name: found[name] for name in ("ssim", "l1", "drift", "change")},
        )
        verdict.execution, verdict.score, verdict.success = weigh(verdict, cases.wanted, cases.due, self.combine)
        return verdict

    def cached(self, store: Store) -> Judge:
        """Itself: measuring again takes less time than looking a picture up."""
        return self

    def _measure(self, cases: Cases) -> dict[str, torch.Tensor]:
        source, canvas, wanted = cases.source, cases.canvas, cases.wanted
        labels = cases.batch.segments[cases.index].long()
        keep = cases.batch.keep[cases.index] > 0
        inside = self._inside(cases, labels, keep)
        look = (wanted[..., _KIND] == Kind.TONE).any(1)
        gap = canvas.short() - source.short()
        apart = gap.abs()
        changed = (torch.maximum(torch.maximum(apart[..., 0], apart[..., 1]), apart[..., 2]) > VISIBLE).float()
        difference = (apart[..., 0] + apart[..., 1] + apart[..., 2]).float() / (3 * 255.0)

        outside = (~inside).float()
        l1 = mean_where(difference, outside)
        gray_source, gray_canvas = gray(source), gray(canvas)
        kept, structure = similarity(gray_source, gray_canvas)
        kept = torch.where(look[:, None, None], structure, kept)
        # a window that reaches into the region says nothing about what is outside
        windows = (F.avg_pool2d(outside[:, None], WINDOW, STRIDE)[:, 0] > 0.999).float()
        ssim = mean_where(kept, windows, otherwise=1.0).clamp(0.0, 1.0)
        drift = coarse_difference(gap, outside)
        fine = detail_kept(gray_source, gray_canvas, outside)
        one = torch.ones_like(l1)
        per_label = label_means(difference, labels)
        return {
            "ssim": ssim,
            "l1": l1,
            "drift": drift,
            "change": mean_where(changed, torch.where(look[:, None, None], 1.0, inside.float())),
            "preservation": torch.where(look, ssim, ssim * (1.0 - l1 / LOST).clamp_min(0.0)),
            "quality": torch.where(look, one, fine * (1.0 - drift / LOST).clamp_min(0.0)),
            "preserved": torch.where(keep & ~look[:, None], (1.0 - per_label / LOST).clamp_min(0.0), 1.0),
            "requirements": _changed_where_asked(changed, labels, inside, wanted),
        }

    def _inside(self, cases: Cases, labels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """What may change, ``bool [N, H, W]``."""
        if self.region == "step":
            regions = cases.regions()
            return torch.zeros_like(labels, dtype=torch.bool) if regions is None else regions.masks
        inside = ~keep.gather(1, labels.flatten(1)).reshape(labels.shape)
        cells = cases.batch.plan_cells[cases.index].long()
        adds = torch.zeros(len(cells), LATTICE**2 + 1, device=cells.device)
        adds.scatter_(1, torch.where(cells < 0, LATTICE**2, cells), 1.0)
        # things that are added are larger than the cell that is named
        around = F.max_pool2d(adds[:, None, :-1].reshape(-1, 1, LATTICE, LATTICE), 3, 1, 1)
        return inside | (F.interpolate(around, labels.shape[1:])[:, 0] > 0)


def mean_where(values: torch.Tensor, weights: torch.Tensor, otherwise: float = 0.0) -> torch.Tensor:
    """Mean of ``[N, H, W]`` where weights are 1, ``float32 [N]``; ``otherwise`` where they are nowhere."""
    total = weights.flatten(1).sum(1)
    mean = (values * weights).flatten(1).sum(1) / total.clamp_min(1.0)
    return torch.where(total > 0, mean, otherwise)


def gray(pictures: torch.Tensor) -> torch.Tensor:
    """Mean of the channels of ``uint8 [N, H, W, 3]``, ``float32 [N, H, W]`` in [0, 255]."""
    return (pictures[..., 0].float() + pictures[..., 1] + pictures[..., 2]) / 3.0


def similarity(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM of two batches of gray pictures, and its part that compares structure alone.

    Args:
        first: ``float32 [N, H, W]`` in [0, 255].
        second: The same.

    Returns:
        Two maps ``float32 [N, (H - 5) // 2, (W - 5) // 2]`` in [-1, 1], by window.
    """
    x, y = first[:, None], second[:, None]

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(values, WINDOW, STRIDE)[:, 0]

    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    mean_x, mean_y = mean(x), mean(y)
    var_x = (mean(x * x) - mean_x**2).clamp_min(0.0) * unbiased
    var_y = (mean(y * y) - mean_y**2).clamp_min(0.0) * unbiased
    covariance = (mean(x * y) - mean_x * mean_y) * unbiased
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    texture = (2 * covariance + c2) / (var_x + var_y + c2)
    structure = (covariance + c2) / ((var_x * var_y).sqrt() + c2)
    return light * texture, structure.clamp(-1.0, 1.0)


def coarse_difference(gap: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of 8 x 8 pixels at a time, ``float32 [N]`` in [0, 1], where a mask is 1.

    Args:
        gap: Difference of two pictures, ``int16 [N, H, W, 3]``.
        outside: ``float32 [N, H, W]``, 0 or 1.
    """
    share = F.avg_pool2d(outside[:, None], 8)[:, 0]
    coarse = torch.zeros_like(share)
    for channel in range(3):
        coarse += F.avg_pool2d((gap[..., channel] * outside)[:, None], 8)[:, 0].abs()
    return mean_where(coarse / (3 * 255.0 * share.clamp_min(1e-6)), share)


def detail_kept(first: torch.Tensor, second: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """How alike two gray pictures are in their amount of fine detail, ``float32 [N]`` in [0, 1], where a mask is 1.

    Blur takes detail away and noise adds some: either makes the smaller amount a small share of the larger.
    """
    window = outside[:, 1:, 1:] * outside[:, :-1, 1:] * outside[:, 1:, :-1]

    def amount(one: torch.Tensor) -> torch.Tensor:
        slope = (one[:, 1:, 1:] - one[:, :-1, 1:]).abs() + (one[:, 1:, 1:] - one[:, 1:, :-1]).abs()
        return mean_where(slope, window) + 1.0

    less, more = amount(first), amount(second)
    return torch.minimum(less, more) / torch.maximum(less, more)


def label_means(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean of ``[N, H, W]`` by segment label, ``float32 [N, N_LABELS]``; 0 for labels that are not there."""
    flat, n = labels.flatten(1), len(labels)
    sums = torch.zeros(n, N_LABELS, device=values.device).scatter_add_(1, flat, values.flatten(1))
    counts = torch.zeros(n, N_LABELS, device=values.device).scatter_add_(1, flat, torch.ones_like(values).flatten(1))
    return sums / counts.clamp_min(1.0)


def _changed_where_asked(
    changed: torch.Tensor, labels: torch.Tensor, inside: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """By requirement, the share of the pixels it concerns that changed, ``float32 [N, R]``."""
    by_label = label_means(changed, labels)
    kinds = wanted[..., _KIND]
    slots = (wanted[..., _SLOT].long() + 1).clamp(0, N_LABELS - 1)
    values = torch.zeros(kinds.shape, device=changed.device)

    def put(where: torch.Tensor, found: torch.Tensor) -> None:
        values.copy_(torch.where(where, found, values))

    put(kinds > 0, mean_where(changed, inside.float())[:, None])
    put(_any_of(kinds, (Kind.ABSENT, Kind.COLOR)), by_label.gather(1, slots))
    put(_any_of(kinds, (Kind.BACKGROUND, Kind.BACKGROUND_COLOR)), by_label[:, LABEL_BACKGROUND, None])
    put(_any_of(kinds, (Kind.HEADLINE,)), by_label[:, LABEL_HEADLINE, None])
    put(_any_of(kinds, (Kind.TONE, Kind.INSTRUCTION)), changed.flatten(1).mean(1)[:, None])
    return values


def _any_of(kinds: torch.Tensor, wanted: Sequence[Kind]) -> torch.Tensor:
    return torch.stack([kinds == kind for kind in wanted]).any(0)
