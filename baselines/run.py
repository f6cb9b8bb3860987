"""The main job: several agents on the same tasks, a table, and a page of pictures.

``python -m baselines.run [--tasks T] [--agents a,b] [--tools t,u] [--regions R] [--judge J] [--split test]
[--episodes N] [--seed S] [--image-size K] [--font PATH] [--device D] [--out DIR]``; T, t, R and J are ids, or JSON
objects with the key ``id`` and further arguments. Tasks may also be ``folder:PATH`` or ``dataset:NAME:PATH``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from baselines.agents import AGENTS
from baselines.cli import (
    check_episodes,
    check_folder,
    describe_judge,
    judge_spec,
    plugin_spec,
    run_command,
    tool_specs,
    versions,
    write_json,
)
from baselines.rollout import Episode, run_episodes, with_tools
from baselines.statistics import mean_interval, normalised_interval
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, REGIONS, TASKS

SCHEMA = 1
FLOOR, CEILING = "no-op", "oracle"
EPISODES = 100
PICTURED = 16
"""Tasks whose pictures go into the page and the gallery."""

JUDGED = ("score", "success_rate", "execution", "preservation", "quality")
"""Metrics that the judge's final verdict decides; episodes in which it failed are left out of them."""

METRICS = (*JUDGED, "tool_calls", "judge_calls", "seconds")


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.run", description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="adverts", help="where tasks come from: an id or a JSON object")
    parser.add_argument("--agents", default=None, help="names, separated by commas; all that can play the tasks")
    parser.add_argument("--tools", default=None, help="ids, separated by commas, or JSON; those made for the tasks")
    parser.add_argument("--regions", default="auto", help="what a cell stands for: an id or a JSON object")
    parser.add_argument("--split", default="test", help="split of the tasks")
    parser.add_argument(
        "--episodes", type=int, default=None, help="tasks, each played by every agent; 100, or all if fewer"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the first task, or its place in a folder or data set"
    )
    parser.add_argument("--judge", default="checklist", help="id of a judge, or a JSON object with its arguments")
    parser.add_argument("--image-size", type=int, default=128, help="edge of the pictures, 64 to 512")
    parser.add_argument("--font", default=None, help="another colour-emoji font, for the split test-art")
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--out", type=Path, default=Path("runs/main"), help="folder for results")
    return parser.parse_args(words)


def check(options: argparse.Namespace) -> list[str]:
    """The agents' names, after looking for mistakes before any work is done.

    Raises:
        ImgEditError: If something is not what is expected.
    """
    tasks = task_spec(options)
    source = TASKS.factory(tasks["id"])
    exact, rules = getattr(source, "exact", True), getattr(source, "rules", "adverts")
    names = [name.strip() for name in (options.agents or ",".join(AGENTS.ids())).split(",") if name.strip()]
    if not names:
        raise ImgEditError(f"--agents: expected names separated by commas; found {options.agents!r}")
    if len(set(names)) != len(names):
        raise ImgEditError(f"--agents: expected each name once; found {options.agents!r}")
    barred = [name for name in names if AGENTS.factory(name).privileged and not exact]  # type: ignore[attr-defined]
    if barred and options.agents:
        raise ImgEditError(
            f"--agents: {', '.join(barred)} plays only tasks whose answers are known; those of {tasks['id']!r} are not"
        )
    strange = [name for name in names if rules not in (getattr(AGENTS.factory(name), "worlds", None) or (rules,))]
    if strange and options.agents:
        raise ImgEditError(f"--agents: {', '.join(strange)} was not made for tasks such as those of {tasks['id']!r}")
    judge_spec(options.judge)
    tool_specs(tools_of(options))
    if options.regions != "auto":
        plugin_spec("--regions", options.regions, REGIONS)
    check_episodes(argparse.Namespace(episodes=1 if options.episodes is None else options.episodes, seed=options.seed))
    check_folder(options.out)
    return [name for name in names if name not in (*barred, *strange)]


def tools_of(options: argparse.Namespace) -> str:
    """What ``--tools`` says; without it the tools that were made for the tasks."""
    source = TASKS.factory(task_spec(options)["id"])
    return options.tools or ",".join(getattr(source, "tools", ("pixel",)))


def task_spec(options: argparse.Namespace) -> dict[str, Any]:
    """What ``--tasks`` and ``--font`` say.

    Raises:
        ImgEditError: If that are no tasks, or the font is none or not for these tasks.
    """
    tasks = TASKS.spec(plugin_spec("--tasks", options.tasks, TASKS))
    if options.font is None:
        return tasks
    if tasks["id"] != "adverts":
        raise ImgEditError(f"--font: is for the tasks 'adverts'; found --tasks {options.tasks}")
    if not Path(options.font).is_file():
        raise ImgEditError(f"--font: expected a font file, found nothing at {options.font!r}")
    return {**tasks, "font": options.font}


def given(names: list[str]) -> str:
    """What agents are given beyond pictures and words, in a sentence; empty where none is given more."""
    more = {name: getattr(AGENTS.factory(name), "given", "") for name in names}
    told = "; ".join(f"{name}, {note}" for name, note in more.items() if note)
    return f"Given beyond pictures and words: {told}." if told else ""


def summarise(runs: dict[str, list[Episode]], seed: int) -> dict[str, dict[str, Any]]:
    """Every metric of every agent with its interval; the schema of ``results.json``'s key ``agents``.

    Episodes whose final judgement failed are counted as ``invalid`` and left out of :data:`JUDGED`; ``normalised``
    leaves out the tasks on which it failed for the agent or for an anchor. ``None`` where nothing is left.

    Args:
        runs: Episodes by agent, each agent's on the same tasks in the same order.
        seed: Seed of the resampling.
    """
    table: dict[str, dict[str, Any]] = {}
    for name, episodes in runs.items():
        row: dict[str, Any] = {}
        for metric in METRICS:
            name_of = "success" if metric == "success_rate" else metric
            counted = [one for one in episodes if one.valid] if metric in JUDGED else episodes
            values = [float(getattr(one, name_of)) for one in counted]
            row[metric] = mean_interval(values, seed) if values else None
        row["normalised"] = None
        if FLOOR in runs and CEILING in runs:
            together = zip(episodes, runs[FLOOR], runs[CEILING], strict=True)
            scores = [[one.score for one in three] for three in together if all(one.valid for one in three)]
            if scores:
                own, floor, ceiling = zip(*scores, strict=True)
                row["normalised"] = normalised_interval(own, floor, ceiling, seed)
        row["invalid"] = sum(not episode.valid for episode in episodes)
        table[name] = row
    return table


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    names = check(options)
    console = Console()
    from baselines.report import draw_gallery, print_table, write_page
    from imgedit_gym.engine import Engine, usual_regions
    from imgedit_gym.trajectory import write_trajectories

    arguments: dict[str, Any] = {
        "tasks": task_spec(options),
        "judge": judge_spec(options.judge),
        "image_size": options.image_size,
        "split": options.split,
        "device": options.device,
    }
    tools = tools_of(options)
    if tools != "pixel":
        arguments["tools"] = tool_specs(tools)
    if options.regions != "auto":
        arguments["regions"] = plugin_spec("--regions", options.regions, REGIONS)
    judge = JUDGES.build(arguments["judge"])
    source = Engine(1, **{**arguments, "judge": judge}).tasks
    arguments.setdefault("regions", usual_regions(source))  # as recordings name them
    on_engine = {**arguments, "judge": judge, "tasks": source}
    n_records = len(source) if hasattr(source, "__len__") else None
    episodes = options.episodes or min(EPISODES, n_records or EPISODES)
    seeds = list(range(options.seed, options.seed + episodes))
    keys = None if n_records is None else [source.key(place) for place in seeds]
    console.print(_told_of(source.credits, n_records), highlight=False)
    if not source.exact and judge.id == "checklist":
        console.print("The judge 'checklist' measures: requests in words it cannot judge. A model can: --judge vlm")
    runs: dict[str, list[Episode]] = {}
    played_in: dict[str, dict[str, Any]] = {}
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TextColumn("{task.completed} steps"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console) as progress:
            for name in names:
                agent = AGENTS.build(name)
                played_in[name] = with_tools(arguments, agent)
                bar = progress.add_task(name, total=None)
                runs[name] = run_episodes(
                    name,
                    agent,
                    seeds,
                    on_engine,
                    pictured=PICTURED,
                    progress=partial(_advance, progress, bar),
                    keys=keys,
                )
                total = sum(len(episode.steps) for episode in runs[name])
                progress.update(bar, total=total, completed=total)
    finally:
        judge.close()
    results = {
        "schema": SCHEMA,
        "agents": summarise(runs, options.seed),
        "episodes": episodes,
        "seed": options.seed,
        "split": options.split,
        "judge": options.judge,
        "judged_by": describe_judge(judge),
        "image_size": options.image_size,
        "device": options.device,
        "command": _command(options, names, episodes),
        "given": given(names),
        "tasks": source.credits,
        "environment": {"id": "ImageEdit-v0", "arguments": arguments},
        "versions": versions(),
    }
    from baselines.records import to_trajectory, to_view

    views = [to_view(episode) for episodes in runs.values() for episode in episodes if episode.frames]
    write_trajectories(
        options.out / "trajectories.jsonl",
        [to_trajectory(one, played_in[name], results["versions"]) for name, row in runs.items() for one in row],
    )
    draw_gallery(views, options.out / "gallery.png")
    write_page(results, views, options.out / "index.html")
    write_json(options.out / "results.json", results)
    print_table(results, console)
    for name in ("results.json", "trajectories.jsonl", "gallery.png", "index.html"):
        console.print(f"wrote {options.out / name}")


def _told_of(credits: Mapping[str, str], n_records: int | None) -> str:
    """What is told of tasks when they are opened: name, number and licence."""
    number = "" if n_records is None else f", {n_records} tasks"
    address = f" ({credits['url']})" if "url" in credits else ""
    return f"Tasks: {credits['name']}{number}. Licence: {credits['licence']}{address}."


def _command(options: argparse.Namespace, names: list[str], episodes: int) -> str:
    """The command line that gives the same results again."""
    words = {"agents": ",".join(names), "split": options.split, "episodes": str(episodes), "seed": str(options.seed)}
    words |= {"judge": options.judge, "image-size": str(options.image_size)}
    for name, default in (("tasks", "adverts"), ("tools", None), ("regions", "auto"), ("font", None)):
        if getattr(options, name) != default:
            words[name] = str(getattr(options, name))
    return shlex.join(["python", "-m", "baselines.run", *(w for k, v in words.items() for w in (f"--{k}", v))])


def _advance(progress: Progress, bar: TaskID, done: int) -> None:
    progress.update(bar, completed=done)


if __name__ == "__main__":
    sys.exit(main())
