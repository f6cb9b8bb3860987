"""A page for each kind of plug-in, from its registry."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from imgedit_docs import drawings, photographs
from imgedit_docs.docstrings import cell, read
from imgedit_docs.pictures import Album
from imgedit_gym.core import registry
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import PIXEL_TOOLS, RETOUCH_TOOLS, Registry


@dataclass(frozen=True)
class Room:
    """A kind of plug-in and its page.

    Attributes:
        title: Heading of the page.
        argument: Argument of the environments that takes such a plug-in.
        registry: Where the ids are.
        intro: What stands above the table.
        given: Arguments that the engine gives; users do not write them.
        shown: Attributes worth a line, and what they are called.
    """

    title: str
    argument: str
    registry: Registry
    intro: str
    given: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()


ROOMS = {
    "tasks": Room(
        "Tasks",
        "tasks",
        registry.TASKS,
        "Where pictures, instructions, plans and checklists come from. See also [adverts](../adverts.md) and "
        "[photographs](../photos.md).",
        given=("image_size", "max_plan_steps", "split", "device"),
    ),
    "planners": Room(
        "Planners",
        "planner",
        registry.PLANNERS,
        "From task to plan. See also [the learned planner](../planner.md).",
        given=("tasks",),
        shown=(("version", "version"), ("deterministic", "deterministic")),
    ),
    "regions": Room(
        "Regions",
        "regions",
        registry.REGIONS,
        "What a region index of the action stands for.",
    ),
    "tools": Room(
        "Tools",
        "tools",
        registry.TOOLS,
        'From canvas, region and plan step to an edited canvas. `tools="pixel"` stands for the first {pixel}, '
        'in this order: the index is that of the action space; `tools="retouch"` for those that undo the faults of '
        "[photographs](../photos.md). Which is right when, measured: [tools](../tools.md). "
        "The pictures show the canvas before, with the region outlined, and after: of the steps of 96 adverts, for "
        "retouching of 48 photographs of scikit-image, the one where the tool earns most beside its neighbours. They "
        "are drawn when these pages are built.",
        given=("stock", "vocabulary"),
        shown=(("version", "version"), ("deterministic", "deterministic"), ("reach", "writes within")),
    ),
    "judges": Room(
        "Judges",
        "judge",
        registry.JUDGES,
        "From picture to verdict. How they are put together, what happens when they fail, and how to write one: "
        "[judges](../judges.md); how far each can be trusted: [the audit](../audit.md).",
        shown=(("version", "version"), ("deterministic", "deterministic")),
    ),
    "orchestrators": Room(
        "Orchestrators",
        "orchestrator",
        registry.ORCHESTRATORS,
        "Who carries plans out in `ImagePlan-v0`; see [the planning environment](../planning_environment.md).",
        shown=(("version", "version"), ("deterministic", "deterministic")),
    ),
}


def page(name: str, album: Album) -> str:
    """The page of one kind, as Markdown."""
    room = ROOMS[name]
    ids = room.registry.ids()
    rows, sections = [], []
    for id in ids:
        try:
            factory = room.registry.factory(id)
        except (ImportError, ImgEditError) as error:  # a plug-in of an extra that is not installed here
            rows.append(f"| `{id}` | {cell(f'could not be imported: {error}')} |")
            continue
        rows.append(f"| [`{id}`](#{room.argument}-{id.replace('_', '-')}) | {cell(read(factory).summary)} |")
        sections.append(section(room, id, factory, album))
    intro = room.intro.replace("{pixel}", str(len(PIXEL_TOOLS)))
    how = f"Argument `{room.argument}` of the environments: an id, or a mapping with `id` and further arguments."
    table = "\n".join(["| id | in short |", "|---|---|", *rows])
    return "\n\n".join([f"# {room.title}: reference", intro, how, table, *sections])


def section(room: Room, id: str, factory: Any, album: Album) -> str:
    """What there is to say of one plug-in."""
    doc = read(factory)
    parts = [f"({room.argument}-{id.replace('_', '-')})=\n## `{id}`", doc.text, pictured(room, id, album)]
    facts = [f"{label}: {_plain(getattr(factory, name))}" for name, label in room.shown if _is_plain(factory, name)]
    told = getattr(factory, "problems", ())
    problems = [f"“{text}”" for text in told if text] if isinstance(told, (tuple, list)) else []
    if problems:
        facts.append("refuses with " + ", ".join(problems))
    facts.append(f"class: {{py:class}}`{factory.__module__}.{factory.__qualname__}`")
    parts.append(" · ".join(facts))
    parts.append(arguments(room, factory, doc.sections.get("Args", {})))
    return "\n\n".join(part for part in parts if part)


def pictured(room: Room, id: str, album: Album) -> str:
    """The picture of a plug-in, where there is one that needs no server and no weights beyond what packages ship."""
    name = f"{room.argument}/{id}.png"
    where = f"pictures/{name}"
    if room.argument == "tools":
        return tool(id, name, album)
    if room.argument == "regions" and id in ("cells", "segments"):
        album.get(name, lambda: drawings.regions(id), optimize=True)
        return f"![The regions of {id}, numbered, on an advert]({where}){{.one}}"
    if room.argument == "regions" and id == "superpixels":
        album.get(name, lambda: photographs.regions(id), optimize=True)
        return f"![The regions of {id}, numbered, on a photograph]({where}){{.one}}"
    if room.argument == "regions" and id == "blocks":
        shown = ", ".join(map(str, album.get(name, lambda: photographs.regions(id), optimize=True)))
        return f"![Four blocks, outlined on a photograph]({where}){{.strip}}\n\nRegions {shown}."
    if room.argument == "tasks" and id == "adverts":
        return splits(album)
    if room.argument == "tasks" and id == "photos":
        return faulty(album)
    if room.argument == "planner":
        return plans(id, album)
    return ""


def tool(id: str, name: str, album: Album) -> str:
    """A picture before and after a tool."""
    where = f"pictures/{name}"
    if id in photographs.NEEDED and not photographs.can_draw(id):
        return ""
    if id == "style":
        n = album.get(name, photographs.styles, optimize=True)
        alt = f"A photograph of a cup, then the same in each of {n} styles"
        return f"![{alt}]({where}){{.strip}}\n\nThe photograph, and the styles 0 to {n - 1}."
    if id == "cutout":
        said = ", ".join(f"*{step}*" for step in album.get(name, photographs.cut_out, optimize=True))
        return f"![Photographs before and after cutout]({where}){{.strip}}\n\n{said}"
    if id == "upscale":
        before, after = album.get(name, photographs.upscaled, optimize=True)
        said = f"A photograph with noise of standard deviation 15: {before} dB (PSNR) before, {after} dB after."
        return f"![A noisy photograph of a cat before and after upscale]({where}){{.pair}}\n\n{said}"
    if not any(id in tools for tools in drawings.TRIED.values()):
        return ""
    said = album.get(name, lambda: drawings.tool(id), optimize=True)
    verbs = "any" if said["verbs"] == ["all"] else ", ".join(f"`{verb}`" for verb in said["verbs"])
    accepts = "" if id in RETOUCH_TOOLS else f" · accepts plan steps of verb: {verbs}"
    return f"![Before and after {id}]({where}){{.pair}}\n\n*{said['step']}*{accepts}"


def faulty(album: Album) -> str:
    """The kinds of fault, and the first tasks of every split of the photographs."""
    from imgedit_gym.tasks.photos.source import LICENCE
    from imgedit_gym.tasks.photos.splits import SPLITS

    name = "tasks/photos-faults.png"
    album.get(name, photographs.faults, optimize=True)
    alt = "Sixteen photographs of a cup, the right half of each with one kind of fault"
    parts = [f"Each kind of fault, on the right halves:\n\n![{alt}](pictures/{name}){{.wide}}"]
    parts.append("Below the first pictures of each split stand the originals, which stay hidden.")
    for split in SPLITS.values():
        name = f"tasks/photos-{split.name}.png"
        said = album.get(name, lambda split=split: photographs.tasks(split.name), optimize=True)
        picture = f"![Six photographs of {split.name}, and their originals](pictures/{name}){{.strip}}"
        parts.append(f"### `photos`: `{split.name}`\n\n{picture}\n\nThe first: *{said[0]}*")
    parts.append(f"Shown here: {LICENCE}.")
    return "\n\n".join(parts)


def splits(album: Album) -> str:
    """The first tasks of every split of the adverts."""
    from imgedit_gym.tasks.adverts.splits import SPLITS

    parts = []
    for split in SPLITS.values():
        if split.own_font:
            continue
        name = f"tasks/adverts-{split.name}.png"
        said = album.get(name, lambda split=split: drawings.tasks("adverts", split.name), optimize=True)
        picture = f"![Six adverts of {split.name}](pictures/{name}){{.strip}}"
        parts.append(f"### `adverts`: `{split.name}`\n\n{picture}\n\nThe first: *{said[0]}*")
    return "\n\n".join(parts)


def plans(id: str, album: Album) -> str:
    """What a planner that needs nothing says of some tasks."""
    if id not in ("oracle", "none", "rules"):
        return ""
    name = f"planners/{id}.png"
    said = album.get(name, lambda: drawings.plans(id), optimize=True)
    return f"![The plan of {id} beside the advert](pictures/{name}){{.one}}\n\n" + "\n".join(
        ["*" + said["instruction"] + "*", "", *(f"1. {step}" for step in said["plan"])]
    )


def arguments(room: Room, factory: Any, said: dict[str, str]) -> str:
    """A table of what users may write beside the id."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return ""
    rows = []
    for parameter in parameters:
        if parameter.name in room.given or parameter.name == "self" or parameter.name.startswith("_"):
            continue
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if star and star + parameter.name not in said:  # what a class without arguments of its own has from Python
            continue
        default = "" if parameter.default is parameter.empty else f"`{parameter.default!r}`"
        meaning = said.get(star + parameter.name, "")
        rows.append(f"| `{star}{parameter.name}` | {cell(default)} | {cell(meaning)} |")
    return "\n".join(["| argument | default | meaning |", "|---|---|---|", *rows]) if rows else ""


def _is_plain(factory: Any, name: str) -> bool:
    return isinstance(getattr(factory, name, None), (str, bool, int)) and getattr(factory, name) != ""


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
