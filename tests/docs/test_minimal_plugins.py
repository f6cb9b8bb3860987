"""The package of minimal plug-ins works when it is copied and installed on its own, as its page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.docs.snippets import ROOT, python_blocks

PAGE = ROOT / "docs" / "contributing" / "plugins.md"
MINIMAL = ROOT / "docs" / "contributing" / "minimal"
FILES = sorted(MINIMAL.glob("imgedit_minimal/*.py"))

CHECKS = """
from pathlib import Path

import numpy as np
import torch

import imgedit_minimal
from baselines.agents import AGENTS
from baselines.rollout import run_episodes
from imgedit_gym.core.region import N_REGIONS

torch.set_num_threads(1)
assert Path(imgedit_minimal.__file__).is_relative_to(INSTALLED), imgedit_minimal.__file__
assert Path(imgedit_gym.__file__).is_relative_to(ROOT), imgedit_gym.__file__


def brightness(image):
    return np.asarray(image).mean() / 255


def close(found, expected):
    assert abs(float(found) - float(expected)) < 1e-5, (found, expected)


# one environment: tasks, planner, regions, tool and judge
env = gym.make("ImageEdit-v0", planner="tones", **mine)
observation, info = env.reset(options={"task_id": "squares/plain/moss"})
before = observation["image"]
assert tuple(before[0, 0]) == (40, 60, 30) and tuple(before[20, 20]) == (230, 220, 200)
assert info["instruction"] == "Make it brighter and warmer."
text = str(info["plan"])
assert text.count("adjust the picture to") == 2 and text.index("to brighter") < text.index("to warmer"), text
close(info["scores"]["score"], brightness(before))
observation, reward, terminated, _, info = env.step(env.unwrapped.action("negative", 40))
after = observation["image"]
band = np.zeros((64, 64), bool)
band[32:40] = True  # cell 39 lies in the lattice's row 4
assert (after[band] == 255 - before[band]).all() and (after[~band] == before[~band]).all()
assert info["changed_pixels"] == band.sum() and not info["action_error"] and not terminated
close(info["scores"]["score"], brightness(after))
close(reward, brightness(after) - brightness(before))
assert info["judge"]["id"] == "brightness"
regions = env.unwrapped.engine.regions
assert regions.find(0, 255) == 0 and regions.find(0, 1) == 9 and regions.find(0, 7) == 0
*_, info = env.step(env.unwrapped.action("negative", 0))
assert info["changed_pixels"] == 64 * 64

# a free step is none that the tool takes
env.reset(options={"image": before, "instruction": "Make it sell."})
*_, info = env.step(env.unwrapped.action("negative", 0))
assert info["action_error"].endswith("a negative suits no step but one that adjusts the picture"), info["action_error"]
env.close()

# arguments of a user's
env = gym.make("ImageEdit-v0", **(mine | {"tasks": {"id": "squares", "edge": 8}}))
image = env.reset(options={"task_id": "squares/plain/wine"})[0]["image"]
assert tuple(image[15, 15]) == (230, 220, 200) and tuple(image[16, 16]) == (80, 20, 40)
env.close()

# the batch is the single environments
envs = gym.make_vec("ImageEdit-v0", num_envs=3, planner="tones", **mine)
single = gym.make("ImageEdit-v0", planner="tones", **mine)
observations, _ = envs.reset(seed=[4, 5, 6])
actions = np.array([[1, 3], [0, 0], [1, N_REGIONS - 1]])
stepped, rewards, *_ = envs.step(actions)
for i in range(3):
    observation, _ = single.reset(seed=4 + i)
    assert (observation["image"] == observations["image"][i]).all()
    observation, reward, *_ = single.step(actions[i])
    assert (observation["image"] == stepped["image"][i]).all() and reward == rewards[i]
envs.close()
single.close()

# the orchestrator
plans = gym.make_vec("ImagePlan-v0", num_envs=2, orchestrator="first-tool", **mine)
observations, _ = plans.reset(seed=0)
_, rewards, *_ = plans.step(("adjust the picture to darker", "remove the square"))
close(rewards[0], brightness(255 - observations["image"][0]) - brightness(observations["image"][0]))
assert [plans.info(i)["tools"] for i in range(2)] == [["negative"], ["skip"]] and rewards[1] == 0, rewards
plans.close()

# the agent
first, second = run_episodes("mine", AGENTS.build("day-and-night"), [0, 1], mine, pictured=2)
for episode in (first, second):
    assert episode.plan == ("adjust the picture to brighter",) and [step.tool for step in episode.steps] == ["negative"]
    assert (episode.frames[-1] == 255 - episode.frames[0]).all()
    close(episode.score, brightness(episode.frames[-1]))
print("all plug-ins took part")
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_is_short_and_shown(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < 60
    shown = f"```{{literalinclude}} minimal/imgedit_minimal/{file.name}\n" in PAGE.read_text(encoding="utf-8")
    assert shown or file.stem == "__init__"


def test_the_copy_installs_and_every_plug_in_takes_part(tmp_path):
    copy, installed = tmp_path / "my_plugins", tmp_path / "installed"
    shutil.copytree(MINIMAL, copy, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    run([*pip, "--no-build-isolation", "--no-compile", "--target", str(installed), str(copy)])
    shutil.rmtree(copy)

    (block,) = python_blocks(PAGE)
    places = f"ROOT, INSTALLED = {str(ROOT)!r}, {str(installed)!r}\n"
    script = tmp_path / "use.py"
    script.write_text(places + block.body + CHECKS, encoding="utf-8")
    path = os.pathsep.join([str(installed), str(ROOT)])
    told = run([sys.executable, "-W", "error::UserWarning", str(script)], PYTHONPATH=path, OMP_NUM_THREADS="1")
    assert told.splitlines()[-1] == "all plug-ins took part"


def run(words, **variables):
    done = subprocess.run(words, env=os.environ | variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
