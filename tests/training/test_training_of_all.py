"""The command that makes all weights: what waits for what, what is told, and where everything goes."""

import importlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from baselines.training.__main__ import WEIGHTS, gather, jobs_of, main, needed, parse_arguments
from baselines.training.jobs import Job, run_jobs
from imgedit_docs import commands as documented
from imgedit_gym.core.errors import ImgEditError

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_run_at_a_time_than_are_told(tmp_path: Path, at_once: int):
    code = (
        "import pathlib, time; own = pathlib.Path({0!r}, {1!r}); own.touch(); time.sleep(0.3); "
        "print(len(list(own.parent.iterdir()))); own.unlink()"
    )
    busy = tmp_path / "busy"
    busy.mkdir()
    jobs = [Job(name, (sys.executable, "-c", code.format(str(busy), name))) for name in "abcd"]
    run(jobs, tmp_path, at_once)
    assert max(int((tmp_path / f"{name}.log").read_text()) for name in "abcd") <= at_once


def test_a_job_that_fails_stops_the_others(tmp_path: Path):
    code = "import os, pathlib, time; pathlib.Path({0!r}).write_text(str(os.getpid())); time.sleep(600)"
    long = Job("long", (sys.executable, "-c", code.format(str(tmp_path / "pid"))))
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'pid')!r}).exists(): time.sleep(0.02)\n"
    wrong = Job("wrong", (sys.executable, "-c", f"{waits}print('no [/such] thing'); raise SystemExit(3)"))
    with pytest.raises(ImgEditError, match=r"wrong ended with status 3; .*wrong.log ends with: no \[/such\] thing"):
        run([long, wrong, writing("after", tmp_path, ("wrong",))], tmp_path)
    assert not (tmp_path / "order").exists()
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_signal_to_end_ends_the_commands_too(tmp_path: Path):
    code = "import os, pathlib, time; pathlib.Path({0!r}).write_text(str(os.getpid())); time.sleep(600)"
    ours = (
        "import pathlib, sys; from rich.console import Console; from baselines.training.jobs import Job, run_jobs; "
        f"run_jobs([Job('long', (sys.executable, '-c', {code.format(str(tmp_path / 'pid'))!r}))], "
        f"pathlib.Path({str(tmp_path)!r}), 1, Console())"
    )
    with subprocess.Popen([sys.executable, "-c", ours], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_is_said_is_no_markup(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("baselines.training.jobs.TOLD_EVERY", 0.0)
    says = Job("says", (sys.executable, "-c", "import time; print('[/tmp/x] [bold]', flush=True); time.sleep(0.5)"))
    assert "says: [/tmp/x] [bold]" in run([says], tmp_path)
    screen = io.StringIO()
    jobs = [Job("again", says.command), writing("next", tmp_path, ("again",)), writing("third", tmp_path)]
    run_jobs(jobs, tmp_path, 1, Console(file=screen, force_terminal=True, width=200), poll=0.02)
    shown = screen.getvalue()
    assert "[/tmp/x] [bold]" in shown and "waits for again" in shown and "waits for a free place" in shown


def test_lines_of_an_earlier_run_are_not_said_again(tmp_path: Path):
    (tmp_path / "wrong.log").write_text("from long ago\n")
    with pytest.raises(ImgEditError, match="ends with: nothing said yet"):
        run([Job("wrong", (sys.executable, "-c", "raise SystemExit(1)"))], tmp_path)


@pytest.mark.parametrize(
    "jobs",
    [
        [Job("a", ("true",), ("b",)), Job("b", ("true",), ("a",))],
        [Job("a", ("true",), ("nobody",))],
        [Job("a", ("/no/such/program",))],
    ],
)
def test_jobs_that_cannot_run_are_told(tmp_path: Path, jobs):
    with pytest.raises(ImgEditError, match="expected"):
        run(jobs, tmp_path)
    with pytest.raises(ImgEditError, match="at_once: expected at least 1"):
        run(jobs, tmp_path, 0)


def test_every_command_takes_its_arguments(tmp_path: Path):
    options = parse_arguments(["--preset", "quick", "--seed", "3", "--device", "meta", "--out", str(tmp_path)])
    found = {}
    for job in jobs_of(options):
        _, flag, module, *words = job.command
        assert flag == "-m"
        found[job.name] = documented.parse(module, words)
        assert found[job.name].preset == "quick"
    assert found["encoder"].stage == "eyes" and found["encoder"].seed == 3
    assert (found["vision"].training, found["vision"].folder) == (found["encoder"].out, tmp_path / "vision")
    for name in ("imitation", "planner", "ppo", "orchestrator", "single_step"):
        one = found[name]
        assert (one.seed, one.device, one.vision, one.out.parent) == (3, "meta", tmp_path / "vision", tmp_path)
    assert (found["imitation"].stage, found["planner"].stage) == ("imitation", "self")
    assert (found["ppo"].method, found["orchestrator"].method) == ("ppo", "table")
    made = [folder for folders in WEIGHTS.values() for folder in folders]
    own = {
        str(one.out.relative_to(tmp_path)) for name, one in found.items() if name != "encoder" if hasattr(one, "out")
    }
    assert {folder.split("/")[0] for folder in made} == own | {"vision"}


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


@pytest.mark.parametrize("words", [["--only", "all"], ["--jobs", "0"], ["--seed", "-1"], ["--device", "cdua"]])
def test_bad_input_is_refused(words, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err
