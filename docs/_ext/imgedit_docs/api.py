"""Pages of the programming interface: a page for each room, a section for each module."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

from imgedit_docs.docstrings import read

LEFT_OUT = re.compile(
    r"(^|\.)(_|kernels|__main__)|_kernels$|\.measure(\.|$)|^imgedit_gym\.tasks\.adverts\.(tables|symbolic|scene)|"
    r"^baselines\.(report|training)|^benchmarks\.(audit|checklist|throughput|overoptimisation|generalisation|additive)"
)
"""Modules that are nobody's interface: kernels, what measures, training, and how reports are made."""

ROOMS = {
    "environments": ("Environments", ("imgedit_gym.envs", "imgedit_gym.wrappers", "imgedit_gym.integrations")),
    "core": ("Core types", ("imgedit_gym.core",)),
    "engine": (
        "Engine, pictures of episodes, trajectories",
        ("imgedit_gym.engine", "imgedit_gym.judging", "imgedit_gym.rendering", "imgedit_gym.trajectory"),
    ),
    "tasks": ("Tasks and art", ("imgedit_gym.tasks", "imgedit_gym.art")),
    "planners": ("Planners and orchestrators", ("imgedit_gym.planners", "imgedit_gym.orchestrators")),
    "regions": ("Regions", ("imgedit_gym.regions",)),
    "tools": ("Tools", ("imgedit_gym.tools",)),
    "judges": ("Judges", ("imgedit_gym.judges",)),
    "models": ("Models and servers", ("imgedit_gym.models",)),
    "baselines": ("Baselines", ("baselines",)),
    "benchmarks": ("Benchmarks", ("benchmarks",)),
}

REST = "engine"


def modules(root: str) -> list[str]:
    """A module or package and all that is below it, without what is nobody's interface."""
    package = importlib.import_module(root)
    found = [root]
    for part in pkgutil.walk_packages(getattr(package, "__path__", []), f"{root}."):
        if not LEFT_OUT.search(part.name):
            found.append(part.name)
    return found


def rest() -> list[str]:
    """Modules and packages of ``imgedit_gym`` that no page names; they stand on the one of :data:`REST`."""
    named = {root for _, roots in ROOMS.values() for root in roots}
    package = importlib.import_module("imgedit_gym")
    found = (f"imgedit_gym.{part.name}" for part in pkgutil.iter_modules(package.__path__))
    return [name for name in found if name not in named and not LEFT_OUT.search(name)]


def page(name: str) -> str:
    """The page of one room."""
    title, roots = ROOMS[name]
    if name == REST:
        roots = (*roots, *rest())
    parts = [f"# API: {title[0].lower()}{title[1:]}"]
    for module in (module for root in roots for module in modules(root)):
        try:
            loaded = importlib.import_module(module)
        except ImportError as error:  # of an extra that is not installed here
            parts.append(f"## `{module}`\n\nNeeds an extra: {error}")
            continue
        members = [name for name, value in vars(loaded).items() if is_public(name, value, module)]
        if not members and not loaded.__doc__:
            continue
        if not members and module in roots and module.count(".") <= 1:
            parts.append(f"## `{module}`\n\n{read(loaded).text}")
            continue
        if members:
            directive = f"```{{eval-rst}}\n.. automodule:: {module}\n   :members: {', '.join(members)}\n```"
            parts.append(f"## `{module}`\n\n{directive}")
    return "\n\n".join(parts)


def is_public(name: str, value: Any, module: str) -> bool:
    """Whether a name is a class or function that a module defines and means for others."""
    if name.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
        return False
    return value.__module__ == module and bool(value.__doc__)


# ---------------------------------------------------------------------- while Sphinx reads docstrings


def without_markdown(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """The environments' docstrings are Markdown, as Gymnasium's are, and have pages of their own: leave the summary."""
    starts = [at for at, line in enumerate(lines) if line.startswith("## ")]
    if starts:
        lines[starts[0] :] = ["", "Spaces, rewards, arguments: see the page of the environment.", ""]
