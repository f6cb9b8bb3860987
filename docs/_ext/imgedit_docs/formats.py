"""File formats, from the code and the schemas that read and write them."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from imgedit_docs.docstrings import cell, markdown, read


def page(root: Path) -> str:
    """Trajectories, outcome tables and submissions, to be included in a page."""
    return "\n\n".join([trajectories(), outcome_tables(), submissions(root / "benchmarks" / "submission")])


def trajectories() -> str:
    """Keys of a recorded episode."""
    from imgedit_gym import trajectory

    fields = read(trajectory.Trajectory).sections["Attributes"]
    rows = [f"| `{trajectory_key(name)}` | {cell(said)} |" for name, said in fields.items()]
    return "\n".join(
        [
            "## Trajectories",
            "",
            f"One episode a line, of at most {trajectory.MAX_LINE >> 20} MiB, with `schema` ({trajectory.SCHEMA}) and",
            "",
            "| key | |",
            "|---|---|",
            *rows,
            "",
            "{py:func}`imgedit_gym.trajectory.read_trajectories` reads a file, "
            "{py:func}`imgedit_gym.trajectory.replay` makes every picture again.",
        ]
    )


def trajectory_key(attribute: str) -> str:
    """The key in the file of an attribute of the class."""
    return attribute.rstrip("_")


def outcome_tables() -> str:
    """What the outcome table's own module says."""
    from baselines.orchestrator import outcomes

    text = markdown(inspect.getdoc(outcomes) or "").split("\n\n", 1)[1]
    return "## Outcome tables\n\n" + text.replace("`states`\n    ", "- `states`: ").replace(
        "`outcomes`\n    ", "- `outcomes`: "
    )


def submissions(folder: Path) -> str:
    """Tables of the schemas of a submission."""
    parts = ["## Submissions"]
    for name, kind in (("manifest", "`manifest.json`"), ("episode", "a line of `episodes.jsonl`")):
        schema = json.loads((folder / f"{name}.v1.schema.json").read_text(encoding="utf-8"))
        required = set(schema.get("required", ()))
        rows = [
            f"| `{key}` | {cell(type_of(part, schema))} | {'yes' if key in required else ''} | "
            f"{cell(part.get('description', ''))} |"
            for key, part in schema["properties"].items()
        ]
        parts.append(f"{kind}, after `benchmarks/submission/{name}.v1.schema.json`:")
        parts.append("\n".join(["| key | type | required | |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts)


def type_of(part: dict[str, Any], schema: dict[str, Any]) -> str:
    """A property's type in words."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return type_of(schema["$defs"][name], schema)
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return ", ".join(f"`{json.dumps(value)}`" for value in part["enum"])
    kind = part.get("type", "")
    if kind == "array" and "prefixItems" in part:
        return "array: " + ", ".join(type_of(one, schema) for one in part["prefixItems"])
    if kind == "array" and isinstance(part.get("items"), dict):
        return f"array of {type_of(part['items'], schema)}"
    if kind == "object" and "properties" in part:
        return "object: " + ", ".join(f"`{key}`" for key in part["properties"])
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
