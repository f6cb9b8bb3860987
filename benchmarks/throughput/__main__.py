"""How many environment steps a second: the vector environment, loops over the single one, and the floor beneath.

``python -m benchmarks.throughput [--num-envs 1,16,64,256,1024,4096] [--sizes 64,128] [--device cpu] [--output numpy]
[--threads N] [--judge checklist] [--tools pixel] [--worlds vector,loop,sync,async,copy] [--seconds 3] [--limit 120]
[--seed 0] [--soak STEPS] [--markdown] [--out DIR]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from baselines.cli import check_folder, check_number, judge_spec, progress_bar, run_command, tool_specs, write_results
from benchmarks.tables import Grid, print_grids
from benchmarks.throughput import memory, plot, tables
from benchmarks.throughput.editors import asks_model, editor_grids, measure_editors
from benchmarks.throughput.machine import busy, describe_machine
from benchmarks.throughput.measure import Plan, measure
from benchmarks.throughput.setting import Setting
from benchmarks.throughput.soak import soak
from benchmarks.throughput.worlds import WORLDS, installed, make_batched
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import LARGEST_IMAGE, SMALLEST_IMAGE, Engine
from imgedit_gym.kernels.runtime import set_num_threads

MOST_ENVS = 1_000_000
OUTPUTS = ("numpy", "torch")


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.throughput", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num-envs", default="1,16,64,256,1024,4096", help="batch sizes, separated by commas")
    parser.add_argument("--sizes", default="64,128", help="edges of the pictures, separated by commas")
    parser.add_argument("--device", default="cpu", help="torch device of the vector environment")
    parser.add_argument("--output", default="numpy", help="what the vector environment returns: numpy or torch")
    parser.add_argument("--threads", type=int, default=None, help="threads of torch and of the kernels")
    parser.add_argument("--judge", default="checklist", help="id of a judge, or a JSON object with its arguments")
    parser.add_argument("--tools", default="pixel", help="tool ids, separated by commas, or JSON")
    parser.add_argument("--worlds", default=None, help=f"of {','.join(WORLDS)}; default: all that are installed")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time of each, at each point")
    parser.add_argument("--limit", type=float, default=120.0, help="longest time until somebody's first result")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first environment, and of the actions")
    parser.add_argument("--soak", type=int, default=None, help="instead: so many steps, and whether memory grows")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--out", type=Path, default=Path("runs/throughput"), help="folder for results")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def check(options: argparse.Namespace) -> tuple[list[Setting], list[str]]:
    """The settings from small to large and the names of those that take part, after looking for mistakes.

    Raises:
        ImgEditError: If something is not what is expected.
    """
    sizes = _numbers("--sizes", options.sizes, SMALLEST_IMAGE, LARGEST_IMAGE)
    batches = _numbers("--num-envs", options.num_envs, 1, MOST_ENVS)
    if options.output not in OUTPUTS:
        raise ImgEditError(f"--output: expected one of {', '.join(OUTPUTS)}; found {options.output!r}")
    if options.threads is not None:
        check_number("--threads", options.threads, 1)
    check_number("--seconds", options.seconds, 0.0)
    check_number("--limit", options.limit, 0.0)
    check_number("--seed", options.seed, 0)
    if options.soak is not None:
        check_number("--soak", options.soak, 1)
    names = installed() if options.worlds is None else _words("--worlds", options.worlds)
    if not set(names) <= set(WORLDS):
        raise ImgEditError(f"--worlds: expected some of {', '.join(WORLDS)}; found {options.worlds!r}")
    missing = [WORLDS[name].needs for name in names if name not in installed()]
    if missing:
        raise ImgEditError(f"--worlds: expected worlds that are installed; found none of {', '.join(missing)}")
    tools = tool_specs(options.tools)
    judge = judge_spec(options.judge)
    check_folder(options.out)
    settings = [
        Setting(
            num_envs=batch,
            image_size=size,
            seed=options.seed,
            device=options.device,
            output=options.output,
            threads=options.threads,
            judge=judge,
            tools=tuple(tools),
        )
        for size in sizes
        for batch in sorted(batches)
    ]
    Engine(1, **settings[0].arguments(), device=options.device)
    return settings, [name for name in WORLDS if name in names]


def _words(option: str, text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or len(set(words)) != len(words):
        raise ImgEditError(f"{option}: expected words separated by commas, each once; found {text!r}")
    return words


def _numbers(option: str, text: str, low: int, high: int) -> list[int]:
    words = _words(option, text)
    if not all(word.isdecimal() and low <= int(word) <= high for word in words):
        raise ImgEditError(f"{option}: expected whole numbers from {low} to {high}; found {text!r}")
    return [int(word) for word in words]


def _run(options: argparse.Namespace) -> None:
    before = memory.peak_rss()
    settings, names = check(options)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
        set_num_threads(options.threads)
    console = Console(stderr=options.markdown)
    machine = describe_machine(options.device)
    if busy(machine):
        console.print(f"the machine is busy (load average {machine['load_average']:.1f}): figures will suffer")
    if options.soak is not None:
        _soak(settings, options, console, machine)
        return
    if asks_model(Engine(1, **settings[0].arguments(), device=options.device)):
        _editors(settings, options, console, machine, before)
        return
    plan = Plan(names, options.seconds, options.limit)
    with progress_bar(console) as progress:
        bar = progress.add_task("", total=len(settings))
        points = measure(settings, plan, lambda what, done: progress.update(bar, description=what, completed=done))
    path = write_results({"machine": machine, "points": points}, options, "throughput.json")
    _show(tables.grids(points), options, console, path)
    _plot(console, options.out / "throughput.png", lambda at: plot.plot_points(points, at))


def _soak(settings: list[Setting], options: argparse.Namespace, console: Console, machine: dict[str, Any]) -> None:
    """The long run, at the smallest pictures and the largest batch."""
    setting = max(settings, key=lambda one: (-one.image_size, one.num_envs))
    env = make_batched(setting)
    with progress_bar(console) as progress:
        bar = progress.add_task(f"{setting.image_size} px x {setting.num_envs}: steps", total=options.soak)
        found = soak(env, options.soak, setting, lambda done: progress.update(bar, completed=done))
    env.close()
    path = write_results({"machine": machine, "soak": found}, options, "soak.json")
    _show([tables.soak_grid(found)], options, console, path)
    _plot(console, options.out / "soak.png", lambda at: plot.plot_soak(found, at))


def _editors(
    settings: list[Setting],
    options: argparse.Namespace,
    console: Console,
    machine: dict[str, Any],
    before: int | None,
) -> None:
    """Tools that ask a model, in batched calls and one by one."""
    with progress_bar(console) as progress:
        bar = progress.add_task("", total=len(settings))
        found = measure_editors(
            settings, options.seconds, lambda what, done: progress.update(bar, description=what, completed=done)
        )
    results = {"machine": machine, "rss_before": before, "editors": found}
    path = write_results(results, options, "editors.json")
    _show(editor_grids(found, before), options, console, path)


def _show(grids: list[Grid], options: argparse.Namespace, console: Console, path: Path) -> None:
    print_grids(grids, console, options.markdown)
    console.print(f"wrote {path}")


def _plot(console: Console, path: Path, draw: Callable[[Path], None]) -> None:
    if not plot.can_plot():
        console.print(f"no {path.name}: {plot.NEEDS} is not installed")
        return
    draw(path)
    console.print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
