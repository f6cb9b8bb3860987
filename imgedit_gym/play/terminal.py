"""Playing in a terminal: the picture in coloured half blocks, the rest in words."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

import numpy as np
from PIL import Image

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE
from imgedit_gym.play.session import Session

HELP = """\
  TOOL CELL      use a tool, such as: paste_over c4   (column c, row 4; "all" for the whole picture)
  tools          which tools there are, and which can do something now
  undo, skip     take the last step back; leave this step out
  save, new      keep the finished episode as a demonstration; begin the next task
  new SEED       begin the task of a seed
  quit"""

COLUMNS = 64
"""Width of the picture in characters; a cell of the lattice is 8 wide and 4 high."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"[:LATTICE]


def play(session: Session, lines: Iterable[str] | None = None, out: TextIO | None = None) -> None:
    """Play until there are no more lines, or one says ``quit``.

    Args:
        session: What is played.
        lines: What the person types; standard input if not given.
        out: Where to write; standard output if not given.
    """
    lines, out = lines or sys.stdin, out or sys.stdout
    print(HELP + "\n", file=out)
    _show(session, out)
    print("> ", end="", file=out, flush=True)
    for line in lines:
        words = line.lower().split()
        if words[:1] == ["quit"]:
            break
        try:
            said = _do(session, words)
        except ImgEditError as error:
            said = f"! {error}"
        if said:
            print(said, file=out)
        else:
            _show(session, out)
        print("> ", end="", file=out, flush=True)


def _do(session: Session, words: list[str]) -> str:
    """Carry a line out; what to say, or nothing where the picture is to be shown again."""
    match words:
        case []:
            return ""
        case ["help"]:
            return HELP
        case ["tools"]:
            tools = session.state()["tools"]
            return "\n".join(f"{'*' if one['allowed'] else ' '} {one['id']:16} {one['about']}" for one in tools)
        case ["undo"]:
            session.undo()
        case ["save"]:
            return f"{session.keep()} demonstrations in {session.path}"
        case ["new"]:
            session.start()
        case ["new", seed] if seed.isdecimal():
            session.start(int(seed))
        case ["skip"]:
            session.act("skip", 0)
        case [tool, where]:
            session.act(tool, region_of(where))
        case _:
            raise ImgEditError(
                f"expected a tool and a cell, such as paste_over c4; found {' '.join(words)!r}. Try: help"
            )
    return ""


def region_of(where: str) -> int:
    """The region that a person names: ``all``, a cell such as ``c4``, or its number.

    Raises:
        ImgEditError: If it is none of these.
    """
    if where == "all":
        return 0
    if where.isdecimal():
        return int(where)
    column, row = _LETTERS.find(where[:1]), where[1:]
    if column < 0 or not row.isdecimal() or not 1 <= int(row) <= LATTICE:
        last = f"{_LETTERS[-1]}{LATTICE}"
        raise ImgEditError(f"expected a cell from a1 to {last}, or all; found {where!r}")
    return (int(row) - 1) * LATTICE + column + 1


def blocks(picture: np.ndarray) -> list[str]:
    """A picture, ``uint8 [H, W, 3]``, as lines of half blocks in 24-bit colour."""
    small = np.asarray(Image.fromarray(picture).resize((COLUMNS, COLUMNS), Image.Resampling.BOX))
    lines = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        cells = (
            f"\x1b[38;2;{a};{b};{c}m\x1b[48;2;{d};{e};{f}m\u2580"
            for (a, b, c), (d, e, f) in zip(upper.tolist(), lower.tolist(), strict=True)
        )
        lines.append("".join(cells) + "\x1b[0m")
    return lines


def _show(session: Session, out: TextIO) -> None:
    state = session.state()
    width, height = COLUMNS // LATTICE, COLUMNS // 2 // LATTICE
    print("\n   " + "".join(letter.center(width) for letter in _LETTERS), file=out)
    for at, line in enumerate(blocks(session.picture("canvas"))):
        row = str(at // height + 1) if at % height == height // 2 else ""
        print(f"{row:>2} {line}", file=out)
    print("\n".join(["", *_words(state), ""]), file=out)


def _words(state: dict[str, Any]) -> Iterable[str]:
    yield f"Task {state['task']}, seed {state['seed']}"
    yield f"  {state['instruction']}"
    for at, step in enumerate(state["plan"]):
        mark = ">" if at == state["step"] else "x" if at < state["step"] else " "
        yield f"{mark} {at + 1}. {step}"
    for one in state["requirements"]:
        yield f"  [{'x' if one['met'] else ' '}] {one['text']}"
    scores = "  ".join(f"{name} {'-' if value is None else f'{value:.2f}'}" for name, value in state["scores"].items())
    reward = "" if state["reward"] is None else f"  reward {state['reward']:+.3f}, in all {state['total']:+.3f}"
    yield f"  {scores}{reward}"
    if state["error"]:
        yield f"  Nothing happened: {state['error']}"
    if state["over"]:
        yield f"  The plan is done: {'a success' if state['success'] else 'not a success'}. save, new, undo or quit?"
