"""The command to play: ``python -m imgedit_gym.play``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import ImgEditError


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser(
        "python -m imgedit_gym.play",
        description="Edit pictures yourself: choose a tool and a region for each plan step.",
    )
    parser.add_argument("--terminal", action="store_true", help="in the terminal, without a browser")
    parser.add_argument("--port", type=int, default=8000, help="port of the page on this machine; 0 for any")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task")
    parser.add_argument("--image-size", type=int, default=256, help="edge of the pictures in pixels")
    parser.add_argument("--split", default="train", help="split of the task source")
    for name in ("tasks", "tools", "regions", "judge", "planner"):
        parser.add_argument(f"--{name}", type=_spec, help="as in gymnasium.make: an id, or JSON")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/play/demonstrations.jsonl"), help="file of what is saved"
    )
    return parser.parse_args(words)


def _spec(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"expected an id or JSON; found {text!r} ({error})") from None


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    try:
        _run(options)
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print()
    return 0


def _run(options: argparse.Namespace) -> None:
    from imgedit_gym.play.session import Session

    if not 0 <= options.port <= 65535:
        raise ImgEditError(f"--port: expected 0 to 65535; found {options.port}")
    given = {name: getattr(options, name) for name in ("tasks", "tools", "regions", "judge", "planner")}
    arguments = {name: value for name, value in given.items() if value is not None}
    session = Session(options.out, options.seed, image_size=options.image_size, split=options.split, **arguments)
    try:
        if options.terminal:
            from imgedit_gym.play.terminal import play

            play(session)
        else:
            from imgedit_gym.play.web import serve

            serve(session, options.port)
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(main())
