"""Recorded episodes: one JSON object a line, from which every picture can be made again."""

from __future__ import annotations

import base64
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import read_image, rgb_pixels
from imgedit_gym.core.plan import parse_plan
from imgedit_gym.models.pictures import png_of

if TYPE_CHECKING:
    import gymnasium as gym

    from imgedit_gym.engine import Engine
    from imgedit_gym.envs.image_edit import ImageEditEnv, ImageEditVectorEnv

SCHEMA = 1
MAX_LINE = 64 << 20
"""Longest line of a file in characters; only a user's own large image comes near it."""

MAX_STEPS = 10_000
MAX_PLAN = 64
MAX_REQUIREMENTS = 256
MAX_TEXT = 4096

PACKAGES = ("imgedit-gym", "gymnasium", "torch", "warp-lang")
"""Packages whose versions a recording names."""

SCORES = ("E", "P", "Q", "score")
_NOT_FOR_THE_ENGINE = ("render_mode", "max_episode_steps")
UNNAMED_REGIONS = "segments"
"""Of recordings that name no regions: they were made when these were the default."""

_CODE = ("trust", "pipeline")
"""Arguments of plug-ins that have code from elsewhere run, which a file does not get to set."""


@dataclass
class Trajectory:
    """One episode of one agent.

    Attributes:
        env_id: Id of the environment, such as ``ImageEdit-v0``.
        env_kwargs: Keyword arguments it was made with; JSON-able.
        versions: Version by package.
        agent: Name of the agent.
        seed: Seed that the episode started from; ``None`` where it had none.
        task_id: Name of the task.
        instruction: The request in words.
        plan: The plan that was followed, in words.
        plan_given: Whether the agent or the user gave the plan, rather than the environment's planner.
        steps: ``{"tool": id, "region": index, "reward": float, "problem": text}`` each; ``problem`` is empty where
            the action did something.
        scores: Final ``E``, ``P``, ``Q`` and ``score``, in [0, 1]; ``None`` where no judgement has succeeded.
        requirements: ``{"text": sentence, "value": float}`` each, final values in [0, 1]; ``None`` where the judge
            does not judge it.
        success: Whether the final picture counts as a success.
        return_: Sum of the rewards; ``return`` in the file.
        valid: Whether the judge could judge the final picture. If not, scores and requirements are those of its last
            judgement of the episode that did not fail, or ``None``.
        user_task: What :func:`pack_user_task` made of a user's own task; ``None`` for a task of the source.
    """

    env_id: str
    env_kwargs: dict[str, Any]
    versions: dict[str, str]
    agent: str
    seed: int | None
    task_id: str
    instruction: str
    plan: list[str]
    plan_given: bool
    steps: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(SCORES, 0.0))
    requirements: list[dict[str, Any]] = field(default_factory=list)
    success: bool = False
    return_: float = 0.0
    valid: bool = True
    user_task: dict[str, Any] | None = None

    def to_json(self) -> str:
        """One line of JSON without a line break.

        Raises:
            ImgEditError: If the trajectory is not as the class describes it, or too long.
        """
        record = {name: getattr(self, attribute) for name, attribute in _NAMES.items()}
        _check(record)
        try:
            line = json.dumps({"schema": SCHEMA, **record}, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ImgEditError(f"trajectory: expected what JSON can hold; {error}") from None
        if len(line) > MAX_LINE:
            raise ImgEditError(f"trajectory: expected at most {MAX_LINE} characters; found {len(line)}")
        return line

    @classmethod
    def from_json(cls, line: str) -> Trajectory:
        """Read what :meth:`to_json` wrote.

        Raises:
            ImgEditError: If the line is not a trajectory of this schema.
        """
        if len(line) > MAX_LINE:
            raise ImgEditError(f"trajectory: expected at most {MAX_LINE} characters; found {len(line)}")
        try:
            record = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ImgEditError(f"trajectory: expected a JSON object; {error}") from None
        if not isinstance(record, dict) or record.pop("schema", None) != SCHEMA:
            raise ImgEditError(f"trajectory: expected an object with the key 'schema' of value {SCHEMA}")
        missing, unknown = sorted(_NAMES.keys() - record.keys()), sorted(record.keys() - _NAMES.keys())
        if missing or unknown:
            raise ImgEditError(f"trajectory: missing keys {missing}, unknown keys {unknown[:8]}")
        _check(record)
        return cls(**{attribute: record[name] for name, attribute in _NAMES.items()})


_NAMES = {
    "env_id": "env_id",
    "env_kwargs": "env_kwargs",
    "versions": "versions",
    "agent": "agent",
    "seed": "seed",
    "task_id": "task_id",
    "user_task": "user_task",
    "instruction": "instruction",
    "plan": "plan",
    "plan_given": "plan_given",
    "steps": "steps",
    "scores": "scores",
    "requirements": "requirements",
    "success": "success",
    "return": "return_",
    "valid": "valid",
}
"""Key in the file and attribute of the class."""


# ---------------------------------------------------------------------- files


def write_trajectories(path: str | os.PathLike[str], trajectories: Iterable[Trajectory]) -> None:
    """Write trajectories to a file, one a line; the file appears whole or not at all.

    Args:
        path: The file, replaced if it is there; its folder is made.
        trajectories: What to write, in order.

    Raises:
        ImgEditError: If a trajectory is not as it should be.
    """
    if isinstance(trajectories, Trajectory):
        raise ImgEditError("trajectories: expected several, in a list; found one Trajectory: write [trajectory]")
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(trajectory.to_json() + "\n" for trajectory in trajectories)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def read_trajectories(path: str | os.PathLike[str]) -> list[Trajectory]:
    """Read a file of trajectories; empty lines are passed over.

    Raises:
        ImgEditError: If the file cannot be read or a line is not a trajectory; the message has the line's number.
    """
    found = []
    try:
        with open(path, encoding="utf-8") as file:
            # readline with a limit, so that a file without line breaks is not read whole
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 2), ""), start=1):
                if line.strip():
                    found.append(_read_line(line.rstrip("\n"), path, number))
    except OSError as error:
        raise ImgEditError(f"{os.fspath(path)}: expected a file of trajectories; {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ImgEditError(f"{os.fspath(path)}: expected a file of trajectories in UTF-8; {error}") from None
    return found


def _read_line(line: str, path: str | os.PathLike[str], number: int) -> Trajectory:
    try:
        return Trajectory.from_json(line)
    except ImgEditError as error:
        raise ImgEditError(f"{os.fspath(path)}, line {number}: {error}") from None


# ---------------------------------------------------------------------- making and replaying


def record_episode(
    env: gym.Env[Any, Any],
    policy: Callable[[dict[str, np.ndarray], dict[str, Any]], Any],
    agent: str = "",
    seed: int | None = None,
    options: dict[str, Any] | None = None,
) -> Trajectory:
    """Run one episode of ``ImageEdit-v0`` and record it.

    Args:
        env: The environment, from ``gymnasium.make``; wrappers must leave actions as they are.
        policy: From observation and info to an action.
        agent: Name of the agent.
        seed: Given to ``reset``.
        options: Given to ``reset``.
    """
    base: Any = env.unwrapped
    observation, info = env.reset(seed=seed, options=options)
    options = options or {}
    ended = False
    while not ended:
        observation, _, terminated, truncated, info = env.step(policy(observation, info))
        ended = terminated or truncated
    user_task = pack_user_task(options) if options.get("image") is not None else None
    return replace(trajectory_of(base, 0, agent, user_task), seed=seed)


def trajectory_of(
    env: ImageEditEnv | ImageEditVectorEnv, row: int = 0, agent: str = "", user_task: dict[str, Any] | None = None
) -> Trajectory:
    """The episode of an environment so far, as a recording.

    Args:
        env: The environment itself, single or vector, without its wrappers.
        row: Which one of a vector environment.
        agent: Name of the agent.
        user_task: What :func:`pack_user_task` made of the task, if it is a user's own.

    Raises:
        ImgEditError: If the task is a user's own and is not given: the environment keeps no copy of its image.
    """
    from imgedit_gym.core.rng import task_key
    from imgedit_gym.engine import usual_regions
    from imgedit_gym.envs.episode import Words, requirements_of, scores_of

    engine = env.engine
    if int(engine.batch.keys[row]) < 0 and user_task is None:
        raise ImgEditError("trajectory: the task is a user's own, so it must be given; record_episode does that")
    words = Words.read(engine, row)
    history = engine.history(row)
    seed = engine.seed_of(row)
    automatic = env.arguments["regions"] == "auto"  # hangs on the tasks, which may change
    return Trajectory(
        env_id="ImageEdit-v0" if env.spec is None else env.spec.id,
        env_kwargs=dict(env.arguments) | ({"regions": usual_regions(engine.tasks)} if automatic else {}),
        versions=package_versions(),
        agent=agent,
        seed=seed if int(engine.batch.keys[row]) == task_key(seed, 0, engine.tasks.stream) else None,
        task_id=words.task_id,
        instruction=words.instruction,
        plan=list(words.plan),
        plan_given=bool(engine.plan_given[row]),
        steps=[
            {
                "tool": engine.tool_ids[tool],
                "region": region,
                "reward": reward,
                "problem": engine.problem_text(tool, problem),
            }
            for tool, region, problem, _, reward in history
        ],
        scores={name: judged_or_none(value) for name, value in scores_of(engine, row).items() if name in SCORES},
        requirements=[
            {"text": item["text"], "value": judged_or_none(item["value"])}
            for item in requirements_of(engine, row, words)
        ],
        success=bool(engine.verdict.success[row]),
        return_=math.fsum(reward for *_, reward in history),
        valid=bool(engine.verdict.valid[row]),
        user_task=user_task,
    )


def judged_or_none(value: float) -> float | None:
    """A judge's number; ``None`` for nan, which says that it did not judge that: JSON has no nan."""
    return None if math.isnan(value) else value


def replay(trajectory: Trajectory, engine: Engine | None = None) -> list[np.ndarray]:
    """Carry the recorded actions out again.

    Without an engine one is built from ``env_kwargs``, with whatever plug-ins these name: pass an engine of your own
    for a file that you do not trust.

    Args:
        trajectory: What was recorded.
        engine: An engine with the same tasks, split, tools, regions and image size; its row 0 is used.

    Returns:
        The source, then the picture after each step, ``uint8 [S, S, 3]`` each.

    Raises:
        ImgEditError: If the engine cannot make the task or has no such tool, or the task is not what it was.
    """
    import torch

    if not isinstance(trajectory, Trajectory):
        raise ImgEditError(
            f"replay: expected a Trajectory; found {type(trajectory).__name__} (read_trajectories reads a file of them)"
        )
    if engine is None:
        engine = engine_of(trajectory)
    start(trajectory, engine)
    pictures = [engine.canvas[0].cpu().numpy().copy()]
    row = torch.tensor([0], device=engine.device)
    actions = torch.zeros(engine.num_envs, 2, dtype=torch.int64)
    for step in trajectory.steps:
        if step["tool"] not in engine.tool_ids:
            known = ", ".join(engine.tool_ids)
            raise ImgEditError(f"replay: unknown tool {step['tool']!r}; expected one of: {known}")
        actions[0, 0], actions[0, 1] = engine.tool_ids.index(step["tool"]), step["region"]
        engine.step(actions, row)
        pictures.append(engine.canvas[0].cpu().numpy().copy())
    return pictures


def engine_of(trajectory: Trajectory) -> Engine:
    """An engine of one environment, from what the recording names.

    Raises:
        ImgEditError: If its arguments do not fit, or have code from elsewhere run: a tool's ``trust`` or ``pipeline``.
    """
    from imgedit_gym.engine import Engine

    refuse_code(trajectory.env_kwargs)
    named = {"regions": UNNAMED_REGIONS, **trajectory.env_kwargs}
    arguments = {key: value for key, value in named.items() if key not in _NOT_FOR_THE_ENGINE}
    try:
        return Engine(1, **arguments)
    except TypeError as error:
        raise ImgEditError(f"replay: env_kwargs do not fit the engine; {error}") from None


def refuse_code(arguments: Any) -> None:
    """Refuse arguments of a recording that have code from elsewhere run, at any depth.

    Raises:
        ImgEditError: If there are some.
    """
    if isinstance(arguments, Mapping):
        for key, value in arguments.items():
            if key in _CODE and value:
                raise ImgEditError(
                    f"env_kwargs: expected no {key!r}, which runs code from elsewhere; found {value!r}: "
                    "build the engine or the environment yourself and pass it"
                )
            refuse_code(value)
    elif isinstance(arguments, (list, tuple)):
        for value in arguments:
            refuse_code(value)


def start(trajectory: Trajectory, engine: Engine) -> None:
    """Bring row 0 of an engine to the recorded episode's beginning.

    Raises:
        ImgEditError: If the engine cannot make the task, or makes another one.
    """
    if trajectory.user_task is None:
        engine.reset_keys([0], [engine.tasks.key_of(trajectory.task_id)])
    else:
        engine.reset_user_task(0, unpack_user_task(trajectory.user_task))
    found = engine.tasks.instruction(engine.batch, 0)
    if found != trajectory.instruction:
        raise ImgEditError(
            f"replay: task {trajectory.task_id} was recorded with the instruction {trajectory.instruction!r}; "
            f"found {found!r} (recorded with imgedit-gym {trajectory.versions.get('imgedit-gym', 'unknown')})"
        )
    if [step.text for step in engine.plan(0)] != trajectory.plan:
        engine.set_plan(0, trajectory.plan)


def package_versions() -> dict[str, str]:
    """Versions of what decides the pictures; empty for a package that is not installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


# ---------------------------------------------------------------------- users' own tasks


def pack_user_task(options: Mapping[str, Any]) -> dict[str, Any]:
    """The reset options of a user's own task as JSON can hold them: image and mask as PNG in base 64."""
    packed: dict[str, Any] = {"image": _packed(options["image"])}
    if options.get("mask") is not None:
        packed["mask"] = _packed(options["mask"])
    for key in ("instruction", "objects", "headline_box", "checklist"):
        if options.get(key) is not None:
            packed[key] = json.loads(json.dumps(options[key], default=_plain))
    if options.get("plan") is not None:
        steps = parse_plan(options["plan"], MAX_PLAN)
        packed["plan"] = [[step.verb, step.target, step.value] for step in steps]
    return packed


def unpack_user_task(packed: Mapping[str, Any]) -> dict[str, Any]:
    """The reset options that :func:`pack_user_task` packed.

    Raises:
        ImgEditError: If the image is not a PNG in base 64 of at most :data:`~imgedit_gym.core.images.MAX_SIDE` pixels a
            side.
    """
    pictures = {}
    for key in ("image", "mask") if "mask" in packed else ("image",):
        try:
            png = base64.b64decode(packed[key], validate=True)
        except (KeyError, TypeError, ValueError) as error:
            raise ImgEditError(f"user_task: expected an image as PNG in base 64; {error}") from None
        pictures[key] = read_image(png, "user_task", ("PNG",))
    return {**packed, **pictures}


def _packed(image: Any) -> str:
    """Pixels or a Pillow image as PNG in base 64."""
    from PIL import Image

    pixels = rgb_pixels(image) if isinstance(image, Image.Image) else np.asarray(image)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    return base64.b64encode(png_of(pixels, level=6)).decode("ascii")


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy as Python's own."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise ImgEditError(f"user_task: expected what JSON can hold; found {type(value).__name__}")


# ---------------------------------------------------------------------- checking


def _check(record: Mapping[str, Any]) -> None:
    """Check the values of a record by key of the file.

    Raises:
        ImgEditError: If one is not as :class:`Trajectory` describes it.
    """
    for key in ("env_id", "agent", "task_id", "instruction"):
        _text(record[key], key)
    for key in ("env_kwargs", "versions", "scores"):
        _expect(isinstance(record[key], dict), key, "an object", record[key])
    for package, number in record["versions"].items():
        _text(number, f"versions, {package}")
    seed = record["seed"]
    _expect(seed is None or (_is_whole(seed) and seed >= 0), "seed", "null or a whole number", seed)
    for key in ("plan_given", "success", "valid"):
        _expect(isinstance(record[key], bool), key, "true or false", record[key])
    _expect(_is_number(record["return"]), "return", "a number", record["return"])
    _expect(set(record["scores"]) == set(SCORES), "scores", f"the keys {SCORES}", sorted(record["scores"]))
    for name, value in record["scores"].items():
        unknown = value is None and not record["valid"]
        _expect(unknown or _is_number(value), f"scores, {name}", "a number, or null where valid is false", value)
    for index, text in enumerate(_items(record, "plan", MAX_PLAN)):
        _text(text, f"plan, item {index}")
    for index, step in enumerate(_items(record, "steps", MAX_STEPS)):
        _check_step(step, f"steps, item {index}")
    for index, item in enumerate(_items(record, "requirements", MAX_REQUIREMENTS)):
        where = f"requirements, item {index}"
        _keys(item, {"text", "value"}, where)
        _text(item["text"], where)
        value = item["value"]
        _expect(value is None or _is_number(value), where, "null or a number as value", value)
    user = record["user_task"]
    _expect(user is None or isinstance(user, dict), "user_task", "null or an object", user)


def _check_step(step: Any, where: str) -> None:
    _keys(step, {"tool", "region", "reward", "problem"}, where)
    _text(step["tool"], where)
    _text(step["problem"], where)
    _expect(_is_whole(step["region"]) and step["region"] >= 0, where, "a whole number as region", step["region"])
    _expect(_is_number(step["reward"]), where, "a number as reward", step["reward"])


def _items(record: Mapping[str, Any], key: str, most: int) -> list[Any]:
    value = record[key]
    _expect(isinstance(value, list) and len(value) <= most, key, f"a list of at most {most}", value)
    return value


def _keys(value: Any, keys: set[str], where: str) -> None:
    _expect(isinstance(value, dict) and set(value) == keys, where, f"an object with the keys {sorted(keys)}", value)


def _text(value: Any, where: str) -> None:
    _expect(isinstance(value, str) and len(value) <= MAX_TEXT, where, f"text of at most {MAX_TEXT}", value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 128


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _expect(fine: bool, where: str, expected: str, found: Any) -> None:
    if not fine:
        shown = repr(found)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise ImgEditError(f"trajectory: {where}: expected {expected}; found {shown}")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
