"""Looking at a picture without being told: backdrop, headline and objects, compared with the public stock.

Everything is analysis by synthesis. The backdrop is the stock's plate that explains most of the picture; an
object is a sprite which, drawn over that backdrop in its light, gives what is seen. Where no plate explains
the picture, only what the sprite itself covers is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from math import hypot

import torch
from torch.nn import functional

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import Stock
from imgedit_gym.core.names import BACKGROUNDS, COLORS
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, PICTURE, PlanStep
from imgedit_gym.core.region import LATTICE

EDGES = (0.155, 0.178, 0.205, 0.235)
"""Edges of the windows that are tried first, as shares of the picture."""

COARSE, FINE, STRIDE = 12, 20, 2
"""Edge of a window in samples, for proposing and for deciding, and step between windows in samples."""

PROPOSALS, SHORTLIST = 16, 6
"""Windows looked at closely in a picture, and sprites compared closely in a window."""

LEAST_DIFFERENCE = 18.0
"""Difference from the backdrop, in [0, 255], that is worth explaining."""

PICTURES_AT_ONCE = 1
"""A picture alone, as sums over several differ in their last bits with how many there are."""

PROPOSAL_FIT = 0.1
"""Least fit of a window worth a closer look."""

OBJECT_FITS = (0.82, 0.74, 0.66, 0.6)
"""Least fit of an object, round by round: what has been found no longer disturbs what stands beside it."""

MAPS = 12
"""Maps of numbers that the error of a sprite is linear in."""

UNKNOWN_ERROR = 80.0
"""Root mean square error, in [0, 255], that counts as no likeness at all where the backdrop is unknown."""

KNOWN_SHARE = 0.3
"""Share of the picture that a plate must explain to count as its backdrop."""

HEADLINE_MATCH = 0.6
HEADLINE_TOP = 0.035
SAMPLES = 640
"""Pixels of a picture that are compared to find its backdrop."""
OUTSIDE = 0.5
"""Weight of what the sprite leaves uncovered in its window; shadows and neighbours are there too."""

OFF_CENTER = 0.3
"""How far from a window's middle its contents may lie, as a share of its edge."""

APART = 0.42
"""Least distance of two objects' centres, as a share of the larger one's edge."""


@dataclass(frozen=True)
class Detection:
    """An object that was found.

    Attributes:
        sprite: Index in the stock.
        name: Its name there, ``badge`` for badges.
        score: How well the sprite explains what is seen, in [0, 1].
        row: Centre from the top, as a share of the picture.
        column: Centre from the left, likewise.
        edge: Edge of the sprite's square, likewise.
    """

    sprite: int
    name: str
    score: float
    row: float
    column: float
    edge: float


@dataclass(frozen=True)
class Scene:
    """What a look at a picture tells.

    Attributes:
        detections: Objects and badges, the surest first.
        headline: What the headline reads; ``None`` if it could not be read.
        headline_at_top: Whether it stands at the top; True if unsure.
        background: Kind of the background, one of :data:`imgedit_gym.core.names.BACKGROUNDS`.
        color: Name of the colour that the background is mostly in.
        known: Whether the background is one of the stock's, so that ``background`` is more than a guess.
    """

    detections: tuple[Detection, ...]
    headline: str | None
    headline_at_top: bool
    background: str
    color: str
    known: bool

    def find(self, name: str) -> Detection | None:
        """The surest detection of that name."""
        return next((found for found in self.detections if found.name == name), None)


@dataclass
class Backdrops:
    """Backdrops of n pictures.

    Attributes:
        plates: ``float32 [n, S, S, 3]``; the picture itself where no plate explains it.
        index: Plate of the stock that explains most, ``int64 [n]``.
        share: Share of the picture it explains, ``float32 [n]``.
        known: Whether that is enough, ``bool [n]``.
    """

    plates: torch.Tensor
    index: torch.Tensor
    share: torch.Tensor
    known: torch.Tensor


@dataclass
class Headlines:
    """Headlines of n pictures: row of the stock's texts, match in [0, 1], whether on top; each ``[n]``."""

    rows: torch.Tensor
    match: torch.Tensor
    at_top: torch.Tensor


def look(images: torch.Tensor, stock: Stock) -> list[Scene]:
    """Look at pictures.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        stock: Art to compare with.

    Returns:
        One scene a picture.
    """
    scenes: list[Scene] = []
    for chunk in images.split(PICTURES_AT_ONCE):
        seen = _to_stock_size(chunk, stock)
        backdrops = fit_backdrops(seen, stock)
        headlines = _match_headlines(seen, backdrops, stock)
        found = _detect(seen, backdrops, headlines, stock)
        texts = _texts(headlines, stock)
        colors = _color_names(seen, backdrops, stock)
        for row, detections in enumerate(found):
            scenes.append(
                Scene(
                    tuple(detections),
                    texts[row],
                    texts[row] is None or bool(headlines.at_top[row]),
                    BACKGROUNDS[int(backdrops.index[row]) // VARIANTS],
                    colors[row],
                    bool(backdrops.known[row]),
                )
            )
    return scenes


def detect(images: torch.Tensor, stock: Stock) -> list[list[Detection]]:
    """Find objects and badges in pictures, ``uint8 [n, S, S, 3]``; the surest first."""
    return [list(scene.detections) for scene in look(images, stock)]


def read_headline(images: torch.Tensor, stock: Stock) -> list[str | None]:
    """Read the headlines of pictures, ``uint8 [n, S, S, 3]``; ``None`` where no text of the stock is seen."""
    texts: list[str | None] = []
    for chunk in images.split(PICTURES_AT_ONCE):
        seen = _to_stock_size(chunk, stock)
        texts += _texts(_match_headlines(seen, fit_backdrops(seen, stock), stock), stock)
    return texts


def background_kind(images: torch.Tensor, stock: Stock) -> list[str]:
    """Kinds of the backgrounds of pictures, ``uint8 [n, S, S, 3]``: those that explain most of each."""
    kinds: list[str] = []
    for chunk in images.split(PICTURES_AT_ONCE):
        index = fit_backdrops(_to_stock_size(chunk, stock), stock).index
        kinds += [BACKGROUNDS[plate // VARIANTS] for plate in index.tolist()]
    return kinds


def _to_stock_size(images: torch.Tensor, stock: Stock) -> torch.Tensor:
    """Pictures as ``float32 [n, S, S, 3]`` at the stock's size."""
    seen = images.to(stock.device, torch.float32)
    return seen if seen.shape[1] == stock.size else _resized(seen, stock.size)


def _resized(pictures: torch.Tensor, size: int) -> torch.Tensor:
    planes = pictures.permute(0, 3, 1, 2)
    planes = functional.interpolate(planes, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return planes.permute(0, 2, 3, 1)


# ------------------------------------------------------------------ backdrop


def fit_backdrops(seen: torch.Tensor, stock: Stock) -> Backdrops:
    """Find the stock's plate behind each picture, patterns in the two colours that fit best.

    Args:
        seen: ``float32 [n, S, S, 3]`` at the stock's size.
        stock: Whose plates and patterns.
    """
    n, size = seen.shape[:2]
    spots = _spots(size, str(seen.device))
    pixels = seen.reshape(n, -1, 3)[:, spots]
    patterns = stock.patterns.reshape(len(stock.patterns), -1).float() / 255.0
    base, slope = _pattern_colors(pixels, patterns[:, spots])
    painted = base[:, :, None] + slope[:, :, None] * patterns[None, :, spots, None]
    scenery = stock.plates[len(patterns) :].reshape(-1, size * size, 3)[:, spots].float()
    shares = torch.cat([_explained(pixels, painted), _explained(pixels, scenery[None])], 1)
    # a pattern without contrast explains a plain backdrop as well as none does
    shares[:, VARIANTS : len(patterns)] -= 0.01
    share, index = shares.max(1)
    known = share > KNOWN_SHARE
    plates = stock.plates[index].float()
    of_pattern = index < len(patterns)
    chosen = index.clamp_max(len(patterns) - 1)
    rows = torch.arange(n, device=seen.device)
    field = patterns[chosen].reshape(n, size, size, 1)
    drawn = base[rows, chosen][:, None, None] + slope[rows, chosen][:, None, None] * field
    plates = torch.where(of_pattern[:, None, None, None], drawn.clamp(0, 255), plates)
    plates = torch.where(known[:, None, None, None], plates, seen)
    return Backdrops(plates, index, share, known)


@lru_cache(maxsize=8)
def _spots(size: int, device: str) -> torch.Tensor:
    """Pixels at which backdrops are compared; scattered, because a lattice would chime with patterns."""
    order = torch.randperm(size * size, generator=torch.Generator().manual_seed(0))
    return order[:SAMPLES].sort().values.to(device)


def _explained(pixels: torch.Tensor, plates: torch.Tensor, tolerance: float = 6.0) -> torch.Tensor:
    """Share of pixels ``[n, P, 3]`` that plates ``[n or 1, K, P, 3]`` explain, ``float32 [n, K]``."""
    near = torch.stack([(pixels - plates[:, k]).abs().amax(-1) <= tolerance for k in range(plates.shape[1])], 1)
    return near.float().mean(2)


def _pattern_colors(pixels: torch.Tensor, fields: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit ``base + slope * field`` to most of the pixels.

    Args:
        pixels: ``float32 [n, P, 3]``.
        fields: ``float32 [K, P]`` in [0, 1].

    Returns:
        Base and slope, each ``float32 [n, K, 3]``.
    """
    bases, slopes = [], []
    for field in fields:
        base, slope = _first_guess(pixels, field)
        for tolerance in (24.0, 8.0):
            base, slope = _least_squares(pixels, field, base, slope, tolerance)
        bases.append(base)
        slopes.append(slope)
    return torch.stack(bases, 1), torch.stack(slopes, 1)


def _first_guess(pixels: torch.Tensor, field: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Line through the median colours where the field is low and where it is high."""
    order = field.argsort(stable=True)
    quarter = len(field) // 4
    low, high = order[:quarter], order[-quarter:]
    first, last = pixels[:, low].median(1).values, pixels[:, high].median(1).values
    from_share, to_share = float(field[low].median()), float(field[high].median())
    gap = to_share - from_share
    slope = (last - first) / gap if gap > 0.05 else torch.zeros_like(first)
    return first - slope * from_share, slope


def _least_squares(
    pixels: torch.Tensor, field: torch.Tensor, base: torch.Tensor, slope: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit again to the pixels within a tolerance of the last fit."""
    off = (pixels - (base[:, None] + slope[:, None] * field[:, None])).abs().amax(-1)
    weight = (off <= tolerance).float()
    total = weight.sum(1, keepdim=True).clamp_min(1e-3)
    mean = (weight @ field)[:, None] / total
    color = (weight[:, None] @ pixels)[:, 0] / total
    spread = (weight @ field**2)[:, None] - total * mean**2
    joint = ((weight * field)[:, None] @ pixels)[:, 0] - total * mean * color
    slope = torch.where(spread > 1e-3 * len(field), joint / spread.clamp_min(1e-6), torch.zeros_like(joint))
    return torch.where(total < 8, base, color - slope * mean), slope


def _color_names(seen: torch.Tensor, backdrops: Backdrops, stock: Stock) -> list[str]:
    """Named colour nearest to the median of each backdrop."""
    median = backdrops.plates.reshape(len(seen), -1, 3).median(1).values
    return [COLORS[i] for i in torch.cdist(median, stock.colors).argmin(1).tolist()]


# ------------------------------------------------------------------ headline


def _headline_boxes(stock: Stock) -> tuple[tuple[int, int], tuple[int, int]]:
    """Top and bottom edge of the two places of a headline."""
    height = stock.texts.shape[1]
    top = int(HEADLINE_TOP * stock.size + 0.5)
    return (top, top + height), (stock.size - top - height, stock.size - top)


def _match_headlines(seen: torch.Tensor, backdrops: Backdrops, stock: Stock) -> Headlines:
    """Correlate both places with every text, with and without the backdrop taken away."""
    texts = _standard(stock.texts[: len(stock.headlines)].flatten(1).float())
    luma = seen @ seen.new_tensor([0.299, 0.587, 0.114])
    behind = backdrops.plates @ seen.new_tensor([0.299, 0.587, 0.114])
    left = (stock.size - stock.texts.shape[2]) // 2
    right = left + stock.texts.shape[2]
    best = []
    for top, bottom in _headline_boxes(stock):
        views = [view[:, top:bottom, left:right].flatten(1) for view in (luma, luma - behind)]
        best.append(torch.stack([(_standard(view) @ texts.T).abs() for view in views]).amax(0))
    match, rows = torch.cat(best, 1).max(1)
    return Headlines(rows % len(texts), match, rows < len(texts))


def _standard(rows: torch.Tensor) -> torch.Tensor:
    """Rows with mean 0 and length 1; constant rows become 0."""
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-3)


def _texts(headlines: Headlines, stock: Stock) -> list[str | None]:
    pairs = zip(headlines.rows.tolist(), headlines.match.tolist(), strict=True)
    return [stock.headlines[row] if match >= HEADLINE_MATCH else None for row, match in pairs]


def _without_headline(seen: torch.Tensor, backdrops: Backdrops, headlines: Headlines, stock: Stock) -> torch.Tensor:
    """Pictures with the headline's box painted over with the backdrop."""
    left = (stock.size - stock.texts.shape[2]) // 2
    clean = seen.clone()
    for is_top, (top, bottom) in zip((True, False), _headline_boxes(stock), strict=True):
        rows = ((headlines.at_top == is_top) & (headlines.match >= HEADLINE_MATCH)).nonzero()[:, 0]
        clean[rows, top:bottom, left : left + stock.texts.shape[2]] = backdrops.plates[
            rows, top:bottom, left : left + stock.texts.shape[2]
        ]
    return clean


# ------------------------------------------------------------------ objects


@dataclass(eq=False)
class _Templates:
    """Sprites at one window size.

    Attributes:
        weights: ``float32 [sprites, MAPS * samples]``; see :func:`_terms`.
        heed: Weight of each sample in the judgement of a fit, ``float32 [sprites, samples]``.
        area: Covered samples of each sprite, ``float32 [sprites]``.
    """

    weights: torch.Tensor
    heed: torch.Tensor
    area: torch.Tensor

    def rows(self, index: torch.Tensor) -> _Templates:
        """The sprites at these indices."""
        return _Templates(self.weights[index], self.heed[index], self.area[index])


_TEMPLATES: dict[tuple[int, int], tuple[Stock, _Templates]] = {}


def _templates(stock: Stock, grid: int) -> _Templates:
    """Templates of a stock, made once."""
    key = (id(stock), grid)
    if key not in _TEMPLATES or _TEMPLATES[key][0] is not stock:
        _TEMPLATES[key] = (stock, _make_templates(stock, grid))
    return _TEMPLATES[key][1]


def _make_templates(stock: Stock, grid: int) -> _Templates:
    small = _resized(stock.sprites.float(), grid).permute(0, 3, 1, 2).flatten(2)
    color, alpha = small[:, :3], (small[:, 3:] / 255.0).clamp(0, 1)
    heed = 1.0 - (1.0 - OUTSIDE) * (1.0 - alpha) ** 2
    parts = [
        heed,
        alpha**2,
        2.0 * alpha,
        -2.0 * color,
        -2.0 * alpha * color,
        color**2,
    ]
    weights = torch.cat(parts, 1).flatten(1)
    return _Templates(weights, heed.flatten(1), (alpha**2).sum((1, 2)).clamp_min(1.0))


def _terms(planes: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    """What the squared error of drawing a sprite is linear in.

    With gap = seen - behind, the error of a sprite of premultiplied colour p and coverage a in light l is
    (gap + a * behind - l * p) ** 2, multiplied out into products of the picture's part and its own.

    Args:
        planes: Planes of a :class:`_View`, ``float32 [n, 7, H, W]``.
        light: ``float32 [n, 3]``.

    Returns:
        ``float32 [n, MAPS, H, W]``.
    """
    gap, behind, open_to = planes[:, :3], planes[:, 3:6], planes[:, 6:]
    lit = light[:, :, None, None]
    sums = [(x * y).sum(1, keepdim=True) for x, y in ((gap, gap), (behind, behind), (gap, behind))]
    return torch.cat([*sums, gap * lit, behind * lit, (lit**2).expand_as(gap)], 1) * open_to


@dataclass
class _View:
    """Pictures as the search sees them.

    Attributes:
        planes: Picture less backdrop, the backdrop, and what no object found so far covers, in [0, 1],
            ``float32 [n, 7, S, S]``.
        lights: Ambient light on objects, ``float32 [n, 3]``.
        known: Whether the backdrop is known, ``bool [n]``.
    """

    planes: torch.Tensor
    lights: torch.Tensor
    known: torch.Tensor


@dataclass
class _Windows:
    """Square windows of several pictures.

    Attributes:
        picture: Which picture, ``int64 [w]``.
        places: Row and column of the centre and edge, as shares of the picture, ``float32 [w, 3]``.
        sprites: The sprites that fit best, ``int64 [w, SHORTLIST]``.
        fits: Share of what differs from the backdrop that each explains, at most 1, likewise.
        gains: How much the first explains, in squared colour times area, ``float32 [w]``.
    """

    picture: torch.Tensor
    places: torch.Tensor
    sprites: torch.Tensor
    fits: torch.Tensor
    gains: torch.Tensor

    def rows(self, index: torch.Tensor) -> _Windows:
        """The windows at these indices."""
        return _Windows(*(getattr(self, f.name)[index] for f in fields(self)))


def _detect(seen: torch.Tensor, backdrops: Backdrops, headlines: Headlines, stock: Stock) -> list[list[Detection]]:
    clean = _without_headline(seen, backdrops, headlines, stock)
    planes = torch.cat([clean - backdrops.plates, backdrops.plates, torch.ones_like(clean[..., :1])], 3)
    day = torch.ones_like(stock.lights[:1])
    lights = torch.where(backdrops.known[:, None], stock.lights[backdrops.index // VARIANTS], day)
    view = _View(planes.permute(0, 3, 1, 2).contiguous(), lights, backdrops.known)
    found: list[list[Detection]] = [[] for _ in seen]
    for least in OBJECT_FITS:
        windows = _propose(view, stock)
        for moves in (_moves(0.06, seen.device), _moves(0.025, seen.device)):
            windows = _refine(windows, view, stock, moves)
        if not _take(_apart(windows, len(seen), least), found, stock):
            break
        _cover(view, found, stock)
    return [sorted(some, key=lambda detection: -detection.score) for some in found]


def _fit(terms: torch.Tensor, templates: _Templates, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How well sprites fit windows.

    Args:
        terms: ``float32 [w, m, MAPS * samples]``.
        templates: s sprites for all windows, or ``[w, s]`` sprites, s for each.
        known: Whether the backdrop is known, ``bool [w, m]``.

    Returns:
        Fits and gains of :class:`_Windows`, each ``float32 [w, m, s]``; gains by window area 1.
    """
    samples = terms.shape[2] // MAPS
    area = templates.area if templates.area.dim() == 1 else templates.area[:, None]
    different = terms[:, :, :samples] @ templates.heed.mT
    different = torch.where(known[..., None], different, 3.0 * area * UNKNOWN_ERROR**2)
    gains = different - terms @ templates.weights.mT
    return gains / torch.maximum(different, 3.0 * area * LEAST_DIFFERENCE**2), gains / samples


def _propose(view: _View, stock: Stock) -> _Windows:
    """Compare windows on a lattice with all sprites, and keep the best that do not cover each other."""
    templates = _templates(stock, COARSE)
    found = []
    for edge in EDGES:
        size = round(COARSE / edge)
        planes = functional.interpolate(
            view.planes, size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )
        picture, top, left = _worth_a_look(planes, view.known)
        views = _terms(planes, view.lights).unfold(2, COARSE, 1).unfold(3, COARSE, 1)
        terms = views[picture, :, top, left].flatten(1)
        fits, gains = _fit(terms[None], templates, view.known[None, picture])
        best = fits[0].topk(SHORTLIST, dim=1)
        gain = gains[0].gather(1, best.indices)[:, 0] * edge**2
        center = (torch.stack([top, left], 1) + 0.5 * COARSE) / size
        places = torch.cat([center, torch.full_like(center[:, :1], COARSE / size)], 1)
        found.append(_Windows(picture, places, best.indices, best.values, gain))
    windows = _Windows(*(torch.cat([getattr(part, f.name) for part in found]) for f in fields(_Windows)))
    return _apart(windows, len(view.known), PROPOSAL_FIT)


def _worth_a_look(planes: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Windows in the middle of which something differs from the backdrop: picture, top and left."""
    different = ((planes[:, :3].abs().amax(1) > 14.0) | ~known[:, None, None]) & (planes[:, 6] > 0.5)
    ticks = torch.linspace(-0.5, 0.5, COARSE, device=planes.device)
    down = ticks[:, None].expand(COARSE, COARSE)
    kernels = torch.stack([torch.ones_like(down), down, down.T])[:, None]
    mass, moment_y, moment_x = functional.conv2d(different[:, None].float(), kernels, stride=STRIDE).unbind(1)
    off = torch.maximum(moment_y.abs(), moment_x.abs()) / mass.clamp_min(1.0)
    picture, down_at, across_at = ((mass > 0.15 * COARSE**2) & (off < OFF_CENTER)).nonzero().unbind(1)
    return picture, STRIDE * down_at, STRIDE * across_at


def _apart(windows: _Windows, n: int, least: float) -> _Windows:
    """Keep, picture by picture, the windows that explain most and stand apart from better ones."""
    index = (windows.fits[:, 0] > least).nonzero()[:, 0]
    worth = (windows.gains * windows.fits[:, 0])[index]
    index = index[torch.argsort(worth, descending=True, stable=True)]
    index = index[torch.argsort(windows.picture[index], stable=True)]
    kept: list[torch.Tensor] = []
    for part in index.split(torch.bincount(windows.picture[index], minlength=n).tolist()):
        place = windows.places[part]
        for _ in range(PROPOSALS):
            if not len(part):
                break
            kept.append(part[:1])
            distance = (place[:, :2] - place[0, :2]).norm(dim=1)
            free = distance > APART * torch.maximum(place[:, 2], place[0, 2])
            part, place = part[free], place[free]
    return windows.rows(torch.cat(kept) if kept else index)


def _moves(step: float, device: torch.device) -> torch.Tensor:
    """Shifts by shares of the edge, and scales, ``float32 [27, 3]``."""
    ticks = torch.tensor([-step, 0.0, step], device=device)
    return torch.cartesian_prod(ticks, ticks, 1.0 + ticks)


def _refine(windows: _Windows, view: _View, stock: Stock, moves: torch.Tensor) -> _Windows:
    """Move and scale each window a little, and take what fits best."""
    if not len(windows.picture):
        return windows
    templates = _templates(stock, FINE)
    w, m = len(windows.picture), len(moves)
    old = windows.places[:, None]
    places = torch.cat([old[..., :2] + moves[:, :2] * old[..., 2:], old[..., 2:] * moves[:, 2:]], 2)
    light = view.lights[windows.picture]
    planes = _sample(view.planes, windows.picture, places)
    terms = _terms(planes, light).view(w, MAPS, m, -1).transpose(1, 2).flatten(2)
    known = view.known[windows.picture, None].expand(w, m)
    fits, gains = _fit(terms, templates.rows(windows.sprites), known)
    by_sprite = fits.max(1)
    order = by_sprite.values.argsort(dim=1, descending=True, stable=True)
    move = by_sprite.indices.gather(1, order)[:, 0]
    rows = torch.arange(w, device=moves.device)
    best = places[rows, move]
    return _Windows(
        windows.picture,
        best,
        windows.sprites.gather(1, order),
        by_sprite.values.gather(1, order),
        gains[rows, move, order[:, 0]] * best[:, 2] ** 2,
    )


def _sample(planes: torch.Tensor, picture: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Sample windows at FINE points a side, linear between pixels: ``float32 [w, 7, m, FINE ** 2]``."""
    w, m = places.shape[:2]
    ticks = (torch.arange(FINE, device=planes.device) + 0.5) / FINE - 0.5
    at = 2.0 * (places[..., :2, None] + places[..., 2:, None] * ticks) - 1.0
    rows = at[:, :, 0, :, None].expand(w, m, FINE, FINE)
    columns = at[:, :, 1, None, :].expand(w, m, FINE, FINE)
    grid = torch.stack([columns, rows], 4).flatten(2, 3)
    return functional.grid_sample(planes[picture], grid, mode="bilinear", padding_mode="border", align_corners=False)


def _take(windows: _Windows, found: list[list[Detection]], stock: Stock) -> bool:
    """Add windows that stand apart from what was found; whether there were any."""
    added = False
    columns = (windows.picture, windows.places, windows.sprites[:, 0], windows.fits[:, 0])
    for picture, place, sprite, fit in zip(*(column.tolist() for column in columns), strict=True):
        row, column, edge = place
        if any(
            hypot(row - other.row, column - other.column) < APART * max(edge, other.edge) for other in found[picture]
        ):
            continue
        score = min(max(fit, 0.0), 1.0)
        found[picture].append(Detection(sprite, stock.sprite_name(sprite), score, row, column, edge))
        added = True
    return added


def _cover(view: _View, found: list[list[Detection]], stock: Stock) -> None:
    """Close what found objects cover to the search, so that what shows beside them is judged alone."""
    size = stock.size
    for picture, some in enumerate(found):
        for detection in some:
            edge = round(detection.edge * size)
            top = round((detection.row - 0.5 * detection.edge) * size)
            left = round((detection.column - 0.5 * detection.edge) * size)
            alpha = _silhouette(stock, detection.sprite, edge)
            y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + edge, size), min(left + edge, size)
            if y0 < y1 and x0 < x1:
                part = view.planes[picture, 6, y0:y1, x0:x1]
                part[alpha[y0 - top : y1 - top, x0 - left : x1 - left]] = 0.0


def _silhouette(stock: Stock, sprite: int, edge: int) -> torch.Tensor:
    """Where a sprite covers anything, a little widened, ``bool [edge, edge]``."""
    alpha = stock.sprites[sprite : sprite + 1, :, :, 3].float()[:, None]
    alpha = functional.interpolate(alpha, size=(edge, edge), mode="bilinear", align_corners=False)
    return functional.max_pool2d(alpha, 3, 1, 1)[0, 0] > 25.0


# ------------------------------------------------------------------ grounding


def ground(scene: Scene, step: PlanStep) -> int:
    """Region in which a step should act.

    Args:
        scene: What is in the picture.
        step: The plan step.

    Returns:
        0 for the whole picture, else 1 + row * 8 + column of a cell of the lattice.
    """
    if step.verb in ("adjust", "edit"):
        return 0
    if step.verb == "add":
        return _emptiest(scene)
    if step.target == HEADLINE:
        return _cell(HEADLINE_TOP + 0.065 if scene.headline_at_top else 0.935 - HEADLINE_TOP, 0.5)
    if step.target == BACKGROUND:
        return _bare(scene)
    found = scene.find(step.target)
    if found is not None:
        return _cell(found.row, found.column)
    return 0 if step.target == PICTURE else _cell(0.5, 0.5)


def _cell(row: float, column: float) -> int:
    down, across = (min(max(int(share * LATTICE), 0), LATTICE - 1) for share in (row, column))
    return 1 + down * LATTICE + across


def _clearances(scene: Scene) -> list[tuple[float, float, int]]:
    """For each cell off the headline: its centre's distance from objects and from the border; its region."""
    cells = []
    line = (0.0, 0.2) if scene.headline_at_top else (0.8, 1.0)
    for region in range(LATTICE * LATTICE):
        row, column = (region // LATTICE + 0.5) / LATTICE, (region % LATTICE + 0.5) / LATTICE
        if line[0] <= row <= line[1]:
            continue
        gaps = [max(abs(found.row - row), abs(found.column - column)) - 0.5 * found.edge for found in scene.detections]
        border = min(row, column, 1.0 - row, 1.0 - column)
        headline = min(abs(row - edge) for edge in line if 0.0 < edge < 1.0)
        cells.append((min([*gaps, headline, 0.5]), border, 1 + region))
    return cells


def _emptiest(scene: Scene) -> int:
    """The cell with most room for something new."""
    inside = [cell for cell in _clearances(scene) if cell[1] >= 0.12]
    return max(inside, key=lambda cell: (min(cell[0], cell[1]), cell[1]))[2]


def _bare(scene: Scene) -> int:
    """A cell that shows nothing but background."""
    return max(_clearances(scene), key=lambda cell: (cell[0], -cell[2]))[2]
