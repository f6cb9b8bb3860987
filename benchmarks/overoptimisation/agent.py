"""The agent that is trained on the judge: MaskablePPO with a small network, under the oracle's plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed

from benchmarks.overoptimisation.play import Policy
from imgedit_gym.integrations.stable_baselines3 import make_vec_env
from imgedit_gym.judges.base import Judge

ROLLOUT = 16
"""Steps of each environment between two updates."""

LARGEST_BATCH = 256

HYPERPARAMETERS: dict[str, Any] = {
    "n_steps": ROLLOUT,
    "n_epochs": 4,
    "learning_rate": 5e-4,
    "ent_coef": 0.01,
    "gamma": 0.95,
}


class Spent(BaseCallback):
    """Counts what training costs, and tells how far it has come.

    Args:
        progress: Told how many more steps have been taken.
        judged: What to go on counting from.
        tool_calls: The same.

    Attributes:
        judged: Pictures that the judge was asked for, apart from failed ones that it was asked for again.
        tool_calls: Actions other than ``skip``.
    """

    def __init__(self, progress: Callable[[int], None], judged: int = 0, tool_calls: int = 0) -> None:
        super().__init__()
        self._progress = progress
        self.judged, self.tool_calls = judged, tool_calls

    def _on_training_start(self) -> None:
        self.judged += self.training_env.num_envs

    def _on_step(self) -> bool:
        self.judged += sum(info["changed_pixels"] > 0 for info in self.locals["infos"])
        self.judged += int(self.locals["dones"].sum())
        self.tool_calls += int((self.locals["actions"][:, 0] > 0).sum())
        self._progress(self.training_env.num_envs)
        return True


class Trainee:
    """An agent that is trained bit by bit; where it goes on depends on nothing but its parameters and the seed.

    Args:
        judge: Whose score it is paid for.
        num_envs: Environments that it learns from at a time.
        image_size: Edge of the pictures.
        seed: Of the network.
    """

    def __init__(self, judge: Judge, num_envs: int, image_size: int, seed: int) -> None:
        self._envs = make_vec_env(num_envs, image_size=image_size, judge=judge)
        steps = ROLLOUT * num_envs
        batch = max(size for size in range(1, LARGEST_BATCH + 1) if steps % size == 0)
        self._model = MaskablePPO(
            "MultiInputPolicy", self._envs, seed=seed, batch_size=batch, device="cpu", **HYPERPARAMETERS
        )

    def train(self, rollouts: int, seed: int, spent: Spent) -> None:
        """Train on new episodes.

        Args:
            rollouts: How many updates.
            seed: Of the first environment's episodes, and of all other choices.
            spent: Goes on counting.
        """
        set_random_seed(seed)
        self._envs.seed(seed)
        self._model._last_obs = None  # so that the environments are reset
        steps = rollouts * ROLLOUT * self._envs.num_envs
        self._model.learn(steps, callback=spent, reset_num_timesteps=False)

    def policy(self, seed: int) -> Policy:
        """The policy as it is now; it draws its actions, as in training."""
        set_random_seed(seed)

        def act(observations: dict[str, torch.Tensor], masks: torch.Tensor) -> torch.Tensor:
            seen = {name: value.numpy() for name, value in observations.items()}
            return torch.from_numpy(self._model.predict(seen, action_masks=masks.numpy())[0])

        return act

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the network and the optimiser."""
        return self._model.get_parameters()

    @parameters.setter
    def parameters(self, parameters: dict[str, Any]) -> None:
        self._model.set_parameters(parameters, device="cpu")

    def close(self) -> None:
        """Let go of the environments."""
        self._envs.close()
