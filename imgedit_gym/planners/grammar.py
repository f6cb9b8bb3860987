"""The plan grammar as an automaton over the tokens of any tokenizer: what it lets through parses.

A line of a plan is spelled piece by piece (``replace the``, ``hamburger``, ``with the``, ``carrot``), each piece as the
tokenizer spells it alone, so that the same automaton serves a tokenizer of whole words and one of syllables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, TONES
from imgedit_gym.core.plan import BACKGROUND, BADGE, HEADLINE, NONE, PICTURE, Plan, PlanStep, parse_plan

_START, _FULL = 0, 1
_JOINTS = {"replace": " with the", "recolor": " to", "set": " to", "adjust": " to", "rewrite": " as"}


@dataclass(frozen=True)
class State:
    """Where a plan stands while it is written.

    Attributes:
        line: Number of the line, from 1; 0 after the end.
        places: Nodes of the line's automaton that the tokens so far may have led to, each with what was used up on the
            way there or may not be used.
        due: What must be used up before the plan may end.
        pressed: Whether the line is to use up something that is due.
    """

    line: int
    places: frozenset[tuple[int, frozenset[str]]]
    due: frozenset[str] = frozenset()
    pressed: bool = False


_OVER = State(0, frozenset())


def sayable(objects: Sequence[str], headlines: Sequence[str]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Verbs with the targets and the values that they may have; empty where they have none.

    Args:
        objects: Names of objects.
        headlines: Texts of headlines.
    """
    things = tuple(objects)
    return [
        ("remove", (*things, BADGE), ()),
        ("replace", things, things),
        ("add", (), things),
        ("recolor", things, OBJECT_COLORS),
        ("recolor", (BACKGROUND,), COLORS),
        ("set", (BACKGROUND,), BACKGROUNDS),
        ("rewrite", (HEADLINE,), tuple(headlines)),
        ("adjust", (PICTURE,), TONES),
    ]


class PlanGrammar:
    """Knows which token may come next in a plan.

    No thing is edited twice and nothing is brought in twice: what a step took away is no longer there.

    Args:
        tokenizer: Of the ``transformers`` library, or anything with its ``encode`` and ``decode``.
        end: The token that ends a plan.
        objects: Names of objects that steps may speak of.
        headlines: Texts that a headline may be given.
        max_steps: Longest plan.

    Attributes:
        start: State before the first token.
        longest: Most tokens of a plan, with the end.
        things: Objects that steps may concern.

    Raises:
        ImgEditError: If the tokenizer does not give the text of a line back.
    """

    def __init__(
        self, tokenizer: Any, end: int, objects: Sequence[str], headlines: Sequence[str], max_steps: int
    ) -> None:
        self.end, self.max_steps = end, max_steps
        self.things = frozenset(objects)
        self._tokenizer = tokenizer
        self._spelled: dict[str, list[int]] = {}
        self._edges: list[dict[int, list[tuple[int, str]]]] = [{}, {}]
        self._within: dict[int, set[str]] = {}
        """What pieces that pass through a node use up, and those that may follow a verb."""
        self._early = {_START}
        """Nodes from which it is still open what a line concerns."""
        forms = sayable(objects, headlines)
        self._values = {}
        for verb, targets, values in forms:
            self._draw(verb, targets, values)
            for target in targets or (PICTURE,):
                self._values[verb, target] = frozenset(values)
            self._check(PlanStep(verb, targets[-1] if targets else PICTURE, values[-1] if values else NONE))
        self._break = self._spell("\n")
        self._link(_FULL, {"\n": ""}, _START)
        self.start = State(1, frozenset({(_START, frozenset())}))
        line = max(sum(max(map(self._length, part)) for part in _parts(*form)) for form in forms)
        self.longest = max_steps * (line + len(self._break)) + 1

    # ------------------------------------------------------------------ building

    def _spell(self, piece: str) -> list[int]:
        if piece not in self._spelled:
            self._spelled[piece] = list(self._tokenizer.encode(piece, add_special_tokens=False))
            if not self._spelled[piece]:
                raise ImgEditError(f"the tokenizer cannot write {piece!r}, which plans need")
        return self._spelled[piece]

    def _length(self, piece: str) -> int:
        return len(self._spell(piece))

    def _draw(self, verb: str, targets: Sequence[str], values: Sequence[str]) -> None:
        """Add the lines of a verb: piece after piece, from the start of a line to its end."""
        node, parts = _START, _parts(verb, targets, values)
        # a verb must not be written when all that it could concern is used up
        ahead = frozenset(parts[1].values()) if targets and "" not in parts[1].values() else frozenset()
        for at, part in enumerate(parts):
            after = _FULL if at == len(parts) - 1 else self._node()
            between = self._link(node, part, after, frozenset() if at else ahead)
            if at == 0 or (at == 1 and ahead):
                self._early.update((node, *between))
            node = after

    def _link(self, node: int, pieces: Mapping[str, str], after: int, ahead: frozenset[str] = frozenset()) -> list[int]:
        """Let any of some pieces lead from a node to another, each using something up, or nothing.

        Args:
            node: Where they begin.
            pieces: What each uses up.
            after: Where they end.
            ahead: What can be used up from there on, if something must.

        Returns:
            The nodes between.
        """
        if ahead:
            self._within[after] = set(ahead)
        children: dict[tuple[int, ...], int] = {(): node}
        for piece, used in sorted(pieces.items()):
            ids = self._spell(piece)
            for at, token in enumerate(ids[:-1]):
                here, path = children[tuple(ids[:at])], tuple(ids[: at + 1])
                if path not in children:
                    children[path] = self._node()
                    self._within[children[path]] = set()
                    self._edges[here].setdefault(token, []).append((children[path], ""))
                self._within[children[path]].update(ahead or {used})
            self._edges[children[tuple(ids[:-1])]].setdefault(ids[-1], []).append((after, used))
        return list(children.values())[1:]

    def _node(self) -> int:
        self._edges.append({})
        return len(self._edges) - 1

    def _check(self, step: PlanStep) -> None:
        """See that what is written can be read."""
        read = PlanStep.parse(
            self._tokenizer.decode([token for piece in _pieces(step) for token in self._spell(piece)])
        )
        if read != step:
            raise ImgEditError(f"the tokenizer does not give plan steps back: wrote {step.text!r}, read {read.text!r}")

    # ------------------------------------------------------------------ writing

    def start_with(self, due: Iterable[str], spared: Iterable[str]) -> State:
        """State before the first token of a plan about known things.

        Args:
            due: Objects that the plan has to edit; where there are more than it may have steps, each step edits one.
            spared: Objects that it may not edit.

        Raises:
            ImgEditError: If something is no object of this grammar, or both due and spared.
        """
        due, spared = frozenset(due), frozenset(spared)
        if (strange := (due | spared) - self.things) or (strange := due & spared):
            raise ImgEditError(f"expected objects that are due or spared; found {sorted(strange)}")
        places = frozenset({(_START, frozenset(map(_edit, spared)))})
        return State(1, places, frozenset(map(_edit, due)), len(due) >= self.max_steps)

    def owes(self, state: State) -> bool:
        """Whether a line is complete and the plan might end if nothing were due any more."""
        return state.line < self.max_steps and any(
            node == _FULL and not state.due <= used for node, used in state.places
        )

    def press(self, state: State) -> State:
        """The state in which the next line has to edit something that is due."""
        return replace(state, pressed=True)

    def allowed(self, state: State) -> torch.Tensor:
        """Tokens that may come next, ``int64 [k]``, k at least 1."""
        tokens: set[int] = set()
        for node, used in state.places:
            if node != _FULL:
                ways = self._edges[node].items()
                tokens.update(
                    token for token, ends in ways if any(self._leads(state, node, *end, used) for end in ends)
                )
                continue
            if state.due <= used or state.line == self.max_steps:
                tokens.add(self.end)
            if state.line < self.max_steps:
                tokens.add(self._break[0])
        return torch.tensor(sorted(tokens) or [self.end])

    def advance(self, state: State, token: int) -> State:
        """The state after an allowed token; after the end, whatever comes."""
        places = frozenset(
            (after, used | {more} if more else used)
            for node, used in state.places
            for after, more in self._edges[node].get(token, ())
            if self._leads(state, node, after, more, used)
        )
        if not places:
            return _OVER
        line, pressed = state.line, state.pressed and all(node != _FULL for node, _ in places)
        for node, used in places:
            if node == _START:  # as many lines as things that are due
                line, pressed = state.line + 1, pressed or len(state.due - used) >= self.max_steps - state.line
        return State(line, places, state.due, pressed)

    def _leads(self, state: State, node: int, after: int, more: str, used: frozenset[str]) -> bool:
        """Whether one can go from a node to another and on from there."""
        if not self._open(after, more, used):
            return False
        if not state.pressed or node not in self._early:
            return True
        ahead = {more} if more else self._within.get(after, set())
        return not state.due - used or bool(ahead & (state.due - used))

    def _open(self, node: int, more: str, used: frozenset[str]) -> bool:
        """Whether a node can be gone to, using something up, and left again, after what was used up already."""
        if more:
            return more not in used
        within = self._within.get(node)
        return within is None or "" in within or not within <= used

    def write(self, plan: Plan) -> list[int]:
        """The tokens of a plan, with the end.

        Raises:
            ImgEditError: If the plan is empty or too long, or a step is not one that plans may have.
        """
        if not 1 <= len(plan) <= self.max_steps:
            raise ImgEditError(f"expected a plan of 1 to {self.max_steps} steps; found {len(plan)}")
        ids: list[int] = []
        for step in plan:
            values = self._values.get((step.verb, step.target))
            if values is None or (step.value not in values if values else step.value):
                raise ImgEditError(f"no plan of this grammar has the step {step.text!r}")
            ids += (self._break if ids else []) + [token for piece in _pieces(step) for token in self._spell(piece)]
        return [*ids, self.end]

    def read(self, ids: Sequence[int]) -> Plan:
        """The plan that tokens write, up to the end."""
        kept = list(ids)
        if self.end in kept:
            kept = kept[: kept.index(self.end)]
        return parse_plan(self._tokenizer.decode(kept), self.max_steps)


def _parts(verb: str, targets: Sequence[str], values: Sequence[str]) -> list[dict[str, str]]:
    """The pieces of a verb's lines, by place, each with what it uses up."""
    # where there is but one target, it must be known to be free before the verb is written
    alone = _edit(targets[0]) if len(targets) == 1 and targets[0] != PICTURE else ""
    parts = [
        {f"{verb} the": alone},
        {f" {target}": "" if len(targets) == 1 else _edit(target) for target in targets},
    ]
    parts += [{_JOINTS[verb]: ""}] if verb in _JOINTS else []
    brought = "bring " if verb in ("replace", "add", "adjust") else ""
    parts += [{f" {value}": brought and brought + value for value in values}]
    return [part for part in parts if part]


def _edit(target: str) -> str:
    """How it is noted that a target was edited."""
    return f"edit {target}"


def _pieces(step: PlanStep) -> list[str]:
    """A step's line in pieces."""
    target = () if step.verb == "add" else (step.target,)
    value = (step.value,) if step.value else ()
    return [piece for part in _parts(step.verb, target, value) for piece in part]
