"""Tests of compositing sprites and writing text."""

import pytest
import torch

from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.paste import paste_sprites
from imgedit_gym.kernels.sprite import sprite_spans
from imgedit_gym.kernels.text import letter_masks, write_text

SIZE = 64


def ground(level: int, n: int = 1) -> torch.Tensor:
    return torch.full((n, SIZE, SIZE, 3), level, dtype=torch.uint8)


def atlas() -> torch.Tensor:
    """An opaque red square and a half-transparent green one, premultiplied."""
    sprites = torch.zeros(2, 32, 32, 4, dtype=torch.uint8)
    sprites[0] = torch.tensor([200, 0, 0, 255])
    sprites[1] = torch.tensor([0, 100, 0, 128])
    return sprites


def paste(level: int, sprite: int, place: tuple[float, float, float], light=(1.0, 1.0, 1.0)) -> torch.Tensor:
    sprites = torch.tensor([sprite], dtype=torch.int32)
    return paste_sprites(ground(level), atlas(), sprites, torch.tensor([place]), torch.tensor([light]))


def test_sprites_land_where_they_are_put():
    out = paste(50, 0, (20.0, 30.0, 16.0))
    assert out[0, 20, 30].tolist() == [200, 0, 0]
    inside = box_masks(torch.tensor([[13, 23, 27, 37]]), SIZE)
    outside = ~box_masks(torch.tensor([[11, 21, 29, 39]]), SIZE)
    assert (out[inside] == torch.tensor([200, 0, 0])).all()
    assert (out[outside] == 50).all()


def test_alpha_and_light():
    out = paste(100, 1, (32.0, 32.0, 20.0))[0, 32, 32].tolist()
    assert out == [50, 150, 50]
    assert paste(100, 0, (32.0, 32.0, 20.0), (0.5, 1.0, 1.0))[0, 32, 32].tolist() == [100, 0, 0]


def test_no_sprite_and_places_beyond_the_picture():
    assert (paste(50, -1, (32.0, 32.0, 20.0)) == 50).all()
    assert (paste(50, 0, (-40.0, 32.0, 20.0)) == 50).all()
    assert (paste(50, 0, (0.0, 0.0, 20.0))[0, :8, :8] == torch.tensor([200, 0, 0])).all()


def slowly(level: int, sprite: torch.Tensor, place: tuple[float, float, float]) -> torch.Tensor:
    """What pasting means: each pixel the mean of 2x2 bilinear samples inside it, over what is below."""
    edge = len(sprite)
    padded = torch.zeros(edge + 2, edge + 2, 4, dtype=torch.double)
    padded[1:-1, 1:-1] = sprite

    def sample(v: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        y, x = (v * edge - 0.5).clamp(-1, edge), (u * edge - 0.5).clamp(-1, edge)
        y0, x0 = y.floor().long().clamp_max(edge - 1), x.floor().long().clamp_max(edge - 1)
        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        top = (1 - fx) * padded[y0 + 1, x0 + 1] + fx * padded[y0 + 1, x0 + 2]
        return (1 - fy) * top + fy * ((1 - fx) * padded[y0 + 2, x0 + 1] + fx * padded[y0 + 2, x0 + 2])

    ticks = torch.arange(SIZE, dtype=torch.double) + 0.5
    v = ((ticks - place[0]) / place[2] + 0.5)[:, None].expand(SIZE, SIZE)
    u = ((ticks - place[1]) / place[2] + 0.5)[None].expand(SIZE, SIZE)
    q = 0.25 / place[2]
    rgba = torch.stack([sample(v + a, u + b) for a in (-q, q) for b in (-q, q)]).mean(0)
    return torch.where(rgba[..., 3:] > 0.5, rgba[..., :3] + (1 - rgba[..., 3:] / 255) * level, level)


@pytest.mark.parametrize("place", [(20.3, 30.8, 16.2), (31.5, 33.1, 41.7), (3.2, 60.4, 22.9), (40.0, 9.0, 7.0)])
def test_sprites_are_sampled_between_their_pixels(place):
    sprite = torch.randint(0, 256, (32, 32, 4), generator=torch.Generator().manual_seed(4)).to(torch.uint8)
    sprite[..., :3] = (sprite[..., :3].float() * sprite[..., 3:].float() / 255).round().to(torch.uint8)
    sprite[torch.rand(32, 32, generator=torch.Generator().manual_seed(5)) < 0.3] = 0
    places, light = torch.tensor([place]), torch.ones(1, 3)
    out = paste_sprites(ground(70), sprite[None], torch.zeros(1, dtype=torch.int32), places, light)
    assert (out[0].double() - slowly(70, sprite, place)).abs().max() <= 0.51


def test_spans_hold_what_lines_show():
    seen = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1)) < 0.15
    sprites = torch.zeros(3, 12, 12, 4, dtype=torch.uint8)
    sprites[..., 3] = seen * 9
    for lines, spans in zip(seen, sprite_spans(sprites), strict=True):
        for line, (first, last) in zip(lines, spans.tolist(), strict=True):
            where = line.nonzero().flatten().tolist()
            assert (first, last) == ((where[0], where[-1] + 1) if where else (0, 0))


def test_text_is_dark_on_light_and_light_on_dark():
    coverage = torch.zeros(2, 8, 20, dtype=torch.uint8)
    coverage[:, 2:6, 4:16] = 255
    images = torch.cat([ground(240), ground(10)])
    out = write_text(images, coverage, torch.tensor([[10, 20], [10, 20]], dtype=torch.int32))
    written = box_masks(torch.tensor([[12, 24, 16, 36]]), SIZE)[0]
    assert out[0][written].max() < 60 and out[1][written].min() > 200
    assert (out[0][~written] == 240).all() and (out[1][~written] == 10).all()


def test_text_is_cut_at_the_edge():
    coverage = torch.full((1, 8, 20), 255, dtype=torch.uint8)
    out = write_text(ground(240), coverage, torch.tensor([[60, 60]], dtype=torch.int32))
    assert (out[0, 60:, 60:] < 60).all()
    assert (out[0, :60] == 240).all() and (out[0, :, :60] == 240).all()


def test_letters_are_what_stands_out_and_its_rim():
    image = ground(200)
    image[0, 30:33, 30:33] = 20
    box = torch.tensor([[20, 20, 50, 50]], dtype=torch.int32)
    mask = box_masks(box, SIZE)
    letters = letter_masks(image, mask, box, torch.tensor([[200.0, 200.0, 200.0]]))
    assert torch.equal(letters, box_masks(torch.tensor([[29, 29, 34, 34]]), SIZE))
    box = torch.tensor([[0, 0, 10, 10]], dtype=torch.int32)
    assert not letter_masks(image, box_masks(box, SIZE), box, torch.tensor([[200.0, 200.0, 200.0]])).any()
