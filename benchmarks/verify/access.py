"""Level 0: what an entry says it was given, where the agent is one that this installation knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baselines.agents import AGENTS
from benchmarks.evaluate.agents import access_of
from benchmarks.strict_json import StrictError, parse
from benchmarks.submission.folder import MANIFEST, Fault


def check_access(told: dict[str, Any]) -> Iterator[Fault]:
    """Compare a manifest's ``agent`` with the baseline that its ``spec`` names.

    Nothing else that a manifest names is looked up; of agents of a submitter's own nothing is known.
    """
    spec = _spec_of(told["spec"])
    id = spec.get("id")
    expected: dict[str, bool] = {"privileged": bool(told["privileged"]), "simulator": bool(told.get("simulator"))}
    if id == "sb3" and spec.get("planner") == "oracle":
        expected["privileged"] = True
    elif isinstance(id, str) and id in AGENTS.ids():
        expected = {"simulator": False, **access_of(AGENTS.factory(id))}  # type: ignore[arg-type]
    for name, value in expected.items():
        if bool(told.get(name)) != value:
            yield Fault("agent.access", MANIFEST, f"{name}: expected {value} of the agent {id}; found {not value}")


def _spec_of(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {"id": text}
    try:
        found = parse(text)
    except StrictError:
        return {}
    return found if isinstance(found, dict) else {}
