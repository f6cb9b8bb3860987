"""A page for each registered environment: its docstring, its live spaces and what ``gymnasium`` knows of it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

import imgedit_gym  # noqa: F401  (registers the environments)
from imgedit_docs import drawings
from imgedit_docs.docstrings import cell, read
from imgedit_docs.pictures import Album

NAMESPACE = "imgedit_gym."


def ids() -> list[str]:
    """Ids of the environments of this package."""
    return sorted(id for id, spec in gym.registry.items() if str(spec.entry_point).startswith(NAMESPACE))


def page(id: str, album: Album) -> str:
    """The page of one environment."""
    spec = gym.spec(id)
    env = gym.make(id)
    try:
        space_rows = [
            ("observation space", space_text(env.observation_space)),
            ("action space", space_text(env.action_space)),
            ("render modes", ", ".join(f"`{mode}`" for mode in env.metadata["render_modes"])),
        ]
        doc = read(type(env.unwrapped))
    finally:
        env.close()
    rows = [
        ("made by", f'`gymnasium.make("{id}")`, `gymnasium.make_vec("{id}", num_envs=...)`'),
        *space_rows,
        ("step budget", f"`max_episode_steps={spec.max_episode_steps}`"),
        ("classes", classes(spec)),
    ]
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {cell(text)} |" for name, text in rows)])
    parts = [f"# `{id}`", doc.summary, picture(id, album), table, *doc.text.split("\n\n", 1)[1:]]
    return "\n\n".join(part for part in parts if part)


def picture(id: str, album: Album) -> str:
    """An episode of the environment."""
    if id != "ImageEdit-v0":
        return ""
    said = album.get("episode.webp", drawings.episode, duration=[2500, *[1800] * 8], quality=82, method=6)
    return f"![An episode: {said['instruction']}](pictures/episode.webp){{.wide}}"


def classes(spec: Any) -> str:
    """The single and the vector class."""
    points = (spec.entry_point, spec.vector_entry_point)
    return ", ".join(f"{{py:class}}`~{str(point).replace(':', '.')}`" for point in points if point)


def space_text(space: gym.Space[Any]) -> str:
    """A space in a line or, for a dictionary, a line for each key."""
    if isinstance(space, gym.spaces.Dict):
        return "; ".join(f"`{key}`: {space_text(part)}" for key, part in space.items())
    if isinstance(space, gym.spaces.Text):
        return f"`Text({space.min_length} to {space.max_length} of {len(space.characters)} characters)`"
    return f"`{space!r}`" if len(repr(space)) < 120 else f"`{type(space).__name__}{space.shape}`"
