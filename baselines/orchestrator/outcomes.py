"""The outcome table: what every admissible tool and region would do at a plan step, run once and kept.

The cheap path of "From Plans to Pixels" (arXiv 2605.15181): tools and judge are called once for each pair,
and learning reads the table as often as it likes. It is an SQLite file that several runs may share and that survives a
kill:

``states``
    One row for each picture and plan step. ``key`` is a hash of what decides an outcome beside tool and judge: picture,
    source picture, masks of all regions, requirements, which of them count, and the step's text. ``task``,
    ``number`` (of the plan step) and ``step`` tell people what it is; ``codes`` are three little-endian ``int32``;
    ``picture`` is a PNG of the picture before the step.

``outcomes``
    One row for each state, tool with version, judge with version and sample (``0`` unless tool or judge are not
    deterministic). ``places`` has a byte for each region: the row of ``found`` that holds its outcome,
    :data:`REFUSED` where the tool refuses the region, :data:`UNTRIED` where it was not tried. ``found`` is
    little-endian ``float32`` with the columns :data:`COLUMNS`, as the judge gives them after the step; what failed to
    be judged is not kept. Regions with equal masks share a row.

``python -m baselines.orchestrator.outcomes FILE [--prune]`` tells what a file holds and how much of it is stale, that
is of other versions of the tools or the judge than today's, and takes the stale part out.
"""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from baselines.cli import describe_judge, run_command
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.models.pictures import png_of

COLUMNS = ("score", "execution", "preservation", "quality")
REFUSED, UNTRIED = 255, 254
TIE = 0.02
"""What preservation and quality count where choices score the same, as for the oracle: while nothing is carried out the
score cannot tell doing nothing from doing damage."""

_SCHEMA_VERSION = 1
_WAIT = 60.0
"""Seconds to wait for another process that is writing."""

_MOST_KEYS = 500
"""Keys looked up in one query; SQLite takes a limited number of arguments."""


@dataclass(frozen=True)
class State:
    """A picture and the plan step to be carried out.

    Attributes:
        key: Hash of the content.
        task: Id of the task.
        number: Index of the plan step.
        step: The plan step in words.
        codes: Its codes, ``int32 [3]``.
        picture: ``uint8 [S, S, 3]``.
    """

    key: str
    task: str
    number: int
    step: str
    codes: np.ndarray
    picture: np.ndarray

    @property
    def verb(self) -> str:
        """Verb of the step."""
        return PlanStep.parse(self.step).verb


@dataclass
class Outcome:
    """What one tool does at one state.

    Attributes:
        places: Row of ``found`` for each region, ``uint8 [N_REGIONS]``; or :data:`REFUSED`, :data:`UNTRIED`.
        found: ``float32 [k, 4]``, columns :data:`COLUMNS`.
    """

    places: np.ndarray
    found: np.ndarray

    def by_region(self) -> np.ndarray:
        """What was found by region, ``float32 [N_REGIONS, 4]``; nan where it is refused or was not tried."""
        known = self.places < UNTRIED
        spread = np.full((N_REGIONS, len(COLUMNS)), np.nan, np.float32)
        spread[known] = self.found[self.places[known]]
        return spread


def judge_name(judge: Any) -> str:
    """Everything that a judge's verdicts depend on, as text."""
    return json.dumps(_deciding(describe_judge(judge)), sort_keys=True)


def _deciding(told: dict[str, Any]) -> dict[str, Any]:
    """Of what is told of a judge and its parts, all on which verdicts depend."""
    found = {key: told[key] for key in ("id", "version", "prompt_hash", "model", "combine")}
    parts = {name: _deciding(part) for name, part in told.get("parts", {}).items()}
    return found | ({"parts": parts} if parts else {})


def tool_versions(tools: Iterable[Any]) -> dict[str, str]:
    """Versions of an engine's tools by id."""
    return {tool.id: str(getattr(tool, "version", "")) for tool in tools}


class OutcomeTable:
    """States and outcomes in a file.

    Args:
        path: The file, made if it is not there; ``":memory:"`` for none.

    Raises:
        ImgEditError: If the file is not such a table, or cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            if str(path) != ":memory:":
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            version = self._file.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _SCHEMA_VERSION):
                raise ImgEditError(f"{path}: expected an outcome table of version {_SCHEMA_VERSION}; found {version}")
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=NORMAL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, task TEXT NOT NULL, number INTEGER NOT NULL, "
                "step TEXT NOT NULL, codes BLOB NOT NULL, picture BLOB NOT NULL)"
            )
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (state TEXT NOT NULL, tool TEXT NOT NULL, version TEXT NOT NULL, "
                "judge TEXT NOT NULL, sample INTEGER NOT NULL, places BLOB NOT NULL, found BLOB NOT NULL, "
                "PRIMARY KEY (state, tool, version, judge, sample)) WITHOUT ROWID"
            )
            self._file.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise ImgEditError(f"{path}: expected an outcome table, or no file yet; {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # ------------------------------------------------------------------ reading and writing

    def read(
        self, keys: Iterable[str], versions: Mapping[str, str], judge: str, sample: int = 0
    ) -> dict[str, dict[str, Outcome]]:
        """Outcomes that are known, by state and tool; those of other versions are not.

        Args:
            keys: Keys of the states.
            versions: The tools' versions by id.
            judge: As :func:`judge_name` gives it.
            sample: Which of several trials.
        """
        found: dict[str, dict[str, Outcome]] = {}
        for part in _parts(keys):
            query = (
                "SELECT state, tool, version, places, found FROM outcomes "
                f"WHERE state IN ({','.join('?' * len(part))}) AND judge = ? AND sample = ?"
            )
            for state, tool, version, places, values in self._execute(query, (*part, judge, sample)):
                if versions.get(tool) == version:
                    table = np.frombuffer(values, "<f4").reshape(-1, len(COLUMNS))
                    found.setdefault(state, {})[tool] = Outcome(np.frombuffer(places, np.uint8), table)
        return found

    def states(self, keys: Iterable[str]) -> list[State]:
        """States, in the order of their keys.

        Raises:
            ImgEditError: If one is not in the table.
        """
        keys = list(keys)
        known = {}
        for part in _parts(keys):
            query = f"SELECT * FROM states WHERE key IN ({','.join('?' * len(part))})"
            for key, task, number, step, codes, picture in self._execute(query, part):
                seen = np.asarray(Image.open(io.BytesIO(picture)))
                known[key] = State(key, task, number, step, np.frombuffer(codes, "<i4"), seen)
        missing = next((key for key in keys if key not in known), None)
        if missing is not None:
            raise ImgEditError(f"{self.path}: expected the state {missing}; the table does not hold it")
        return [known[key] for key in keys]

    def write(
        self, state: State, outcomes: Mapping[str, Outcome], versions: Mapping[str, str], judge: str, sample: int = 0
    ) -> None:
        """Keep a state and outcomes of it; all is safe once this returns, or nothing is there."""
        codes = state.codes.astype("<i4").tobytes()
        self._execute("BEGIN IMMEDIATE")
        try:
            row = (state.key, state.task, state.number, state.step, codes, png_of(state.picture))
            self._execute("INSERT OR IGNORE INTO states VALUES (?, ?, ?, ?, ?, ?)", row)
            for tool, outcome in outcomes.items():
                values = (outcome.places.astype(np.uint8).tobytes(), outcome.found.astype("<f4").tobytes())
                self._execute(
                    "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (state.key, tool, versions[tool], judge, sample, *values),
                )
            self._execute("COMMIT")
        except BaseException:
            self._file.rollback()
            raise

    # ------------------------------------------------------------------ what it holds

    def statistics(self, versions: Mapping[str, str], judge: str) -> dict[str, Any]:
        """What the table holds.

        Args:
            versions: Today's versions of the tools by id.
            judge: Today's judge.

        Returns:
            ``states``; ``calls``, tool calls that were made; ``pairs``, pairs of tool and region whose outcome they
            tell; ``coverage``, share of the admissible pairs that are known; ``stale``, rows of other versions;
            ``rows``; and ``tools``, calls by tool.
        """
        calls = pairs = admissible = stale = rows = 0
        by_tool: dict[str, int] = {}
        for tool, version, told, places, size in self._execute(
            "SELECT tool, version, judge, places, length(found) FROM outcomes"
        ):
            rows += 1
            stale += versions.get(tool) != version or told != judge
            region = np.frombuffer(places, np.uint8)
            made = size // (4 * len(COLUMNS))
            calls, pairs = calls + made, pairs + int((region < UNTRIED).sum())
            admissible += int((region != REFUSED).sum())
            by_tool[tool] = by_tool.get(tool, 0) + made
        states = int(self._execute("SELECT COUNT(*) FROM states")[0][0])
        coverage = pairs / admissible if admissible else 1.0
        told = {"states": states, "calls": calls, "pairs": pairs, "coverage": coverage, "rows": rows, "stale": stale}
        return {**told, "tools": dict(sorted(by_tool.items()))}

    def prune(self, versions: Mapping[str, str], judge: str) -> int:
        """Take stale rows out, and states without any; returns how many rows."""
        rows = self._execute("SELECT DISTINCT tool, version, judge FROM outcomes")
        gone = 0
        for tool, version, told in rows:
            if versions.get(tool) != version or told != judge:
                where = "tool = ? AND version = ? AND judge = ?"
                gone += int(self._execute(f"SELECT COUNT(*) FROM outcomes WHERE {where}", (tool, version, told))[0][0])
                self._execute(f"DELETE FROM outcomes WHERE {where}", (tool, version, told))
        self._execute("DELETE FROM states WHERE key NOT IN (SELECT state FROM outcomes)")
        return gone

    def _execute(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        try:
            return self._file.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise ImgEditError(f"{self.path}: the outcome table cannot be used: {error}") from None


def _parts(keys: Iterable[str]) -> Iterable[list[str]]:
    held = list(dict.fromkeys(keys))
    return (held[start : start + _MOST_KEYS] for start in range(0, len(held), _MOST_KEYS))


@dataclass(frozen=True)
class Table:
    """Outcomes of one state as arrays.

    Attributes:
        scores: Score after the step, ``float32 [n_tools, N_REGIONS]``; nan where it is refused or untried.
        worth: The same, with preservation and quality to tell apart what scores the same.
        untried: Pairs that are admissible but untried, ``bool [n_tools, N_REGIONS]``.
    """

    scores: np.ndarray
    worth: np.ndarray
    untried: np.ndarray

    @classmethod
    def make(cls, outcomes: Mapping[str, Outcome], tool_ids: Iterable[str]) -> Table:
        """Lay out what is known, tools in this order."""
        ids = tuple(tool_ids)
        found = np.full((len(ids), N_REGIONS, len(COLUMNS)), np.nan, np.float32)
        untried = np.zeros((len(ids), N_REGIONS), bool)
        for row, id in enumerate(ids):
            if id in outcomes:
                found[row], untried[row] = outcomes[id].by_region(), outcomes[id].places == UNTRIED
        score, _, preservation, quality = np.moveaxis(found, 2, 0)
        return cls(score, score + TIE * (preservation + quality), untried)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    parser = argparse.ArgumentParser("python -m baselines.orchestrator.outcomes", description="What a table holds.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--judge", default="checklist", help="id of the judge that counts as today's")
    parser.add_argument("--prune", action="store_true", help="take the stale part out")
    return run_command(_tell, parser.parse_args(sys.argv[1:] if words is None else words))


def _tell(options: argparse.Namespace) -> None:
    from imgedit_gym.engine import Engine

    if not options.file.is_file():
        raise ImgEditError(f"expected an outcome table; found nothing at {str(options.file)!r}")
    engine = Engine(1, judge=options.judge, image_size=64)
    versions, judge = tool_versions(engine.tools), judge_name(engine.judge)
    table = OutcomeTable(options.file)
    if options.prune:
        print(f"took out {table.prune(versions, judge)} stale rows")
    print(json.dumps(table.statistics(versions, judge), indent=2))


if __name__ == "__main__":
    sys.exit(main())
