"""Looks given to whole pictures, in strengths from just visible to strong."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from imgedit_gym.core.names import TONES

LUMA = torch.tensor([0.299, 0.587, 0.114])
SEPIA = torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def give_looks(
    pictures: torch.Tensor, grounds: torch.Tensor, tone: torch.Tensor, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give each picture its look, or none.

    Args:
        pictures: ``uint8 [n, S, S, 3]``.
        grounds: Mean colours of the backgrounds, ``float32 [n, 3]``; take part in the change.
        tone: ``int64 [n]``, indices of ``TONES``; -1 leaves the picture.
        draw: Random numbers.

    Returns:
        Pictures and grounds, fresh.
    """
    out, means = pictures.clone(), grounds.clone()
    for index in tone.unique().tolist():
        if index < 0:
            continue
        rows = (tone == index).nonzero().flatten()
        strength = 0.75 + 0.5 * torch.rand(len(rows), generator=draw)
        way = torch.rand(len(rows), generator=draw)
        out[rows], means[rows] = _give(TONES[index], pictures[rows].float(), grounds[rows], strength, way)
    return out, means


def _give(
    tone: str, x: torch.Tensor, ground: torch.Tensor, strength: torch.Tensor, way: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    if tone in ("soft", "crisp"):
        pixel = x.shape[1] / 128
        sigma = torch.tensor([0.9, 1.3, 1.9])[(way * 3).long().clamp_max(2)] if tone == "soft" else torch.ones_like(way)
        found = torch.empty_like(x)
        for value in sigma.unique().tolist():
            rows = sigma == value
            blurred = _blurred(x[rows], value * pixel)
            gain = (0.55 + 0.75 * strength[rows])[:, None, None, None]
            found[rows] = blurred if tone == "soft" else x[rows] + gain * (x[rows] - blurred)
        return _levels(found), ground
    whole = torch.cat([x.flatten(1, 2), ground[:, None]], 1)
    changed = _color(tone, whole, strength[:, None, None], way)
    return _levels(changed[:, :-1].view_as(x)), changed[:, -1].clamp(0, 255)


def _color(tone: str, x: torch.Tensor, s: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
    """A change of colour, ``[n, pixels, 3]``; in two ways for some looks."""
    first = (way < 0.5)[:, None, None]

    def gain(red: float, green: float, blue: float) -> torch.Tensor:
        return 1.0 + s * torch.tensor([red - 1.0, green - 1.0, blue - 1.0])

    grey = (x * LUMA).sum(-1, keepdim=True)
    if tone == "brighter":
        return torch.where(first, x * (1 + 0.28 * s), 255 - (255 - x) * (1 - 0.32 * s))
    if tone == "darker":
        return x * (1 - 0.34 * s)
    if tone == "warmer":
        return x * gain(1.13, 1.0, 0.79)
    if tone == "cooler":
        return x * gain(0.8, 0.99, 1.155)
    if tone == "vivid":
        return grey + (1 + 0.55 * s) * (x - grey)
    if tone == "muted":
        drained = grey + (1 - 0.5 * s) * (x - grey)
        return torch.where(first, drained, 128 + (1 - 0.22 * s) * (drained - 128))
    if tone == "monochrome":
        return torch.where(first, grey, grey + 0.04 * (x - grey)).expand_as(x)
    if tone == "vintage":
        faded = (grey + 0.25 * (x - grey)) * torch.tensor([1.08, 0.95, 0.74])
        return x + (0.8 + 0.2 * s.clamp_max(1.0)) * (torch.where(first, faded, x @ SEPIA.T) - x)
    if tone == "contrasty":
        return 120 + (1 + 0.47 * s) * (x - 120)
    raise ValueError(f"unknown look {tone!r}; expected one of {TONES}")


def give_look(tone: str, pictures: torch.Tensor) -> torch.Tensor:
    """Give pictures one look in its plain strength, in the first of its ways.

    Args:
        tone: One of ``TONES``.
        pictures: ``uint8 [n, S, S, 3]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    n = len(pictures)
    return _give(tone, pictures.float(), torch.zeros(n, 3), torch.ones(n), torch.zeros(n))[0]


def _blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = max(1, round(3 * sigma))
    ticks = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (ticks / sigma) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    planes = F.pad(x.permute(0, 3, 1, 2), (reach,) * 4, mode="reflect")
    planes = F.conv2d(F.conv2d(planes, weights, groups=3), weights.transpose(2, 3), groups=3)
    return planes.permute(0, 2, 3, 1)


def _levels(x: torch.Tensor) -> torch.Tensor:
    return x.round().clamp(0, 255).to(torch.uint8)
