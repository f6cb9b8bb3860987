"""The page of the wrappers: docstrings, and what each does to the spaces of a live environment."""

from __future__ import annotations

import gymnasium as gym

from imgedit_docs import drawings
from imgedit_docs.docstrings import cell, read
from imgedit_docs.environments import space_text
from imgedit_docs.pictures import Album
from imgedit_gym import wrappers

PLAN_WRAPPERS = ("PlanTokens",)


def page(album: Album) -> str:
    """All wrappers, each for one environment and for batches."""
    parts = [
        "# Wrappers",
        "What agents see and choose, varied. Each has a class for one environment and, with `Vector` before its name, "
        "one for batches. Examples: [training](../training.md#wrappers).",
    ]
    for name in sorted(name for name in wrappers.__all__ if not name.startswith("Vector")):
        parts.append(section(name, album))
    return "\n\n".join(parts)


def section(name: str, album: Album) -> str:
    """One wrapper."""
    single = getattr(wrappers, name)
    doc = read(single)
    env = gym.make("ImagePlan-v0" if name in PLAN_WRAPPERS else "ImageEdit-v0")
    wrapped = single(env)
    try:
        changed = [
            f"| {what} | {cell(space_text(new))} |"
            for what, old, new in (
                ("observation space", env.observation_space, wrapped.observation_space),
                ("action space", env.action_space, wrapped.action_space),
            )
            if old != new
        ]
    finally:
        wrapped.close()
    table = "\n".join([f"| of `{env.spec.id}`, it makes | |", "|---|---|", *changed])
    names = [name, *(other for other in (f"Vector{name}",) if other in wrappers.__all__)]
    links = " · ".join(f"{{py:class}}`{getattr(wrappers, one).__module__}.{one}`" for one in names)
    arguments = [f"- `{argument}`: {said}" for argument, said in doc.sections.get("Args", {}).items()]
    parts = [f"## `{name}`", doc.text, table, "\n".join(arguments), links]
    if name == "NumberedRegions":
        album.get("wrappers/numbered.png", lambda: drawings.regions("segments"), optimize=True)
        parts.insert(2, "![An advert with numbered regions](pictures/wrappers/numbered.png){.one}")
    return "\n\n".join(part for part in parts if part)
