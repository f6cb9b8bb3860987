"""Pairs of adverts drawn by the renderer, before and after edits good and bad, with everything known about them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from baselines.training.judge.examined import Examiner
from baselines.training.judge.kinds import Kinds
from baselines.training.judge.looks import give_looks
from baselines.training.judge.mixed import relabel, shares_of_old
from baselines.training.judge.pairs import Pairs, Recipe, View
from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, N_LABELS
from imgedit_gym.core.names import COLORS, OBJECT_COLORS, PATTERNS, TONES
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.judges.vlm.mosaic import TILE
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.source import Adverts
from imgedit_gym.tasks.measure.constants import MAX_FINDS

LUMA = (0.299, 0.587, 0.114)
LIGHT_GAP = 0.2
"""Mean difference of two lights: what stands in a light further from its picture's is nothing to the exact judge."""

SMALLER = 0.6, 0.76
"""Shares of its size: an object of less is mostly another to the exact judge, one of more nearly always the same."""

CLEAR_COLOR = 8.0
"""By how many levels a background must be nearer to its named colour than to the next to be asked about."""


class World:
    """Makes pairs.

    Args:
        kinds: What can stand in a picture.
        size: Edge of the pictures in pixels.
        places: Tiles along an edge of the mosaic.
        split: Whose adverts to vary.
        pool: How many adverts to vary at a time.
    """

    def __init__(self, kinds: Kinds, size: int, places: int, split: str = "train", pool: int = 256) -> None:
        self.kinds, self.places = kinds, places
        self.source = Adverts(size, 8, split, torch.device("cpu"))
        self.stock = self.source.stock
        self._batch = self.source.allocate(pool)
        self._drawn: dict[tuple[str, int], dict[str, torch.Tensor]] = {}
        suitable = [self._colors_of(j) for j in range(kinds.n_sprites)]
        self.takes = torch.tensor(suitable)
        """Whether an object can be seen to have been given a colour, ``bool [sprites, OBJECT_COLORS]``."""
        alpha = self.stock.sprites[..., 3].float().mean((1, 2)) / 255.0
        self._cover = alpha
        self._examiner = Examiner(self.source)
        sets = {tuple(sorted(members)) for members in self.source.tables.sets.members if len(members) > 1}
        self._sets = torch.stack([kinds.mask(members)[: kinds.n_sprites].float() for members in sorted(sets)])
        self.refill(torch.Generator().manual_seed(0))

    def _colors_of(self, sprite: int) -> list[bool]:
        tables = self.source.tables
        return [sprite < self.kinds.n_objects and tables._takes_color(sprite, c) for c in range(len(OBJECT_COLORS))]

    def refill(self, draw: torch.Generator) -> None:
        """Take other adverts to vary."""
        n = len(self._batch)
        keys = torch.randint(0, 1 << KEY_BITS, (n,), generator=draw) | (self.source.stream << KEY_BITS)
        self.source.sample(self._batch, torch.arange(n), keys)
        self._pool = self.source.scene(self._batch).rows(torch.arange(n))

    # ------------------------------------------------------------------ adverts as numbers

    def pairs(self, n: int, draw: torch.Generator, recipe: Recipe) -> Pairs:
        """Make pairs.

        Args:
            n: How many.
            draw: Random numbers.
            recipe: How.
        """
        lit = (self._pool.light - 1.0).abs().mean(1) > LIGHT_GAP
        liking = torch.where(lit, 1.0 + 2.0 * recipe.astray, 1.0)
        before = self._pool.rows(torch.multinomial(liking, n, replacement=True, generator=draw))
        spare = self._furnish(before, draw, recipe)
        strips = torch.rand(n, generator=draw) < recipe.strips
        before.sprite[strips] = -1
        after = before.rows(torch.arange(n))
        half, cut = self._edit(before, after, spare, draw, recipe)
        after.sprite[strips] = -1
        return self._finish(before, after, half, cut, strips, draw, recipe)

    def _furnish(self, scene: SceneBatch, draw: torch.Generator, recipe: Recipe) -> torch.Tensor:
        """Put objects into adverts; returns others that could be there, ``int64 [n, spare]``."""
        n, slots = len(scene), MAX_OBJECTS

        def rand(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=draw)

        # objects: Gumbel noise, with a liking for two sets in many adverts
        likes = torch.randint(len(self._sets), (n, 2), generator=draw)
        liking = 4.5 * self._sets[likes].amax(1) * (rand(n, 1) < recipe.alike)
        noise = -torch.log(-torch.log(rand(n, self.kinds.n_sprites).clamp(1e-9, 1 - 1e-7)))
        noise[:, self.kinds.n_objects :] -= 1.0
        order = (liking + noise).topk(slots * 2 + 2, dim=1).indices
        shuffled = order.gather(1, rand(n, order.shape[1]).argsort(1))
        # sites of the grid, as the adverts of the world are laid out, and anywhere in some
        crowded = rand(n) < recipe.crowded
        columns = torch.where(rand(n) < torch.where(crowded, 0.6, 0.12), 4, 3)
        upper = torch.where(scene.box[:, 0] < self.stock.size / 2, 0.195, 0.025)
        pitch_y, pitch_x = torch.full((n,), 0.26), 1.0 / columns
        largest = torch.minimum(pitch_y, pitch_x) - 0.022
        site = torch.where(torch.arange(slots) < 3 * columns[:, None], rand(n, slots), 2.0).argsort(1)
        edge = largest[:, None] * (0.8 + 0.2 * rand(n, slots))
        play_y = (0.5 * (pitch_y[:, None] - edge) - 0.008).clamp_min(0.0)
        play_x = (0.5 * (pitch_x[:, None] - edge) - 0.008).clamp_min(0.0)
        y = upper[:, None] + pitch_y[:, None] * (site // columns[:, None] + 0.5)
        x = pitch_x[:, None] * (site % columns[:, None] + 0.5)
        y += play_y * (1.8 * rand(n, slots) - 1.0)
        x += play_x * (2.0 * rand(n, slots) - 1.0)
        free = rand(n, 1) < recipe.free
        edge = torch.where(free, 0.15 + 0.17 * rand(n, slots), edge)
        y = torch.where(free, upper[:, None] + 0.5 * edge + (0.78 - edge) * rand(n, slots), y)
        x = torch.where(free, 0.52 * edge + (1.0 - 1.04 * edge) * rand(n, slots), x)
        count = 2 + (rand(n) * (3 * columns - 3)).long()
        count = torch.where(crowded, 3 * columns - (rand(n) * 3).long(), count)
        count = torch.where(free[:, 0], 2 + (rand(n) * 3).long(), count)
        here = torch.arange(slots) < count[:, None]
        scene.sprite[:] = torch.where(here, shuffled[:, :slots], -1).int()
        scene.place[:] = torch.stack([y, x, edge, 0.15 + 0.25 * rand(n, slots)], -1)
        scene.tint[:] = torch.where(here & (rand(n, slots) < 0.3), self._dyes(scene.sprite, draw), -1)
        self._n_sites = (3 * columns).clamp_max(slots)
        self._is_free = free[:, 0]
        scene.text[:] = torch.randint(len(self.kinds.book.headlines), (n,), generator=draw).int()
        self._write_ink(scene)
        return shuffled[:, slots:]

    def _dyes(self, sprite: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """A colour each object can be given, ``int32``; -1 where it cannot."""
        can = self.takes[sprite.long().clamp_min(0)] & (sprite >= 0)[..., None]
        noise = torch.rand(can.shape, generator=draw)
        best = torch.where(can, noise, -1.0).max(-1)
        return torch.where(best.values >= 0, best.indices, -1).int()

    def _write_ink(self, scene: SceneBatch) -> None:
        """Letters without a panel stay readable on their ground."""
        ground = scene.palette.mean(1)
        plate = (scene.kind * VARIANTS + scene.variant).long()
        ground = torch.where((scene.kind >= len(PATTERNS))[:, None], self.stock.plate_means[plate], ground)
        bright = (ground @ torch.tensor(LUMA) > 120)[:, None]
        ink = torch.where(bright, torch.tensor([28.0, 30.0, 46.0]), torch.tensor([250.0, 250.0, 246.0]))
        bare = scene.panel == 0
        scene.ink[bare, 0] = (ink * scene.light)[bare]

    def _edit(
        self, before: SceneBatch, after: SceneBatch, spare: torch.Tensor, draw: torch.Generator, recipe: Recipe
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Edit adverts; returns which slots are only half removed, and half replaced, ``bool [n, MAX_OBJECTS]``."""
        n, slots = after.sprite.shape

        def rand(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=draw)

        here = after.sprite >= 0
        few = rand(n) < recipe.few
        chance = torch.where(few, 1.2 / here.sum(1), 0.1 + 0.35 * rand(n))
        edited = here & (rand(n, slots) < chance[:, None])
        what = rand(n, slots)
        removed = edited & (what < 0.3)
        half = removed & (rand(n, 1) < recipe.half) & (rand(n, slots) < 0.7)
        after.sprite[removed] = -1
        replaced = edited & (what >= 0.3) & (what < 0.62)
        after.sprite[replaced] = spare[:, :slots][replaced].int()
        after.tint[replaced] = -1
        cut = replaced & (rand(n, 1) < recipe.half) & (rand(n, slots) < 0.3)
        recolored = edited & (what >= 0.62) & (what < 0.8)
        dyes = self._dyes(after.sprite, draw)
        recolored &= (dyes >= 0) & (dyes != after.tint)
        after.tint[recolored] = dyes[recolored]
        resized = edited & (what >= 0.8) & (what < 0.87)
        factor = torch.where(rand(n, slots) < 0.5, 0.5 + 0.35 * rand(n, slots), 1.1 + 0.15 * rand(n, slots))
        after.place[..., 2] *= torch.where(resized, factor, 1.0)
        # to a free site: the slot's place and an empty slot's trade places
        moving = edited & (what >= 0.87) & (what < 0.95)
        empty = ~here & (torch.arange(slots) < self._n_sites[:, None]) & ~self._is_free[:, None]
        ok = moving.any(1) & empty.any(1)
        source, target = moving.int().argmax(1), empty.int().argmax(1)
        rows = ok.nonzero().flatten()
        places = after.place[rows, source[rows]].clone()
        after.place[rows, source[rows]] = torch.cat([after.place[rows, target[rows]][:, :2], places[:, 2:]], 1)
        used = torch.zeros_like(empty)
        used[rows, target[rows]] = True
        # two objects swap
        swapping = (rand(n) < 0.07) & (here.sum(1) >= 2) & ~(half | cut)[:, :2].any(1)
        rows = swapping.nonzero().flatten()
        for held in (after.sprite, after.tint):
            first = held[rows, 0].clone()
            held[rows, 0] = held[rows, 1]
            held[rows, 1] = first
        added = empty & ~used & (rand(n, slots) < torch.where(few, 0.06, 0.15)[:, None])
        after.sprite[added] = spare[:, :slots][added].int()
        after.tint[added] = -1
        # background: another one, or other colours
        other = self._pool.rows(torch.randint(len(self._pool), (n,), generator=draw))
        swap = rand(n) < 0.16
        for name in ("kind", "variant", "palette"):
            getattr(after, name)[swap] = getattr(other, name)[swap]
        relit = swap & (rand(n) < 0.5)
        after.light[relit] = other.light[relit]
        recolor = ~swap & (after.kind < len(PATTERNS)) & (other.kind < len(PATTERNS)) & (rand(n) < 0.15)
        after.palette[recolor] = other.palette[recolor]
        # headline
        rewrite = rand(n) < 0.25
        texts = torch.randint(len(self.kinds.book.headlines), (n,), generator=draw).int()
        after.text[rewrite] = texts[rewrite]
        self._write_ink(after)
        return half, cut

    # ------------------------------------------------------------------ pictures and what is known of them

    def _draw(self, scene: SceneBatch, name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures, plates and segments; the tensors are used again by the next call of the same name."""
        n, size = len(scene), self.stock.size
        key = (name, n)
        if key not in self._drawn:
            planes = {part: torch.zeros(n, size, size, 3, dtype=torch.uint8) for part in ("images", "plates")}
            planes |= {part: torch.zeros(n, size, size, dtype=torch.uint8) for part in ("segments", "mattes")}
            self._drawn[key] = planes
        planes = self._drawn[key]
        self.source.renderer.draw(scene, torch.arange(n), **planes)
        return planes["images"], planes["plates"], planes["segments"]

    def _finish(
        self,
        before: SceneBatch,
        after: SceneBatch,
        half: torch.Tensor,
        cut: torch.Tensor,
        strips: torch.Tensor,
        draw: torch.Generator,
        recipe: Recipe,
    ) -> Pairs:
        n = len(after)
        old, _, was_seen = self._draw(before, "before")
        drawn, plates, segments = self._draw(after, "after")
        extra = self._lay_strips(strips.nonzero().flatten().tolist(), after, old, drawn, segments, draw)
        mess_area = torch.zeros(n, *segments.shape[1:], dtype=torch.bool)
        toned = torch.rand(n, generator=draw) < recipe.toned
        fresh, came = _arrivals(before, after)
        rows = (half | cut).any(1).nonzero().flatten()
        # under a look the light of things is hard to tell, and what is done by half is drawn in the picture's
        can = fresh & ~((half | cut).any(1) | toned)[:, None] & (after.sprite < self.kinds.n_objects)
        moved = (before.place != after.place)[..., :2].any(-1)
        can &= (before.sprite < 0) | ~((before.sprite[:, :, None] == after.sprite[:, None]).any(2) | moved)
        astray = self._go_astray(before, after, can, drawn, segments, draw, recipe)
        if len(rows):
            drawn, mess_area, left = self._half_done(before, after, half, cut, rows, drawn, draw)
        ground_changed = (before.kind != after.kind) | (before.variant != after.variant)
        ground_changed |= (before.palette != after.palette).flatten(1).any(1) & (after.kind < len(PATTERNS))
        mixed = ~(ground_changed | toned | strips | (half | cut | astray).any(1) | (before.light != after.light).any(1))
        mixed &= (torch.rand(n, generator=draw) < recipe.mixed) if recipe.mixed else False
        share = self._mix(old, drawn, mixed.nonzero().flatten(), draw)
        changed = self.changed(old, drawn)
        mess = self._mean(self._thinned(mess_area)) > 0.15
        view = self.view(after, segments, extra)
        kind, tint, centre, hidden = view.kind.clone(), view.tint.clone(), view.centre, view.hidden
        new = view.at(came)
        if len(rows):
            # what is half removed is still what it was, but has no middle
            kind[rows] = torch.where(mess[rows], left, kind[rows])
            tint[rows] = torch.where(mess[rows], -1, tint[rows])
            centre = centre & ~mess
            new[mess] = 0
        # half a thing or one in a light of its own is none; what stood there before is not cleanly gone
        none = astray | cut
        strange = view.at(none)
        ground = self.kinds.n_sprites + after.kind.long()[:, None]
        stood = view.at(torch.where(before.sprite >= 0, before.sprite.long(), ground))
        kind = torch.where(strange, stood, kind)
        mess, centre, new = mess | strange, centre & ~strange, torch.where(strange, 0, new)
        tone = torch.where(toned, torch.randint(len(TONES), (n,), generator=draw), -1)
        plain_ground = plates[:, 2::5, 2::5].float().mean((1, 2))
        drawn, ground = give_looks(drawn, plain_ground, tone, draw)
        colors = self.stock.colors
        apart = torch.cdist(ground, colors)
        near = apart.topk(2, dim=1, largest=False)
        # a look that turns the colour leaves doubt what it is
        plain = torch.cdist(plain_ground, colors).argmin(1)
        clear = (near.values[:, 1] - near.values[:, 0] > CLEAR_COLOR) & (plain == near.indices[:, 0])
        color = torch.where(clear, near.indices[:, 0], -1)
        is_ground = self.kinds.types[kind] == 1
        tint = torch.where(strange, -1, tint)
        tint = torch.where(is_ground & ~strange, torch.where(clear & ~strips, color + 1, -1)[:, None], tint)
        same = (before.sprite == after.sprite) & (before.tint == after.tint) & (after.sprite >= 0)
        same &= ((before.place - after.place)[..., :3].abs() < 1e-6).all(-1)
        same &= (before.light == after.light).all(-1)[:, None]
        pairs = Pairs(
            before=old,
            after=drawn,
            kind=kind,
            tint=tint,
            changed=changed,
            marked=torch.ones(n, dtype=torch.bool),
            centre=centre,
            mess=mess,
            new=new,
            tone=tone,
            color=color,
            ground=torch.stack([before.kind, after.kind], 1).long(),
            text=torch.stack([before.text, after.text], 1).long(),
            ground_changed=ground_changed,
            text_changed=before.text != after.text,
            sprite=torch.stack([before.sprite, torch.where(none, -1, after.sprite)], 1).long(),
            dye=after.tint.long(),
            kept=same,
            came=torch.where(none, 0, came),
            half=half | (none & (before.sprite >= 0)),
            hidden=(hidden | ((came == 1) & (after.tint >= 0))) & ~none,
            doubt=astray,
            others=torch.full((n, MAX_FINDS), -1),
            mixed=mixed,
            quality=torch.where(astray.any(1), -1, torch.where((half | cut).any(1), mess.any(1).long() - 1, 1)),
        )
        if bool(mixed.any()):
            self._judge_mixed(pairs, before, after, self.view(before, was_seen), view, share)
        return pairs

    def _mix(self, old: torch.Tensor, drawn: torch.Tensor, rows: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Mix some pictures with what was before; returns how much of each of their places is old, ``[n, T]``."""
        share = shares_of_old(old[rows], drawn[rows], draw)
        new = drawn[rows].float()
        drawn[rows] = (new + share[..., None] * (old[rows].float() - new)).round().to(torch.uint8)
        return self._mean(self._thinned(share))

    def _judge_mixed(
        self, pairs: Pairs, before: SceneBatch, after: SceneBatch, was_seen: View, seen: View, share: torch.Tensor
    ) -> None:
        """Let the exact judge say what can be seen in the pictures that were mixed."""
        rows = pairs.mixed.nonzero().flatten()
        self._examiner.room_for(len(before))
        planes = {name: plane[rows] for name, plane in self._drawn["before", len(before)].items()}
        away = (before.sprite >= 0) & ((after.sprite < 0) | (pairs.came != 0))
        scenes = before.rows(rows), after.rows(rows)
        exact = self._examiner.examine(*scenes, away[rows], planes, pairs.after[rows])
        relabel(pairs, rows, exact, was_seen.rows(rows), seen.rows(rows), share, self.kinds.types)

    def _go_astray(
        self,
        before: SceneBatch,
        after: SceneBatch,
        can: torch.Tensor,
        drawn: torch.Tensor,
        segments: torch.Tensor,
        draw: torch.Generator,
        recipe: Recipe,
    ) -> torch.Tensor:
        """Draw some things in a light that is neither the picture's nor its background's; says which slots'.

        Args:
            before: The adverts before the edit.
            after: And after it.
            can: Slots whose things may be drawn so, ``bool [n, MAX_OBJECTS]``.
            drawn: The edited pictures, ``uint8 [n, S, S, 3]``; such things are drawn over.
            segments: What is seen in them.
            draw: Random numbers.
            recipe: How often.
        """
        n, lights = len(after), self.stock.lights
        usual = torch.stack([before.light, lights[after.kind.long()]], 1)
        gaps = (usual[:, :, None] - lights).abs().mean(-1).amin(1)
        noise = torch.rand(gaps.shape, generator=draw)
        # things that were pasted in no light are what editors leave; wrong light elsewhere is rare
        best = torch.where(gaps > LIGHT_GAP, noise + (lights == 1.0).all(1), 0.0).max(1)
        chosen = torch.rand(n, generator=draw) < recipe.astray * torch.where(best.values > 1.0, 1.0, 0.125)
        astray = can & (chosen & (best.values > 0))[:, None]
        astray &= torch.rand(astray.shape, generator=draw) < 0.7
        rows = astray.any(1).nonzero().flatten()
        if len(rows):
            other = after.rows(rows)
            other.light[:] = lights[best.indices[rows]]
            images, _, _ = self._draw(other, "astray")
            mine = F.pad(astray[rows], (1, 1))
            there = mine.gather(1, segments[rows].long().flatten(1)).view_as(segments[rows])
            drawn[rows] = torch.where(there[..., None], images, drawn[rows])
        return astray

    def _lay_strips(
        self,
        rows: list[int],
        scene: SceneBatch,
        old: torch.Tensor,
        new: torch.Tensor,
        segments: torch.Tensor,
        draw: torch.Generator,
    ) -> list[tuple[int, int, int]]:
        """Copy other pictures' headlines into some; returns row, label and kind of what was laid there."""
        size, kinds = self.stock.size, self.kinds
        boxes = scene.box.tolist()
        found: list[tuple[int, int, int]] = []
        if not rows:
            return found
        pictures, drawn = old.clone(), new.clone()
        margin, step = round(0.02 * size), 2.0 * TILE * size / (self.places * TILE)
        for row in rows:
            below = boxes[row][0] > size / 2
            same = [i for i, box in enumerate(boxes) if (box[0] > size / 2) == below and i != row]
            for level in (1, 2, 3):
                if not same:
                    break
                other = same[int(torch.randint(len(same), (1,), generator=draw))]
                top, bottom = boxes[other][0] - margin, boxes[other][2] + margin
                shift = round(level * step) * (-1 if below else 1)
                there = slice(top + shift, bottom + shift)
                if there.start < 0 or there.stop > size:
                    continue
                old[row, there], new[row, there] = pictures[other, top:bottom], drawn[other, top:bottom]
                segments[row, there] = 3 + level
                written = slice(boxes[other][0] + shift, boxes[other][2] + shift)
                segments[row, written, boxes[other][1] : boxes[other][3]] = level
                found.append((row, level, kinds.first_headline + int(scene.text[other])))
                found.append((row, 3 + level, kinds.n_sprites + int(scene.kind[other])))
        return found

    def _half_done(
        self,
        before: SceneBatch,
        after: SceneBatch,
        half: torch.Tensor,
        cut: torch.Tensor,
        rows: torch.Tensor,
        new: torch.Tensor,
        draw: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mix pictures with and without what is to go by half; returns them, where, and the kinds there."""
        still = after.rows(rows)
        back = (half | cut)[rows]
        old = before.rows(rows)
        still.sprite[back], still.tint[back] = old.sprite[back], old.tint[back]
        still.place[back] = old.place[back]
        images, _, segments = self._draw(still, "half")
        m, size = len(rows), self.stock.size

        def rand(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=draw)

        # what is left: a fading, or one side of the picture's objects
        angle = 6.2832 * rand(m)
        ticks = (torch.arange(size) + 0.5) / size
        share = torch.zeros(m, size, size)
        places = old.place
        # of what is half replaced the old thing is seen more than the new one
        replaced = cut[rows].any(1)
        for slot in range(MAX_OBJECTS):
            mine = back[:, slot]
            if not bool(mine.any()):
                continue
            y = ticks[None, :, None] - places[:, slot, 0, None, None]
            x = ticks[None, None, :] - places[:, slot, 1, None, None]
            inside = (y.abs() < 0.6 * places[:, slot, 2, None, None]) & (x.abs() < 0.6 * places[:, slot, 2, None, None])
            side = (y * angle.sin()[:, None, None] + x * angle.cos()[:, None, None]) > (
                0.03 * (rand(m) - 0.5) - 0.04 * replaced
            )[:, None, None]
            share = torch.where(inside & mine[:, None, None], side.float(), share)
        fades = rand(m) < 0.4
        strength = torch.where(replaced, 0.57 + 0.13 * rand(m), 0.4 + 0.3 * rand(m))
        share = torch.where(fades[:, None, None], strength[:, None, None] * (share >= 0), share)
        whole = new.clone()
        mixed = new[rows].float() + share[..., None] * (images.float() - new[rows].float())
        whole[rows] = mixed.round().to(torch.uint8)
        area = torch.zeros(len(new), size, size, dtype=torch.bool)
        differs = (images.int() - new[rows].int()).abs().amax(-1) > 8
        area[rows] = differs & (share > 0.05)
        return whole, area, self.view(still, segments).kind

    def changed(self, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """Places where pictures differ, ``bool [n, T]``; pictures are ``uint8 [n, S, S, 3]``."""
        change = (self._thinned(new).short() - self._thinned(old).short()).abs().amax(-1) > 6
        return self._mean(change) > 0.06

    def _thinned(self, planes: torch.Tensor) -> torch.Tensor:
        """The pixel nearest to each one of the reduced picture; ``[n, S, S, ...]`` to ``[n, 8 p, 8 p, ...]``."""
        size, edge = planes.shape[1], self.places * TILE
        at = ((torch.arange(edge) + 0.5) * size / edge).long()
        return planes if size == edge else planes.index_select(1, at).index_select(2, at)

    def _mean(self, planes: torch.Tensor) -> torch.Tensor:
        """Mean of the pixels at each place; ``[n, 8 p, 8 p]`` to ``float32 [n, T]``."""
        n, p = len(planes), self.places
        return planes.float().view(n, p, TILE, p, TILE).mean((2, 4)).view(n, p * p)

    def view(self, scene: SceneBatch, segments: torch.Tensor, extra: Sequence[tuple[int, int, int]] = ()) -> View:
        """What is seen in adverts.

        Args:
            scene: The n adverts.
            segments: Label of each pixel, ``uint8 [n, S, S]``.
            extra: Row, label and kind of what else was laid there.
        """
        n, p = len(segments), self.places
        small = self._thinned(segments).view(n, p, TILE, p, TILE).long()
        place = torch.arange(n * p * p).view(n, p, 1, p, 1)
        counts = torch.bincount((place * N_LABELS + small).flatten(), minlength=n * p * p * N_LABELS)
        share = counts.view(n, p * p, N_LABELS).float() / TILE**2
        weight = share.clone()
        weight[..., 0] = 0.2
        # letters are thin
        weight[..., LABEL_HEADLINE] *= 2.5
        label = weight.argmax(-1)
        # middles, from the picture's rows and columns
        areas = share.sum(1)
        mid = (torch.arange(p) + 0.5).repeat_interleave(p), (torch.arange(p) + 0.5).repeat(p)
        centres = [(share * axis[None, :, None]).sum(1) / areas.clamp_min(1e-6) for axis in mid]
        # the place that holds the middle, or the nearest one where the object is what is seen
        distance = (mid[0][None, :, None] - centres[0][:, None]) ** 2 + (
            mid[1][None, :, None] - centres[1][:, None]
        ) ** 2
        mine = label[..., None] == torch.arange(N_LABELS)
        nearest = torch.where(mine, distance, 1e9).min(1)
        centre = torch.zeros(n, p * p, dtype=torch.bool)
        sprite = F.pad(scene.sprite.long(), (1, 1), value=-1)
        ok = (nearest.values < 1e8) & (sprite >= 0)
        index = torch.arange(n)[:, None].expand_as(ok)
        centre[index[ok], nearest.indices[ok]] = True
        expected = self._cover[scene.sprite.long().clamp_min(0)] * (scene.place[..., 2] * p) ** 2
        hidden = (scene.sprite >= 0) & ((areas[:, 1:-1] < 0.45 * expected) | ~ok[:, 1:-1])
        kinds = self.kinds
        table = torch.empty(n, N_LABELS, dtype=torch.long)
        table[:, 0] = kinds.n_sprites + scene.kind
        table[:, 1:-1] = scene.sprite.long().clamp_min(0)
        table[:, -1] = kinds.first_headline + scene.text.long().clamp_min(0)
        for row, at, named in extra:
            table[row, at] = named
        tints = torch.zeros(n, N_LABELS, dtype=torch.long)
        tints[:, 1:-1] = scene.tint.long() + 1
        return View(table.gather(1, label), tints.gather(1, label), centre, hidden, label)


def _arrivals(before: SceneBatch, after: SceneBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Which slots hold an object of a kind that was nowhere before, and what of the others came, see :class:`Pairs`."""
    here = after.sprite >= 0
    fresh = here & ~(after.sprite[:, :, None] == before.sprite[:, None]).any(2)
    apart = ((after.place - before.place)[..., :2].abs() > 1e-6).any(-1) | (after.sprite != before.sprite)
    smaller = after.place[..., 2] / before.place[..., 2].clamp_min(1e-6)
    came = torch.where(apart | (smaller < SMALLER[0]), 1, torch.where(smaller < SMALLER[1], -1, 0))
    return fresh, torch.where(here, came, 0)


assert len(OBJECT_COLORS) < len(COLORS)
