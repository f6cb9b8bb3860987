"""The extras of the package, from ``pyproject.toml``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PURPOSE = {
    "baselines": "training, the baselines, benchmarks and the leaderboard",
    "models": "judges, planners, regions and tools that are models in this process",
    "lora": "larger planners by adapters",
    "servers": "judges, planners, tools and agents behind a server",
    "ocr": "the judge that reads, and the tool that rewrites what it reads",
    "style": "tools: painting styles",
    "cutout": "tools: keeping what stands in front of the background",
    "upscale": "tools: super-resolution",
    "photos": "photographs: tasks, and superpixels as regions",
    "offline": "recorded episodes as Minari datasets",
    "datasets": "public data sets, export to Hugging Face `datasets`, `tasks.yaml`",
    "play": "playing in the browser",
    "docs": "building these pages",
    "dev": "tests, style and types",
    "all": "all of them",
}


def page(root: Path) -> str:
    """A table of the extras, to be included in a page."""
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    rows = [f"| `{name}` | {PURPOSE.get(name, '')} | {brings(needs)} |" for name, needs in extras.items()]
    return "\n".join(["| extra | for | brings |", "|---|---|---|", *rows])


def brings(needs: list[str]) -> str:
    """Names of the packages."""
    names = (re.match(r"[\w.-]+(\[[\w,.-]+\])?", need) for need in needs)
    return ", ".join(dict.fromkeys(name[0] for name in names if name))
