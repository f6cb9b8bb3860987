"""Which tool earns what, and where: every admissible tool at every plan step along the oracle's way.

``python -m benchmarks.tools [--episodes 1000] [--split test] [--seed 0] [--image-size 128] [--markdown] [--out DIR]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from rich.console import Console

from baselines.agents.tables import table_tool
from baselines.cli import progress_bar, run_command, write_results
from baselines.statistics import mean_interval
from benchmarks.tables import Grid, mean_text, print_grids
from benchmarks.tasks import batches, check_tasks, task_arguments
from imgedit_gym.art.backgrounds import LIGHT
from imgedit_gym.art.stock import PALE_CHROMA, SATURATED_CHROMA
from imgedit_gym.core.checklist import MAX_OBJECTS
from imgedit_gym.core.names import BACKGROUNDS, PATTERNS, TONES
from imgedit_gym.core.plan import BACKGROUND, PlanStep
from imgedit_gym.engine import Engine, oracle_regions
from imgedit_gym.orchestrators.oracle import TIE

SKIP = "skip"
WORTH_SHOWING = 0.05
SMOOTH = ("gradient", "diagonal", "spotlight")

Choice = Callable[[int, "list[Trial]"], int]
"""From an environment and what its tools would do to the tool that is taken."""


@dataclass(frozen=True)
class Trial:
    """What one tool would do at one plan step.

    Attributes:
        seed: Of the task.
        key: The step's verb, or the tone it asks for.
        tool: Id of the tool.
        index: The tool's place among the actions.
        earned: Mean value of the requirements that the step serves, in [0, 1].
        gain: Change of E, in requirements, against doing nothing.
        worth: Score after the step, with preservation and quality to decide ties.
        circumstances: What is seen there, by the name of what is looked at.
    """

    seed: int
    key: str
    tool: str
    index: int
    earned: float
    gain: float
    worth: float
    circumstances: dict[str, str]


# ---------------------------------------------------------------------------------------------- circumstances


def ground_class(kind: str) -> str:
    """What filling in a background is like: flat, graded, texture or scenery."""
    if kind == "plain":
        return "flat"
    if kind in SMOOTH:
        return "graded"
    return "texture" if kind in PATTERNS else "scenery"


def light_class(kind: str) -> str:
    """The light a background throws on objects."""
    red, _, blue = LIGHT.get(kind, (1.0, 1.0, 1.0))
    if min(red, blue) >= 0.99:
        return "day"
    return "warm" if red > blue else "night" if blue < 0.99 else "water"


def sprite_class(chroma: float) -> str:
    """Whether an object has a colour that can be turned."""
    if chroma < PALE_CHROMA:
        return "pale object"
    return "saturated object" if chroma > SATURATED_CHROMA else "object between"


def circumstances(engine: Engine, row: int, plan: Sequence[PlanStep], index: int) -> dict[str, str]:
    """What is seen where a plan step is to be carried out, by the name of what is looked at."""
    step = plan[index]
    first = int(engine.batch.background[row])
    kind = BACKGROUNDS[first] if first >= 0 else "unknown"
    for earlier in plan[:index]:
        if earlier.verb == "set" and earlier.value in BACKGROUNDS:
            kind = earlier.value
    ground = ground_class(kind)
    light = light_class(BACKGROUNDS[first]) if first >= 0 else "unknown"
    match step.verb:
        case "remove":
            return {"background": ground}
        case "replace" | "add":
            return {"background": ground, "light": light}
        case "rewrite":
            panel = "panel" if bool(engine.batch.headline_panel[row]) else "no panel"
            return {"headline and background": "panel" if panel == "panel" else f"{panel}, {ground}"}
        case "recolor":
            if step.target == BACKGROUND:
                return {"what": f"background, {ground}"}
            slot = int(engine.batch.plan_labels[row, index]) - 1
            sprite = int(engine.batch.slots[row, slot]) if 0 <= slot < MAX_OBJECTS else -1
            return {"what": sprite_class(float(engine.tasks.stock.sprite_chroma[sprite]))}
        case "adjust":
            return {"tone": step.value}
    return {"all": "all"}


# ---------------------------------------------------------------------------------------------- playing


def key_of(step: PlanStep) -> str:
    """What a fixed table looks a tool up by."""
    return step.value if step.verb == "adjust" else step.verb


def try_tools(engine: Engine, rows: Sequence[int], regions: Sequence[Sequence[int]]) -> dict[int, list[Trial]]:
    """What every admissible tool would do at the current step of some environments, at the oracle's region."""
    mask = engine.tool_mask()
    mask[:, 0] = True
    at, actions = [], []
    for row in rows:
        region = regions[row][int(engine.step_index[row])]
        for tool in mask[row].nonzero().flatten().tolist():
            at.append(row)
            actions.append((tool, region if tool else 0))
    verdict = engine.try_actions(torch.tensor(actions), torch.tensor(at))
    worth = (verdict.score + TIE * (verdict.preservation + verdict.quality)).tolist()
    plans = {row: engine.plan(row) for row in rows}
    seen = {row: circumstances(engine, row, plans[row], int(engine.step_index[row])) for row in rows}
    idle: dict[int, float] = {}
    found: dict[int, list[Trial]] = {}
    for i, (row, (tool, _)) in enumerate(zip(at, actions, strict=True)):
        index = int(engine.step_index[row])
        table = engine.batch.requirements[row]
        mine = (table[:, 0] != 0) & (table[:, 1] == index)
        execution = float(verdict.execution[i]) * int((table[:, 0] != 0).sum())
        idle.setdefault(row, execution)
        found.setdefault(row, []).append(
            Trial(
                seed=engine.seed_of(row),
                key=key_of(plans[row][index]),
                tool=engine.tool_ids[tool],
                index=tool,
                earned=float(verdict.requirements[i][mine].mean()) if bool(mine.any()) else 0.0,
                gain=execution - idle[row],
                worth=worth[i],
                circumstances=seen[row],
            )
        )
    return found


def take_best(row: int, trials: list[Trial]) -> int:
    """The tool after which the exact judge's score is highest."""
    return max(trials, key=lambda trial: round(trial.worth, 6)).index


@dataclass
class Played:
    """Episodes by seed, and what every tool would have done on the way."""

    scores: dict[int, float] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)


def play(seeds: Sequence[int], arguments: dict[str, Any], choose: Choice, progress: Callable[[int], None]) -> Played:
    """Play the oracle's plans at the oracle's regions.

    Args:
        seeds: One task each.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
        choose: Takes the tool of every step.
        progress: Told how many more tasks are done.
    """
    played = Played()
    engine: Engine | None = None
    for batch in batches(seeds):
        if engine is None or engine.num_envs != len(batch):
            engine = Engine(len(batch), **arguments)
        _play_batch(engine, batch, choose, played)
        progress(len(batch))
    return played


def _play_batch(engine: Engine, seeds: list[int], choose: Choice, played: Played) -> None:
    verdict = engine.reset(range(len(seeds)), seeds)
    regions = [oracle_regions(engine, row) for row in range(len(seeds))]
    while bool((engine.step_index < engine.plan_length).any()):
        rows = (engine.step_index < engine.plan_length).nonzero().flatten()
        tried = try_tools(engine, rows.tolist(), regions)
        actions = torch.zeros(engine.num_envs, 2, dtype=torch.int64)
        for row in rows.tolist():
            region = regions[row][int(engine.step_index[row])]
            actions[row] = torch.tensor([choose(row, tried[row]), region])
            played.trials += tried[row]
        verdict = engine.step(actions, rows).verdict
    played.scores |= dict(zip(seeds, verdict.score.tolist(), strict=True))


# ---------------------------------------------------------------------------------------------- tables


def mean_worth(trials: Iterable[Trial]) -> dict[str, dict[str, float]]:
    """Mean score after a step, by key and tool; what the table is chosen by."""
    sums: dict[str, dict[str, list[float]]] = {}
    for trial in trials:
        sums.setdefault(trial.key, {}).setdefault(trial.tool, []).append(trial.worth)
    return {key: {tool: sum(w) / len(w) for tool, w in tools.items()} for key, tools in sorted(sums.items())}


def best_table(trials: Iterable[Trial]) -> dict[str, str]:
    """The tool that is best on average, by verb or tone."""
    means = mean_worth(trials)
    return {key: max(tools, key=tools.__getitem__) for key, tools in means.items()}


def by_table(table: dict[str, str]) -> Choice:
    """Takes a fixed table's tools; ``skip`` where a tool is not admissible or the table has none."""

    def choose(row: int, trials: list[Trial]) -> int:
        return next((trial.index for trial in trials if trial.tool == table.get(trial.key, SKIP)), 0)

    return choose


def step_of(key: str) -> PlanStep:
    """A plan step that stands for a key of :func:`key_of`."""
    return PlanStep("adjust", "picture", key) if key in TONES else PlanStep(key, "it", "it")


def earnings(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Mean earning of every tool by verb and circumstance."""
    cells: dict[tuple[str, str, str, str], list[Trial]] = {}
    for trial in trials:
        verb = "adjust" if trial.key in TONES else trial.key
        for look, value in trial.circumstances.items():
            cells.setdefault((verb, look, value, trial.tool), []).append(trial)
    return [
        {"verb": verb, "by": look, "where": value, "tool": tool, "steps": len(cell)}
        | {"earned": sum(one.earned for one in cell) / len(cell), "gain": sum(one.gain for one in cell) / len(cell)}
        for (verb, look, value, tool), cell in sorted(cells.items())
    ]


def measure(
    seeds: Sequence[int], arguments: dict[str, Any], progress: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Earnings of all tools, and what choosing per step is worth over the best fixed table.

    Args:
        seeds: One task each, at least two; the table is made on the first half and measured on the second.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
        progress: Told how many more tasks are done.
    """
    half = len(seeds) // 2
    first, second = (play(part, arguments, take_best, progress) for part in (seeds[:half], seeds[half:]))
    table = best_table(first.trials)
    ours = {key: table_tool(step_of(key)) for key in table}
    fixed = play(seeds[half:], arguments, by_table(table), progress)
    kept = play(seeds[half:], arguments, by_table(ours), progress)
    ways = {"best fixed table": fixed, "baselines/agents/tables.py": kept, "best tool per step": second}
    scores = {way: list(played.scores.values()) for way, played in ways.items()}
    gaps = {
        way: [best - ours for best, ours in zip(scores["best tool per step"], scores[way], strict=True)] for way in ways
    }
    trials = first.trials + second.trials
    return {
        "earnings": earnings(trials),
        "table": {key: {"best": table[key], "baselines": ours[key], "steps": _steps(trials, key)} for key in table},
        "worth": mean_worth(first.trials),
        "episodes": {way: mean_interval(values, seeds[0]) for way, values in scores.items()},
        "gap": mean_interval(gaps["best fixed table"], seeds[0]),
        "gap_baselines": mean_interval(gaps["baselines/agents/tables.py"], seeds[0]),
        "measured_on": len(seeds) - half,
    }


def _steps(trials: Sequence[Trial], key: str) -> int:
    return sum(trial.key == key and trial.tool == SKIP for trial in trials)


def grids(results: dict[str, Any]) -> list[Grid]:
    """The results as tables of text."""
    made: list[Grid] = []
    for verb, look in dict.fromkeys((row["verb"], row["by"]) for row in results["earnings"]):
        rows = [row for row in results["earnings"] if (row["verb"], row["by"]) == (verb, look)]
        made.append(_earnings_grid(f"{verb} by {look}: mean value of the step's requirements", rows))
    cells = [
        (key, row["best"], row["baselines"], "" if row["best"] == row["baselines"] else "differs", str(row["steps"]))
        for key, row in results["table"].items()
    ]
    made.append(("best fixed table", ("verb or tone", "best", "baselines/agents/tables.py", "", "steps"), cells))
    scores = [(way, mean_text(interval)) for way, interval in results["episodes"].items()]
    scores.append(("gap, best per step less best fixed", mean_text(results["gap"])))
    scores.append(("gap, best per step less baselines/agents/tables.py", mean_text(results["gap_baselines"])))
    made.append((f"final score on {results['measured_on']} tasks", ("tools", "score"), scores))
    return made


def _earnings_grid(title: str, rows: Sequence[dict[str, Any]]) -> Grid:
    """Tools by circumstance; without those that nowhere earn more than doing nothing."""
    idle = {row["where"]: row["earned"] for row in rows if row["tool"] == SKIP}
    useful = {row["tool"] for row in rows if row["earned"] > idle.get(row["where"], 0.0) + WORTH_SHOWING} | {SKIP}
    rows = [row for row in rows if row["tool"] in useful]
    wheres = list(dict.fromkeys(row["where"] for row in rows))
    steps = {row["where"]: row["steps"] for row in rows if row["tool"] == SKIP}
    value = {(row["tool"], row["where"]): f"{row['earned']:.2f}" for row in rows}
    body = [
        (tool, *(value.get((tool, where), "–") for where in wheres))
        for tool in dict.fromkeys(row["tool"] for row in rows)
    ]
    return title, ("tool", *(f"{where} ({steps.get(where, 0)})" for where in wheres)), body


# ---------------------------------------------------------------------------------------------- command line


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.tools", description=(__doc__ or "").splitlines()[0])
    task_arguments(parser, 1000, "test", "runs/tools")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_tasks(options, fewest=2)
    console = Console(stderr=options.markdown)
    seeds = range(options.seed, options.seed + options.episodes)
    arguments = {"tasks": "adverts", "split": options.split, "image_size": options.image_size}
    second = len(seeds) - len(seeds) // 2
    with progress_bar(console) as progress:
        bar = progress.add_task("episodes", total=len(seeds) + 2 * second)
        results = measure(seeds, arguments, lambda done: progress.update(bar, advance=done))
    path = write_results(results, options, "tools.json")
    print_grids(grids(results), console, options.markdown)
    console.print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
