"""Pictures that are partly what was before the edit: faded all over, or old on one side of a line."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from baselines.training.judge.examined import CLEAN, HARDLY, SPOILT, SURELY, Examined
from baselines.training.judge.pairs import Pairs, View
from benchmarks.checklist.parts import CUT, HALF
from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, N_LABELS

OLD = 0.2, 0.72
"""Least and most of what was before that is left all over a faded picture."""

SEEN = 0.05
"""Share of what was before from which on it can be seen at a place."""

_THINGS = slice(1, 1 + MAX_OBJECTS)
"""Labels of things."""


def shares_of_old(old: torch.Tensor, new: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """How much of each pixel is to stay as it was: as much all over, or all of it on one side of a line.

    Args:
        old: Pictures before the edit, ``uint8 [n, S, S, 3]``.
        new: And after it.
        draw: Random numbers.

    Returns:
        ``float32 [n, S, S]`` in [0, 1].
    """
    n = len(old)
    faded = OLD[0] + (OLD[1] - OLD[0]) * torch.rand(n, generator=draw)
    # half of the lines are upright or level
    quarter = math.pi / 2
    angle = math.tau * torch.rand(n, generator=draw)
    angle = torch.where(torch.rand(n, generator=draw) < 0.5, (angle / quarter).floor() * quarter, angle)
    part = 0.25 + 0.5 * torch.rand(n, generator=draw)
    share = faded[:, None, None].expand(old.shape[:3]).clone()
    for row in (torch.rand(n, generator=draw) < 0.5).nonzero().flatten().tolist():
        share[row] = beyond(old[row], new[row], float(angle[row]), float(part[row])).float()
    return share


def beyond(old: torch.Tensor, new: torch.Tensor, angle: float, part: float) -> torch.Tensor:
    """The side of a line on which an edit is left out.

    Args:
        old: A picture before it, ``uint8 [S, S, 3]``.
        new: And after it.
        angle: Direction of that side, in radians.
        part: Share of what was changed that is on the other one.

    Returns:
        ``bool [S, S]``; nowhere if nothing was changed.
    """
    changed = (old != new).any(-1)
    ticks = torch.arange(len(old), dtype=torch.float32)
    depth = ticks[:, None] * math.sin(angle) + ticks * math.cos(angle)
    return depth > depth[changed].quantile(part) if bool(changed.any()) else torch.zeros_like(changed)


def relabel(
    pairs: Pairs,
    rows: torch.Tensor,
    exact: Examined,
    before: View,
    after: View,
    share: torch.Tensor,
    types: torch.Tensor,
) -> None:
    """Write into pairs that were mixed with what was before what the exact judge says of them.

    Where it takes for done what is less than half there by construction, nothing is said.

    Args:
        pairs: The pairs, with what is known of them if they are not mixed.
        rows: Which were, ``int64 [n]``.
        exact: What it says.
        before: What was seen in them before the edit.
        after: And after it, had they not been mixed.
        share: How much of each place is as it was, ``float32 [n, T]``.
        types: Whether a kind is an object, a background or a headline, ``int64 [kinds]``.
    """
    was, now = pairs.sprite[rows].unbind(1)
    came, changed = pairs.came[rows], pairs.changed[rows]
    altered = (was != now) | (came != 0) | ((was >= 0) & ~pairs.kept[rows])
    coming = (now >= 0) & (came != 0)
    # less than half of an edit is none, nor is what was cut, even if it is recognised
    faint, cut_off, cut = _faint(share), _cut(before.label, share), _cut(after.label, share)
    arrived = coming & (exact.found >= SURELY) & ~faint & ~cut[:, _THINGS]
    lost = coming & (exact.found <= HARDLY)
    vague = coming & ~arrived & ~lost
    gone = (exact.gone >= SURELY) & ~faint & ~cut_off[:, _THINGS]
    back = (exact.gone >= 0) & (exact.gone <= HARDLY)
    unsure = (exact.gone > HARDLY) & ~gone
    stays = back & ~arrived & ~vague & (exact.remains >= SURELY)
    rewritten = pairs.text[rows, 0] != pairs.text[rows, 1]
    text_told = (exact.text >= SURELY) & ~(rewritten & (faint[:, 0] | cut[:, LABEL_HEADLINE]))
    # things, by slot
    pairs.sprite[rows, 1] = torch.where(stays, was, torch.where(lost, -1, now))
    pairs.came[rows] = torch.where(stays | lost, 0, torch.where(vague, -1, torch.where(arrived, 1, came)))
    pairs.half[rows] = (back & ~stays) | unsure
    pairs.doubt[rows] = unsure
    pairs.hidden[rows] = torch.where(stays, before.hidden, (pairs.hidden[rows] & ~lost) | vague)
    pairs.dye[rows] = torch.where(altered & ~arrived, -2, pairs.dye[rows])
    pairs.others[rows] = exact.others
    pairs.text[rows, 1] = torch.where(text_told, pairs.text[rows, 1], -1)
    pairs.quality[rows] = torch.where(exact.quality >= CLEAN, 1, torch.where(exact.quality < SPOILT, 0, -1))
    # places: what has come, what stands there still, and what is left of things or has come by half
    there = after.at(arrived) & (changed | (share < 0.5))
    still = before.at(stays) & ~there
    rest = before.at(back & ~stays) & (share > SEEN)
    rest = (rest | (after.at(lost) & changed & ~still)) & ~there
    old = ~there & (still | rest | after.at(lost) | ((share > 0.5) & ~before.at(gone)))
    kind = torch.where(old, before.kind, pairs.kind[rows])
    tint = torch.where(old, before.tint, pairs.tint[rows])
    told = there | still | ~(after.at(altered) | before.at(altered))
    color = torch.where(pairs.color[rows] >= 0, pairs.color[rows] + 1, -1)[:, None]
    written = (before.label == LABEL_HEADLINE) | (after.label == LABEL_HEADLINE)
    pairs.kind[rows] = kind
    tint = torch.where(rest, -1, torch.where(told, tint, -2))
    pairs.tint[rows] = torch.where((types[kind] == 1) & ~rest, color, tint)
    pairs.mess[rows] = rest | (written & ~text_told[:, None])
    pairs.centre[rows] = torch.where(old, before.centre, after.centre) & ~rest
    pairs.new[rows] = torch.where(there, 1, torch.where(after.at(vague) & ~old, -1, 0))


def _faint(share: torch.Tensor) -> torch.Tensor:
    """Whether less than half of the edit is seen anywhere, ``bool [n, 1]``."""
    return (share > 1.0 - HALF).all(1, keepdim=True)


def _cut(label: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Whether a line goes through what has a label, ``bool [n, N_LABELS]``."""
    areas = F.one_hot(label.long(), N_LABELS).float()
    old = (areas * share[..., None]).sum(1) / areas.sum(1).clamp_min(1.0)
    evenly = share.amax(1) == share.amin(1)
    return (old >= CUT) & (old <= 1.0 - CUT) & ~evenly[:, None]
