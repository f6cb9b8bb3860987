"""Tests of what the commands share."""

from __future__ import annotations

import argparse
import json

import pytest

from baselines.cli import check_episodes, check_folder, check_number, run_command, write_results
from imgedit_gym.core.errors import ImgEditError


def test_a_mistake_is_one_line_and_status_2(capsys):
    def work(options):
        raise ImgEditError(f"--seed: found {options.seed}")

    assert run_command(work, argparse.Namespace(seed=3)) == 2
    assert capsys.readouterr().err == "error: --seed: found 3\n"
    assert run_command(lambda options: None, argparse.Namespace()) == 0


def test_an_interruption_is_one_line(capsys):
    def work(options):
        raise KeyboardInterrupt

    assert run_command(work, argparse.Namespace()) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_other_errors_are_not_hidden():
    def work(options):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(work, argparse.Namespace())


@pytest.mark.parametrize(
    ("value", "low", "high", "message"),
    [
        (0, 1, 100, "--x: expected 1 to 100; found 0"),
        (101, 1, 100, "--x: expected 1 to 100; found 101"),
        (-1, 0, None, "--x: expected a whole number of at least 0; found -1"),
        (-1.5, 0.0, None, "--x: expected a number of at least 0.0; found -1.5"),
        (float("nan"), 0.0, None, "--x: expected a number of at least 0.0; found nan"),
    ],
)
def test_numbers_outside_their_range(value, low, high, message):
    with pytest.raises(ImgEditError) as told:
        check_number("--x", value, low, high)
    assert str(told.value) == message


def test_ends_of_a_range_are_inside():
    for value in (1, 100):
        check_number("--x", value, 1, 100)
    check_episodes(argparse.Namespace(episodes=2, seed=0), fewest=2)
    with pytest.raises(ImgEditError, match="--episodes: expected 2 to 100000; found 1"):
        check_episodes(argparse.Namespace(episodes=1, seed=0), fewest=2)


def test_the_folder_is_made_and_left_empty(tmp_path):
    check_folder(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_results_name_their_arguments(tmp_path):
    path = write_results({"score": 0.5}, argparse.Namespace(out=tmp_path, seed=3), "results.json")
    assert path == tmp_path / "results.json"
    written = json.loads(path.read_text())
    assert written == {"schema": 1, "arguments": {"out": str(tmp_path), "seed": 3}, "score": 0.5}
