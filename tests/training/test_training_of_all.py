"""The command that makes all weights: what waits for what, what is told, and where everything goes."""

import importlib
import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from baselines.training.__main__ import WEIGHTS, gather, jobs_of, main, needed, parse_arguments
from baselines.training.jobs import Job, run_jobs
from imgedit_gym.core.errors import ImgEditError

WEIGHTS_OF_THE_PACKAGE = Path(importlib.import_module("baselines").__file__ or "").parent / "weights"


def writing(name: str, folder: Path, after: tuple[str, ...] = (), also: str = "") -> Job:
    """Notes that it has run, in the order in which jobs do."""
    code = f"open({str(folder / 'order')!r}, 'a').write('{name} '); print('hello from {name}'); {also}"
    return Job(name, (sys.executable, "-c", code), after)


def run(jobs: list[Job], folder: Path, at_once: int = 2) -> str:
    told = io.StringIO()
    run_jobs(jobs, folder, at_once, Console(file=told, width=200), poll=0.02)
    return told.getvalue()


def test_a_job_waits_for_what_it_needs(tmp_path: Path):
    jobs = [writing("last", tmp_path, ("middle",)), writing("middle", tmp_path, ("first",)), writing("first", tmp_path)]
    told = run(jobs, tmp_path)
    assert (tmp_path / "order").read_text() == "first middle last "
    assert told.index("first: done") < told.index("middle: begun") < told.index("last: done")
    assert (tmp_path / "last.log").read_text() == "hello from last\n"


def test_no_more_run_at_a_time_than_are_told(tmp_path: Path):
    code = (
        "import pathlib, time; own = pathlib.Path({0!r}, {1!r}); own.touch(); time.sleep(0.1); "
        "print(len(list(own.parent.iterdir()))); own.unlink()"
    )
    busy = tmp_path / "busy"
    busy.mkdir()
    jobs = [Job(name, (sys.executable, "-c", code.format(str(busy), name))) for name in "abcd"]
    run(jobs, tmp_path, at_once=1)
    assert all((tmp_path / f"{name}.log").read_text() == "1\n" for name in "abcd")


def test_a_job_that_fails_stops_the_others(tmp_path: Path):
    long = Job("long", (sys.executable, "-c", "import time; time.sleep(600)"))
    wrong = Job("wrong", (sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"))
    with pytest.raises(ImgEditError, match=r"wrong ended with status 3; .*wrong.log ends with: no such thing"):
        run([long, wrong, writing("after", tmp_path, ("wrong",))], tmp_path)
    assert not (tmp_path / "order").exists()


def test_every_command_takes_its_arguments(tmp_path: Path):
    options = parse_arguments(["--preset", "quick", "--out", str(tmp_path)])
    for job in jobs_of(options):
        _, flag, module, *words = job.command
        assert flag == "-m"
        if hasattr(importlib.import_module(f"{module}.__main__" if _is_package(module) else module), "parse_arguments"):
            parsed = importlib.import_module(f"{module}.__main__").parse_arguments(words)
            assert parsed.preset == "quick" and parsed.seed == 0 and parsed.vision == tmp_path / "vision"
            assert parsed.out.parent == tmp_path


def _is_package(module: str) -> bool:
    return hasattr(importlib.import_module(module), "__path__")


def test_what_is_needed_comes_along(tmp_path: Path):
    jobs = jobs_of(parse_arguments(["--out", str(tmp_path)]))
    assert [job.name for job in needed(jobs, ["planner"])] == ["encoder", "vision", "imitation", "planner"]
    assert needed(jobs, list(WEIGHTS)) == jobs
    for names in ([], ["everything"]):
        with pytest.raises(ImgEditError, match="--only: expected some of vision"):
            needed(jobs, names)


def test_weights_lie_where_the_package_has_its_own(tmp_path: Path):
    for made in (made for folders in WEIGHTS.values() for made in folders):
        (tmp_path / made).mkdir(parents=True)
        (tmp_path / made / "README.md").write_text(made)
    folder = gather(tmp_path, list(WEIGHTS))
    cards = sorted(path.relative_to(folder) for path in folder.rglob("README.md"))
    own = sorted(path.relative_to(WEIGHTS_OF_THE_PACKAGE) for path in WEIGHTS_OF_THE_PACKAGE.rglob("README.md"))
    assert cards == own


@pytest.mark.parametrize("words", [["--only", "all"], ["--jobs", "0"], ["--seed", "-1"]])
def test_bad_input_is_refused(words, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err
