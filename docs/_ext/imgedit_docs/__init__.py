"""Sphinx extension: pages that are made from the code, so that they cannot go stale.

Before Sphinx reads anything, ``docs/generated`` is filled with a page for each environment, kind of plug-in, command
line and part of the programming interface. Pictures are drawn by the code and kept until it changes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

FOLDER = "generated"
INTERVAL = re.compile(r"\[([-–−]?[\d.,]+), ([-–−]?[\d.,]+)\]")
OTHERS = re.compile(r"^<others(?: in ([a-z_/]+))?>$", re.MULTILINE)


def generate(source: Path, root: Path, album: Any = None) -> list[str]:
    """Write all generated pages.

    Args:
        source: Folder of the documentation.
        root: Folder of the repository.
        album: Where pictures are kept; by default below the generated pages.

    Returns:
        Names of the pictures that had to be drawn.
    """
    import torch

    from imgedit_docs import api, commands, environments, extras, formats, registries, wrapper_pages
    from imgedit_docs.files import Pages
    from imgedit_docs.pictures import Album, code_digest

    torch.set_num_threads(1)  # the pictures are small: threads that wait for each other cost more than they give
    folder = source / FOLDER
    here = Path(__file__).parent
    code = code_digest(
        root / "imgedit_gym", root / "baselines" / "agents", here / "drawings.py", here / "photographs.py"
    )
    album = Album(folder / "pictures", code) if album is None else album
    pages = Pages(folder)
    for id in environments.ids():
        pages.write(f"{id}.md", environments.page(id, album))
    for name in registries.ROOMS:
        pages.write(f"{name}.md", registries.page(name, album))
    pages.write("wrappers.md", wrapper_pages.page(album))
    pages.write("commands.md", commands.page())
    pages.write("extras.inc", extras.page(root))
    pages.write("formats.inc", formats.page(root))
    for name in api.ROOMS:
        pages.write(f"api/{name}.md", api.page(name))
    pages.tidy()
    album.tidy()
    return album.drawn


def _begin(app: Any) -> None:
    from sphinx.util import logging

    drawn = generate(Path(app.srcdir), Path(app.srcdir).parent)
    logging.getLogger(__name__).info("generated pages are written, %d pictures drawn", len(drawn))


def _list_others(app: Any, docname: str, source: list[str]) -> None:
    """On the start page, in place of ``<others>`` or ``<others in FOLDER>``: pages there that it does not name."""
    if docname != app.config.root_doc:
        return
    named = {docname, *source[0].split()}

    def others(line: re.Match[str]) -> str:
        folder = f"{line[1]}/" if line[1] else ""
        beside = (name for name in app.env.found_docs if name.rpartition("/")[0] == folder.rstrip("/"))
        return "\n".join(sorted(name for name in beside if name not in named))

    source[0] = OTHERS.sub(others, source[0])


def _keep_intervals(app: Any, tree: Any) -> None:
    """Intervals in tables, such as [0.1, 0.2], stay on one line."""
    from docutils import nodes

    for cell in tree.findall(nodes.entry):
        for text in list(cell.findall(nodes.Text)):
            kept = INTERVAL.sub("[\\1,\u00a0\\2]", text)
            if kept != text:
                text.parent.replace(text, nodes.Text(kept))


def _hide_folder(app: Any, tree: Any) -> None:
    """Paths inside the repository, as defaults and attributes have them, are told without where this copy lies."""
    from docutils import nodes

    here = f"{Path(app.srcdir).parent}/"
    for text in list(tree.findall(nodes.Text)):
        if here in text:
            text.parent.replace(text, nodes.Text(text.replace(here, "")))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    from imgedit_docs.api import without_markdown

    app.connect("builder-inited", _begin)
    app.connect("env-get-outdated", lambda app, *_: [app.config.root_doc])
    app.connect("source-read", _list_others)
    app.connect("doctree-read", _keep_intervals)
    app.connect("doctree-read", _hide_folder)
    app.connect("autodoc-process-docstring", without_markdown, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
