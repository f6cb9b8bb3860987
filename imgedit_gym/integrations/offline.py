"""Recorded episodes as data to learn from: arrays, Minari datasets, Hugging Face ``datasets``.

A recording holds actions and no pictures; these are made again by carrying the actions out.

.. code-block:: python

    from imgedit_gym.integrations.offline import to_datasets, to_minari
    from imgedit_gym.trajectory import read_trajectories

    episodes = read_trajectories("runs/main/trajectories.jsonl")
    to_minari(episodes, "imgedit/adverts-rules-v0")
    to_datasets(episodes).push_to_hub("me/adverts-rules")
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.envs import shared
from imgedit_gym.envs.image_edit import ImageEditEnv
from imgedit_gym.trajectory import UNNAMED_REGIONS, Trajectory, engine_of, refuse_code, start

if TYPE_CHECKING:
    from imgedit_gym.engine import Engine

_ENTRY_POINT = f"{ImageEditEnv.__module__}:{ImageEditEnv.__name__}"


@dataclass(frozen=True, eq=False)
class Transitions:
    """One episode of T steps.

    Attributes:
        trajectory: The recording.
        observations: ``image`` ``uint8 [T + 1, S, S, 3]``, ``plan_step`` ``int64 [T + 1, 3]`` and ``progress``
            ``float32 [T + 1, 2]``, the last ones seen after the last step.
        actions: Tool and region, ``int64 [T, 2]``.
        rewards: ``float32 [T]``, as recorded.
        terminations: ``bool [T]``; the last is True if the plan was exhausted.
        truncations: ``bool [T]``; the last is True if it was not.
    """

    trajectory: Trajectory
    observations: dict[str, np.ndarray]
    actions: np.ndarray
    rewards: np.ndarray
    terminations: np.ndarray
    truncations: np.ndarray


def transitions(trajectories: Iterable[Trajectory], engine: Engine | None = None) -> Iterator[Transitions]:
    """Carry recorded episodes out again, one after the other.

    Args:
        trajectories: The recordings.
        engine: An engine of one environment to use for all. Without it engines are built from what the recordings
            name, plug-ins included: pass one for files that you do not trust.

    Yields:
        An episode for each recording of at least one step.

    Raises:
        ImgEditError: If an episode cannot be made again.
    """
    engines: dict[str, Engine] = {}
    for trajectory in trajectories:
        if not trajectory.steps:
            continue
        used = engine
        if used is None:
            key = _key(trajectory)
            used = engines[key] if key in engines else engines.setdefault(key, engine_of(trajectory))
        yield _carried_out(trajectory, used)


def to_minari(
    trajectories: Sequence[Trajectory], dataset_id: str, env: gym.Env[Any, Any] | None = None, **about: Any
) -> Any:
    """Write recorded episodes as a Minari dataset, with lossless pictures.

    Args:
        trajectories: Recordings of one environment with the same arguments.
        dataset_id: Such as ``"imgedit/adverts-rules-v0"``. It is written below ``MINARI_DATASETS_PATH``.
        env: The environment, from ``gymnasium.make``, to carry them out in. Without it one is made from what the
            recordings name, plug-ins included, which may read folders and ask servers: pass one for files that you do
            not trust.
        **about: Further arguments of ``minari.create_dataset_from_buffers``, such as ``author`` and ``description``.

    Returns:
        The ``minari.MinariDataset``; its environment is recovered with the arguments of the recordings.

    Raises:
        ImgEditError: If Minari is not installed, recordings differ in their environment, or there is none; if the
            environment they name is none that edits pictures, its arguments are not those of one, or have code from
            elsewhere run.
    """
    try:
        import h5py  # noqa: F401 - what Minari stores in
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError as error:
        raise ImgEditError(f"this needs Minari: pip install 'imgedit-gym[offline]'; found {error}") from None
    kinds = {_key(trajectory) for trajectory in trajectories}
    if len(kinds) != 1:
        raise ImgEditError(f"expected recordings of one environment with the same arguments; found {len(kinds)}")
    first = trajectories[0]
    made = _made(first) if env is None else env
    base: Any = made.unwrapped
    buffers = [
        EpisodeBuffer(
            id=number,
            seed=episode.trajectory.seed,
            observations=episode.observations,
            actions=episode.actions,
            rewards=episode.rewards.tolist(),
            terminations=episode.terminations.tolist(),
            truncations=episode.truncations.tolist(),
        )
        for number, episode in enumerate(transitions(trajectories, base.engine))
    ]
    try:
        told = {"algorithm_name": first.agent or "unknown", "eval_env": made.spec, "data_format": "hdf5"} | about
        return minari.create_dataset_from_buffers(dataset_id, buffers, env=made, jpeg_encoding=False, **told)
    finally:
        if env is None:
            made.close()


def _made(trajectory: Trajectory) -> gym.Env[Any, Any]:
    """The environment that a recording names; nothing is imported for it."""
    spec = gym.envs.registration.registry.get(trajectory.env_id)
    if spec is None or spec.entry_point != _ENTRY_POINT:
        raise ImgEditError(f"env_id: expected a registered environment of pictures; found {trajectory.env_id!r}")
    arguments = inspect.signature(ImageEditEnv).parameters.keys() - {"render_mode"} | {"max_episode_steps"}
    unknown = sorted(trajectory.env_kwargs.keys() - arguments)
    if unknown:
        raise ImgEditError(f"env_kwargs: expected some of {', '.join(sorted(arguments))}; found {', '.join(unknown)}")
    refuse_code(trajectory.env_kwargs)
    return gym.make(trajectory.env_id, **{"regions": UNNAMED_REGIONS, **trajectory.env_kwargs})


def to_datasets(trajectories: Iterable[Trajectory], engine: Engine | None = None) -> Any:
    """Recorded steps as a ``datasets.Dataset``, one row for each.

    Args:
        trajectories: The recordings.
        engine: See :func:`transitions`.

    Returns:
        The dataset: ``episode``, ``step``, ``agent``, ``seed``, ``task_id``, ``instruction``, ``plan``, ``plan_step``,
        pictures ``source``, ``image`` and ``next_image``, ``tool``, ``region``, ``reward``, ``problem``, and of the
        episode ``score`` and ``success``.

    Raises:
        ImgEditError: If ``datasets`` is not installed, or there is no step.
    """
    try:
        import datasets
    except ImportError as error:
        raise ImgEditError(f"this needs datasets: pip install 'imgedit-gym[datasets]'; found {error}") from None
    rows = [row for number, one in enumerate(transitions(trajectories, engine)) for row in _rows(number, one)]
    if not rows:
        raise ImgEditError("expected recordings with at least one step; found none")
    word, number, amount = datasets.Value("string"), datasets.Value("int64"), datasets.Value("float32")
    features = {
        **dict.fromkeys(("episode", "step"), number),
        "agent": word,
        "seed": number,
        **dict.fromkeys(("task_id", "instruction"), word),
        "plan": [word],
        "plan_step": word,
        **dict.fromkeys(("source", "image", "next_image"), datasets.Image()),
        "tool": word,
        "region": number,
        "reward": amount,
        "problem": word,
        "score": amount,
        "success": datasets.Value("bool"),
    }
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def _rows(number: int, episode: Transitions) -> Iterator[dict[str, Any]]:
    from PIL import Image

    trajectory = episode.trajectory
    pictures = [Image.fromarray(picture) for picture in episode.observations["image"]]
    told = {name: getattr(trajectory, name) for name in ("agent", "seed", "task_id", "instruction", "plan", "success")}
    for at, step in enumerate(trajectory.steps):
        yield {
            **told,
            "episode": number,
            "step": at,
            "plan_step": trajectory.plan[at] if at < len(trajectory.plan) else "",
            "source": pictures[0],
            "image": pictures[at],
            "next_image": pictures[at + 1],
            **{name: step[name] for name in ("tool", "region", "reward", "problem")},
            "score": trajectory.scores["score"],
        }


def _carried_out(trajectory: Trajectory, engine: Engine) -> Transitions:
    start(trajectory, engine)
    spec = gym.envs.registration.registry.get(trajectory.env_id)
    budget = (spec.max_episode_steps if spec else None) or engine.max_plan_steps
    row = torch.tensor([0], device=engine.device)
    actions = torch.zeros(len(trajectory.steps), engine.num_envs, 2, dtype=torch.int64)
    seen = [_seen(engine, budget)]
    for at, step in enumerate(trajectory.steps):
        if step["tool"] not in engine.tool_ids:
            raise ImgEditError(f"unknown tool {step['tool']!r}; expected one of: {', '.join(engine.tool_ids)}")
        actions[at, 0] = torch.tensor([engine.tool_ids.index(step["tool"]), step["region"]])
        engine.step(actions[at], row)
        seen.append(_seen(engine, budget))
    ended = bool(engine.step_index[0] >= engine.plan_length[0])
    last = np.arange(len(actions)) == len(actions) - 1
    return Transitions(
        trajectory=trajectory,
        observations={name: np.stack([one[name] for one in seen]) for name in seen[0]},
        actions=actions[:, 0].numpy(),
        rewards=np.array([step["reward"] for step in trajectory.steps], dtype=np.float32),
        terminations=last & ended,
        truncations=last & (not ended),
    )


def _seen(engine: Engine, budget: int) -> dict[str, np.ndarray]:
    return {name: tensor[0].cpu().numpy() for name, tensor in shared.observe(engine, budget).items()}


def _key(trajectory: Trajectory) -> str:
    return json.dumps([trajectory.env_id, trajectory.env_kwargs], sort_keys=True)
