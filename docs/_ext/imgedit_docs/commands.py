"""The command lines: found in the packages, read from their own parsers."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from imgedit_docs.docstrings import cell, markdown

PACKAGES = ("imgedit_gym", "baselines", "benchmarks")


class _Captured(BaseException):
    """Carries a parser, and what it read, out of a program that has not begun to work."""

    def __init__(self, parser: argparse.ArgumentParser, options: argparse.Namespace | None) -> None:
        self.parser, self.options = parser, options


def modules() -> list[str]:
    """What may be written after ``python -m``."""
    found = []
    for package in PACKAGES:
        root = Path(importlib.import_module(package).__path__[0])
        for path in root.rglob("*.py"):
            parts = (package, *path.relative_to(root).with_suffix("").parts)
            if parts[-1] == "__main__":
                found.append(".".join(parts[:-1]))
            elif 'if __name__ == "__main__":' in path.read_text(encoding="utf-8"):
                found.append(".".join(parts))
    return sorted(found, key=lambda name: (PACKAGES.index(name.split(".")[0]), name))


def parser_of(module: str) -> argparse.ArgumentParser | None:
    """The parser of a command; ``None`` for one without arguments."""
    return _run(module, [], read=False)[0]


def parse(module: str, words: list[str]) -> argparse.Namespace | None:
    """What a command makes of words, without working.

    Raises:
        SystemExit: If they are not what it expects.
    """
    return _run(module, words, read=True)[1]


def _run(module: str, words: list[str], read: bool) -> tuple[argparse.ArgumentParser | None, Any]:
    try:
        program = importlib.import_module(f"{module}.__main__")
    except ModuleNotFoundError as error:
        if error.name not in (f"{module}.__main__", None):
            raise
        program = importlib.import_module(module)
    if "argparse" not in inspect.getsource(program):
        return None, None
    begin = getattr(program, "parse_arguments", None) or program.main
    with _stopping(read), mock.patch.object(sys, "argv", [f"python -m {module}", *words]):
        try:
            begin(*([words] if inspect.signature(begin).parameters else []))
        except _Captured as captured:
            return captured.parser, captured.options
    raise RuntimeError(f"{module}: expected a program that parses its arguments first")


@contextmanager
def _stopping(read: bool) -> Iterator[None]:
    """Programs end where they would parse their arguments, before or after they do."""
    parse_args = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        raise _Captured(parser, parse_args(parser, args, namespace) if read else None)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        yield


# ---------------------------------------------------------------------- the page


def page() -> str:
    """All commands, as Markdown."""
    parts = [
        "# Command lines",
        "Read from the programs' own parsers. Wrong words end a program with status 2 and one line that says what was "
        "expected; other statuses are named where there are any.",
    ]
    package = ""
    for module in modules():
        if module.split(".")[0] != package:
            package = module.split(".")[0]
            parts.append(f"## {package}")
        parts.append(section(module))
    return "\n\n".join(parts)


def section(module: str) -> str:
    """One command."""
    parser = parser_of(module)
    anchor = module.replace(".", "-").replace("_", "-")
    heading = f"(command-{anchor})=\n### `python -m {module}`"
    if parser is None:
        doc = inspect.getdoc(importlib.import_module(module)) or ""
        return f"{heading}\n\n{markdown(doc)}"
    parts = [heading, markdown((parser.description or "").strip()), options(parser)]
    for name, one, said in subcommands(parser):
        parts.append(f"**`{module.rpartition('.')[2]} {name}`**: {cell(said)}\n\n{options(one)}")
    return "\n\n".join(part for part in parts if part)


def subcommands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser, str]]:
    """Name, parser and help of each sub-command."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            found += [(name, one, helps.get(name, "")) for name, one in action.choices.items()]
    return found


def options(parser: argparse.ArgumentParser) -> str:
    """A table of the arguments of a parser."""
    rows = []
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        name = ", ".join(f"`{one}`" for one in action.option_strings) or f"`{action.metavar or action.dest}`"
        if action.choices:
            name += " " + " / ".join(f"`{choice}`" for choice in action.choices)
        said = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
        rows.append(f"| {name} | {cell(default_of(action))} | {cell(markdown(said))} |")
    return "\n".join(["| argument | default | meaning |", "|---|---|---|", *rows]) if rows else ""


def default_of(action: argparse.Action) -> str:
    """The default of an argument, as it would be written."""
    if action.required or (not action.option_strings and action.nargs not in ("?", "*")):
        return "*required*"
    if action.default is None or action.default is False or action.default in (argparse.SUPPRESS, []):
        return ""
    shown = ",".join(map(str, action.default)) if isinstance(action.default, (list, tuple)) else str(action.default)
    return f"`{shown}`"
