"""Adverts edited with the tools, rightly and wrongly, with the exact judge's answers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from baselines.agents.tables import table_tool
from baselines.training.judge.asking import Asked, Shown, Slots, Wordings
from baselines.training.judge.examined import CLEAN, HARDLY, SPOILT, SURELY
from baselines.training.judge.pairs import Places
from baselines.training.judge.recognised import recognised
from baselines.training.judge.vocabulary import Words
from baselines.training.judge.wording import NUMBERS
from baselines.training.judge.world import World
from benchmarks.checklist.definition import agrees
from imgedit_gym.core.checklist import COLUMNS, LABEL_BACKGROUND, LABEL_HEADLINE, Kind
from imgedit_gym.core.names import TONES
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.engine import Engine, oracle_regions
from imgedit_gym.judges.questions import parts_of
from imgedit_gym.tasks.pixel_checklist import PixelMeasurement

SUITED = {
    "remove": ("fill_flat", "fill_smooth", "fill_rows", "fill_columns", "fill_clone"),
    "replace": ("paste_over", "paste_clone", "paste_blend", "paste"),
    "add": ("paste", "paste_blend", "paste", "paste_over"),
    "recolor": ("hue_shift", "tint", "paint", "color_shift"),
    "set": ("swap_background",),
    "rewrite": ("rewrite_fill", "rewrite_clone", "rewrite_panel"),
    "adjust": ("exposure", "contrast", "saturation", "temperature", "blur", "sharpen"),
}
"""Tools that can carry out a verb."""

ASKED = {
    "absent": "x",
    "banned": "xl",
    "present": "nl",
    "color": "xc",
    "background": "l",
    "background_color": "c",
    "headline": "l",
    "tone": "t",
    "count": "nl",
    "span": "mnl",
}
"""Blanks of the questions that ask for a task's requirements."""

CARE = 0.4, 0.8, 0.97
"""How often a hand takes a suitable tool and the right region; each episode has one."""

BY_TABLE = 0.7
"""How often a whole plan's step is carried out with the table's tool, and not with any that is suitable."""

UNTOLD = 0.5 * (HARDLY + SURELY)
"""Stands for a value of which nothing is learnt."""

DOUBTFUL = 0.3, SURELY
"""What is less there than the first is not there, what is more than the second is; between them nothing is asked."""


SEEN_ALIKE = (Kind.ABSENT, Kind.PRESENT, Kind.COUNT, Kind.BACKGROUND, Kind.BACKGROUND_COLOR)
"""Requirements about which the exact judge errs where it also errs about the things that came."""


@dataclass
class Edited:
    """N edited pictures, and what can be asked about them.

    Attributes:
        before: ``uint8 [N, S, S, 3]``.
        after: ``uint8 [N, S, S, 3]``.
        asked: Kind of question, blanks and answer, by picture.
        shown: Objects that the exact judge recognises in each picture.
        rows: Whose task each picture is of, ``int64 [N]``.
        found: What the exact judge measured; what is known better is in doubt.
    """

    before: torch.Tensor
    after: torch.Tensor
    asked: list[list[tuple[str, Slots, bool]]]
    shown: list[Shown]
    rows: torch.Tensor
    found: PixelMeasurement


class Bench:
    """Plays episodes of the training split with hands that take more or less care.

    Args:
        words: The vocabulary.
        n: Episodes side by side.
        size: Edge of the pictures in pixels.
        split: Whose tasks.
    """

    def __init__(self, words: Words, n: int, size: int = 128, split: str = "train") -> None:
        self.words = words
        self.engine = Engine(n, split=split, image_size=size)
        self._tools = {id: index for index, id in enumerate(self.engine.tool_ids)}
        self._regions: dict[int, list[int]] = {}
        self._care: dict[int, float] = {}

    def begin(self, seed: int) -> None:
        """Start all episodes anew."""
        n = self.engine.num_envs
        self.engine.reset(range(n), [seed * 4096 + i for i in range(n)])
        self._regions, self._care = {}, {}

    def play(self, dice: random.Random) -> Edited:
        """One step in every episode; finished ones begin again."""
        engine = self.engine
        over = engine.step_index >= engine.plan_length
        acting = (~over).nonzero().flatten()
        actions = torch.zeros(engine.num_envs, 2, dtype=torch.int64)
        for row in acting.tolist():
            actions[row] = torch.tensor(self._action(row, dice))
        for row in over.nonzero().flatten().tolist():
            self._regions.pop(row, None)
            self._care.pop(row, None)
        engine.step(actions, acting, over.nonzero().flatten())
        return self.edited(engine.canvas.clone(), torch.arange(engine.num_envs), dice)

    def edited(
        self, canvas: torch.Tensor, rows: torch.Tensor, dice: random.Random, known: torch.Tensor | None = None
    ) -> Edited:
        """Pictures of tasks, and what can be asked about them.

        Args:
            canvas: The pictures, ``uint8 [n, S, S, 3]``.
            rows: Whose they are, ``int64 [n]``.
            dice: Random numbers.
            known: What is known by construction, ``float32 [n, R]``: 1, 0, ``DOUBT`` where nobody can tell, or nan
                where nothing is. What the exact judge answers otherwise is not asked.
        """
        engine = self.engine
        # once more after the step that judged: no verdict says which objects were recognised
        found = engine.checklist.measure(canvas, rows)
        if known is not None:
            unlike = ~agrees(found.requirements, known)
            found.requirements[unlike] = UNTOLD
            # nor which things came, and whether those that are said to have gone did
            wanted = engine.batch.requirements[rows]
            kinds = wanted[..., COLUMNS.index("kind")]
            doubted = (unlike & torch.isin(kinds, torch.tensor(SEEN_ALIKE))).any(1)
            found.find_quality[doubted[:, None] & (found.find_quality > HARDLY)] = UNTOLD
            for i, at in (unlike & (kinds == Kind.ABSENT)).nonzero().tolist():
                found.remains[i, wanted[i, at, COLUMNS.index("slot")]] = UNTOLD
        asked = [
            self.questions(row, found.requirements[i], found.preserved[i], float(found.quality[i]), dice)
            for i, row in enumerate(rows.tolist())
        ]
        things = torch.cat([engine.batch.slots[rows].long(), found.finds.long()], 1).tolist()
        amounts = torch.cat([found.remains, found.find_quality], 1).tolist()
        shown = [Shown.of(*row, *DOUBTFUL) for row in zip(things, amounts, strict=True)]
        return Edited(engine.batch.images[rows], canvas, asked, shown, rows, found)

    def places(self, edited: Edited, world: World) -> Places:
        """What stands where in pictures of the tasks as they are now; ``world`` knows what can be seen."""
        batch, scene = self.engine.batch, self.engine.tasks.scene(self.engine.batch)
        return recognised(world, batch, scene, edited.rows, edited.after, edited.found)

    def carried_out(self, rows: torch.Tensor, dice: random.Random) -> torch.Tensor:
        """Pictures of tasks whose whole plans were carried out at the right places, mostly by the table's tools.

        Args:
            rows: Whose, ``int64 [n]``.
            dice: Random numbers.

        Returns:
            ``uint8 [n, S, S, 3]``.
        """
        engine, batch = self.engine, self.engine.batch
        canvas, lengths = batch.images[rows].clone(), batch.plan_length[rows]
        plans = [engine.tasks.oracle_plan(batch, row) for row in rows.tolist()]
        regions = [oracle_regions(engine, row) for row in rows.tolist()]
        for index in range(int(lengths.max())):
            due = (lengths > index).nonzero().flatten()
            steps = [plans[i][index] for i in due.tolist()]
            by_table = [dice.random() < BY_TABLE for _ in steps]
            tools = [
                self._tools[table_tool(step)] if table else self._suited(step, dice)
                for step, table in zip(steps, by_table, strict=True)
            ]
            actions = [(tool, regions[i][index]) for tool, i in zip(tools, due.tolist(), strict=True)]
            at = torch.full((len(due),), index, dtype=torch.int32)
            canvas[due] = engine.imagine(canvas[due], at, torch.tensor(actions), rows[due])[0]
        return canvas

    def _suited(self, step: PlanStep, dice: random.Random) -> int:
        """A tool that can carry out a step, or any if none is known."""
        tools = SUITED.get("adjust" if step.value in TONES else step.verb)
        return self._tools[dice.choice(tools)] if tools else dice.randrange(len(self._tools))

    def _action(self, row: int, dice: random.Random) -> tuple[int, int]:
        engine = self.engine
        if row not in self._regions:
            self._regions[row] = oracle_regions(engine, row)
            self._care[row] = dice.choice(CARE)
        care = self._care[row]
        luck = dice.random()
        if luck < 0.08:
            return 0, 0
        if luck < 0.08 + 0.92 * care:
            tool = self._suited(engine.current_step(row), dice)
        else:
            tool = dice.randrange(len(self._tools))
        if dice.random() < care:
            return tool, self._regions[row][int(engine.step_index[row])]
        held = (engine.batch.slots[row] >= 0).nonzero().flatten().tolist()
        if held and dice.random() < 0.5:
            return tool, engine.regions.find(row, 1 + dice.choice(held))
        return tool, dice.randrange(engine.nvec[1])

    def questions(
        self, row: int, values: torch.Tensor, preserved: torch.Tensor, quality: float, dice: random.Random
    ) -> list[tuple[str, Slots, bool]]:
        """What can be asked about a picture of a task.

        Args:
            row: The task.
            values: The exact judge's values of its requirements, ``float32 [R]``.
            preserved: Of what must be kept, by label, ``float32 [labels]``.
            quality: Of the picture.
            dice: Random numbers.

        Returns:
            Kind of question, blanks and answer.
        """
        engine, found = self.engine, []
        for requirement, value in zip(engine.tasks.requirements(engine.batch, row), values.tolist(), strict=False):
            if HARDLY < value < SURELY:  # not learnt from
                continue
            kind, parts = parts_of(requirement)
            if kind not in ASKED:
                continue
            slots = self._slots(dict(zip(ASKED[kind], parts, strict=True)), dice)
            found.append((kind, slots, value >= 0.5))
            if kind == "banned" and value >= 0.5 and dice.random() < 0.3:
                found.append(("absent", {"x": slots["x"]}, True))
        for label, value in enumerate(preserved.tolist()):
            if not engine.batch.keep[row, label] or HARDLY < value < SURELY:
                continue
            name = engine.tasks.label_name(engine.batch, row, label)
            if name and name != "badge":
                found.append(("kept", {"x": self.words.encode(name)}, value >= 0.5))
                if value >= 0.5 and label not in (LABEL_BACKGROUND, LABEL_HEADLINE) and dice.random() < 0.3:
                    found.append(("absent", {"x": self.words.encode(name)}, False))
        if not SPOILT < quality < CLEAN:
            found.append(("quality", {}, quality >= CLEAN))
        return found

    def _slots(self, texts: dict[str, str], dice: random.Random) -> Slots:
        ids = self.words.ids
        slots: Slots = {}
        for blank, text in texts.items():
            if blank == "l":
                parts = [self.words.encode(part) for part in text.split(" or ")]
                slots["l"], slots["q"] = [], []
                for index, part in enumerate(parts):
                    if index:
                        slots["l"].append(ids["or"])
                        slots["q"].append(ids["or"])
                    slots["l"] += part
                    slots["q"] += [ids['"'], *part, ids['"']]
            elif blank in "mn":
                slots[blank] = [ids[text if dice.random() < 0.8 else NUMBERS[int(text) - 1]]]
            else:
                slots[blank] = self.words.encode(text)
        return slots


class Balance:
    """Picks questions so that all kinds, and yes and no, are asked equally often.

    Args:
        weights: How many times as often as others some kinds are asked.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self._weights = dict(weights or {})
        self._seen: Counter[tuple[str, bool]] = Counter()

    def pick(
        self, asked: list[tuple[str, Slots, bool]], most: int, wordings: Wordings, dice: random.Random, drop: float
    ) -> list[Asked]:
        """At most so many questions of those that can be asked about one picture, in these wordings."""

        def asked_enough(one: tuple[str, Slots, bool]) -> tuple[float, float]:
            return self._seen[one[0], one[2]] / self._weights.get(one[0], 1.0), dice.random()

        order = sorted((one for one in asked if one[0] in wordings), key=asked_enough)[:most]
        for kind, _, answer in order:
            self._seen[kind, answer] += 1
        if sum(self._seen.values()) > 4000:
            self._seen = Counter({key: count // 2 for key, count in self._seen.items()})
        return [wordings.put(kind, slots, answer, dice, drop) for kind, slots, answer in order]
