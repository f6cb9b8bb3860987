"""Learning by trial: MaskablePPO of sb3-contrib on the batched environment, with the same policy network."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from baselines.orchestrator.measure import measure
from baselines.orchestrator.network import EDGE, Network, Shape, shrink, vocabulary_words
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.training.checkpoint import checkpoint, read_checkpoint
from baselines.training.judge.kinds import WIDTH
from baselines.training.orchestrator.curve import Curve, Pace
from baselines.training.orchestrator.plan import PPOPreset
from baselines.vision import Vision
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.vocabulary import load_vocabulary
from imgedit_gym.wrappers import VectorJointDiscreteAction

try:
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.logger import KVWriter, Logger
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from stable_baselines3.common.utils import FloatSchedule
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
except ImportError as error:
    raise ImgEditError(f"PPO needs sb3-contrib: pip install 'imgedit-gym[baselines]'; found {error}") from error

from imgedit_gym.integrations.stable_baselines3 import make_vec_env

CHECKPOINT = "ppo.pt"
_LEAST_RATE = 0.1


class Looking(VecEnvWrapper):
    """Shows the policy what it needs: small pictures, codes of the plan step, and image tokens.

    The frozen encoder looks at each picture once, not at every pass of the update.
    """

    def __init__(self, venv: VecEnv, vision: Vision | None) -> None:
        self._vision = vision
        shown: dict[str, spaces.Space[Any]] = {
            "picture": spaces.Box(0, 255, (3, EDGE, EDGE), np.uint8),
            "step": spaces.Box(0.0, np.inf, (3,), np.float32),
        }
        if vision is not None:
            shown["tokens"] = spaces.Box(-np.inf, np.inf, (vision.places**2, WIDTH), np.float32)
        super().__init__(venv, observation_space=spaces.Dict(shown))

    def reset(self) -> Any:
        """Start new episodes."""
        return self._look(self.venv.reset())

    def step_wait(self) -> Any:
        """Carry the actions out; terminal observations are not shown, as no episode is cut off."""
        observations, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            info.pop("terminal_observation", None)
        return self._look(observations), rewards, dones, infos

    def _look(self, observations: Any) -> dict[str, np.ndarray]:
        images = torch.from_numpy(observations["image"])
        shown = {"picture": shrink(images).numpy(), "step": observations["plan_step"].astype(np.float32)}
        if self._vision is not None:
            shown["tokens"] = self._vision.tokens(images).cpu().numpy()
        return shown


class _Extractor(BaseFeaturesExtractor):
    """The policy network as a feature extractor: log-probabilities of all pairs, then what is known of the state."""

    def __init__(self, observation_space: spaces.Dict, shape: Shape, n_tools: int, words: Any) -> None:
        super().__init__(observation_space, n_tools * N_REGIONS + shape.width)
        self.network = Network(shape, n_tools, words)

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        choices = self.network(observations["picture"], observations["step"], observations.get("tokens"))
        return torch.cat([choices.log_probs().flatten(1), choices.state], 1)


class _Part(nn.Module):
    """Some of the features."""

    def __init__(self, part: slice) -> None:
        super().__init__()
        self.part = part

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features[:, self.part]


class OrchestratorActorCritic(MaskableMultiInputActorCriticPolicy):
    """The orchestrator's policy, and a value read from what it knows of the state."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        pairs = int(self.action_space.n)  # type: ignore[attr-defined]
        width = self.features_dim - pairs
        self.action_net = _Part(slice(pairs))
        self.value_net = nn.Sequential(_Part(slice(pairs, None)), nn.Linear(width, 1))  # type: ignore[assignment]
        make: Any = self.optimizer_class
        self.optimizer = make(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class _Count(BaseCallback):
    """Counts tool calls: actions other than ``skip``; and says how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.tell: Callable[[str], None] = lambda doing: None

    def _on_step(self) -> bool:
        self.calls += int((self.locals["actions"] >= N_REGIONS).sum())
        self.tell("")
        return True


class _Board(KVWriter):
    """Puts what the algorithm tells of an update beside the measurements of the training's curve."""

    _NAMES: ClassVar[dict[str, str]] = {"time/fps": "speed/steps_per_second"}

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        for name, value in key_values.items():
            if name in self._NAMES or not name.startswith("time/"):
                self._writer.add_scalar(self._NAMES.get(name, name), float(value), step)

    def close(self) -> None:
        """The curve closes its own."""


class PPOTraining:
    """A training that can be killed at any time and goes on from its last checkpoint to the same weights.

    Args:
        preset: How it learns.
        folder: For checkpoints and curves.
        seed: Of all random choices.
        vision: The frozen encoder; ``None`` where ``preset.shape.codes`` is not set.
        device: Where to compute.
    """

    def __init__(
        self, preset: PPOPreset, folder: Path, seed: int = 0, vision: Vision | None = None, device: str = "cpu"
    ) -> None:
        if preset.chunk % (preset.envs * preset.rollout) or preset.steps % preset.chunk:
            raise ImgEditError(
                f"steps must be chunks of {preset.chunk}, and these rollouts of {preset.envs * preset.rollout}; "
                f"found {preset.steps}"
            )
        self.preset, self.folder, self.seed = preset, folder, seed
        folder.mkdir(parents=True, exist_ok=True)
        self._arguments: dict[str, Any] = {"image_size": preset.image_size, "device": device}
        env = make_vec_env(preset.envs, split="train", wrappers=[VectorJointDiscreteAction], **self._arguments)
        self._env = Looking(env, vision)
        tool_ids = env.env.unwrapped.engine.tool_ids  # type: ignore[attr-defined]
        words = None if vision is None else vocabulary_words(vision, load_vocabulary())
        self._count = _Count()
        self.model = MaskablePPO(
            OrchestratorActorCritic,
            self._env,
            learning_rate=preset.rate,
            n_steps=preset.rollout,
            batch_size=preset.batch,
            n_epochs=preset.epochs,
            gamma=preset.discount,
            ent_coef=preset.entropy,
            seed=seed,
            device=device,
            policy_kwargs={
                "features_extractor_class": _Extractor,
                "features_extractor_kwargs": {"shape": preset.shape, "n_tools": len(tool_ids), "words": words},
                "normalize_images": False,
                "net_arch": [],
                "ortho_init": False,
            },
        )
        extractor = self.model.policy.features_extractor
        assert isinstance(extractor, _Extractor)
        self.orchestrator = Orchestrator(extractor.network, tool_ids, vision if preset.shape.codes else None)
        eyes = vision.digest if vision is not None and preset.shape.codes else "none"
        self._settings = f"--method ppo --seed {seed}, encoder {eyes}, {preset}"
        self.chunk, self.seconds = 0, 0.0
        path = folder / CHECKPOINT
        if path.exists():
            state = read_checkpoint(path, self._settings)
            self.model.policy.load_state_dict(state["policy"])
            self.model.policy.optimizer.load_state_dict(state["optimizer"])
            self.model._n_updates = state["updates"]
            self.chunk, self.seconds, self._count.calls = state["chunk"], state["seconds"], state["calls"]

    def run(self) -> Orchestrator:
        """Learn; what is done already is not done again."""
        preset, model = self.preset, self.model
        curve = Curve(self.folder, "ppo")
        model.set_logger(Logger(str(self.folder), [_Board(curve.writer)]))
        began = time.process_time() - self.seconds
        pace = Pace("ppo", "steps", preset.steps, self.chunk * preset.chunk, self.seconds)
        self._count.tell = lambda doing: pace.tell(model.num_timesteps, time.process_time() - began, doing)
        model.policy.optimizer.register_step_post_hook(lambda *_: self._count.tell("learning from the last steps"))
        while self.chunk * preset.chunk < preset.steps:
            # random numbers and episodes begin anew from seed and chunk, so that an interrupted run learns the same
            model.set_random_seed(self.seed * 1_000_003 + self.chunk)
            self._env.seed(self.seed * 10_000_019 + self.chunk * preset.chunk)
            model._last_obs = None
            model.num_timesteps = self.chunk * preset.chunk
            share = 1.0 - self.chunk * preset.chunk / preset.steps
            model.lr_schedule = FloatSchedule(preset.rate * max(share, _LEAST_RATE))
            model.learn(preset.chunk, callback=self._count, reset_num_timesteps=False, log_interval=1)
            # what the last update of a chunk has told is not written down until more steps follow
            model.logger.dump(model.num_timesteps)
            self.chunk += 1
            self.seconds = time.process_time() - began
            values, episodes = measure(
                self.orchestrator, range(preset.validation), {**self._arguments, "split": "val"}, pictured=6
            )
            curve.add(self.chunk * preset.chunk, self._count.calls, self.seconds, values)
            curve.episodes(self.chunk * preset.chunk, episodes)
            checkpoint(
                self.folder / CHECKPOINT,
                settings=self._settings,
                policy=model.policy.state_dict(),
                optimizer=model.policy.optimizer.state_dict(),
                updates=model._n_updates,
                chunk=self.chunk,
                seconds=self.seconds,
                calls=self._count.calls,
            )
        return self.orchestrator
