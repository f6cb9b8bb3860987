"""Importing the package: what it registers, and how little it loads."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import pytest

import imgedit_gym

HEAVY = ("torch", "warp", "transformers", "diffusers", "PIL", "imgedit_gym.engine")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True).stdout


def test_importing_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time\n"
        "start = time.process_time()\n"
        "import imgedit_gym, gymnasium\n"
        "taken = time.process_time() - start\n"
        "gymnasium.spec('ImageEdit-v0')\n"
        f"print(taken, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    found = [run(code).split(" ", 1) for _ in range(2)]
    assert {loaded.strip() for _, loaded in found} == {"[]"}
    assert min(float(taken) for taken, _ in found) < 0.5


@pytest.mark.parametrize("first", ["import imgedit_gym, gymnasium", "import gymnasium, imgedit_gym"])
def test_either_import_order_registers(first):
    assert run(f"{first}\nprint('ImageEdit-v0' in gymnasium.registry)").strip() == "True"


def test_an_id_with_the_module_before_a_colon_needs_no_import():
    code = "import gymnasium\nprint(gymnasium.make('imgedit_gym:ImageEdit-v0', image_size=64).spec.id)"
    assert run(code).splitlines()[-1] == "ImageEdit-v0"


def test_registering_again_changes_nothing():
    before = gym.spec("ImageEdit-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imgedit_gym.register_envs()
    assert gym.spec("ImageEdit-v0") is before


def test_the_spec():
    spec = gym.spec("ImageEdit-v0")
    assert spec.entry_point == "imgedit_gym.envs.image_edit:ImageEditEnv"
    assert spec.max_episode_steps == 10
    assert not spec.nondeterministic


def test_the_spec_of_the_planners_side():
    spec = gym.spec("ImagePlan-v0")
    assert spec.entry_point == "imgedit_gym.envs.image_plan:ImagePlanEnv"
    assert spec.vector_entry_point == "imgedit_gym.envs.image_plan:ImagePlanVectorEnv"
    assert spec.max_episode_steps is None and not spec.nondeterministic


def test_the_version_is_a_version():
    assert imgedit_gym.__version__[0].isdigit()


def test_the_error_is_a_value_error():
    assert issubclass(imgedit_gym.ImgEditError, ValueError)


def test_rooms_do_not_import_each_other():
    root, rooms = Path(imgedit_gym.__file__).parent, ("tasks", "planners", "regions", "tools", "judges")
    found = [
        f"{path.relative_to(root)}: {node.module}"
        for room in rooms
        for path in sorted((root / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and any((node.module or "").startswith(f"imgedit_gym.{other}") for other in rooms if other != room)
    ]
    assert found == []
