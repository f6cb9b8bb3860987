"""``ImageEdit-v0``: carry out a plan of edits, one tool in one region at a time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.rng import checked_seed
from imgedit_gym.engine import Engine
from imgedit_gym.envs import shared
from imgedit_gym.envs.episode import Words, info_of, preserved_of, requirements_of
from imgedit_gym.envs.options import Start, read_mask, read_seeds
from imgedit_gym.judging import COSTS
from imgedit_gym.trajectory import Trajectory, trajectory_of

OUTPUTS = ("numpy", "torch")

Observation: TypeAlias = dict[str, np.ndarray]
Arrays: TypeAlias = dict[str, Any]
"""Arrays of NumPy or torch by name, nested for some names."""


class ImageEditEnv(gym.Env[Observation, np.ndarray]):
    """Edit a picture until it satisfies an abstract instruction, one atomic edit a step.

    ## Description
    An advert is composed of objects, a headline and badges on a background, and comes with an abstract instruction
    such as "make this advertisement more vegetarian-friendly". A plan breaks the instruction down into atomic steps.
    At each step the agent chooses which tool to use and where; the tool edits the picture, led by the current plan
    step, and the plan goes on to the next step. A judge scores the picture against a checklist of requirements that
    a good result satisfies, against what must be preserved, and for damage.

    ## Observation Space
    A `Dict` with three keys:

    | Key | Space | Meaning |
    |---|---|---|
    | `image` | `Box(0, 255, (S, S, 3), uint8)` | the picture as it is now, S is `image_size` |
    | `plan_step` | `MultiDiscrete([12, 272, 528])` | codes of the current plan step: verb, target, value |
    | `progress` | `Box(0, 1, (2,), float32)` | share of the plan that is done, and of the step budget that is used |

    The codes are those of `imgedit_gym.core.vocabulary`, and zeros once the plan is exhausted. The step budget is the
    `max_episode_steps` of `gymnasium.make`, 10 by default. Without one, as where the class is called, it is
    `max_plan_steps`.

    The instruction and the plan in words are in `info`, which has the same keys after `reset` and `step`:

    | Key | Meaning |
    |---|---|
    | `task_id` | name of the task |
    | `instruction` | the request in words |
    | `plan` | the plan as a list of sentences |
    | `plan_step`, `plan_index` | the current step in words, empty once the plan is exhausted, and its index |
    | `requirements` | list of mappings: `text`, `kind`, `value` in [0, 1], whether `met`, and its plan `step` |
    | `preserved` | by name, how far each thing that must be kept was kept, in [0, 1]; from the judge, or measured |
    | `scores` | `E` execution, `P` preservation, `Q` quality, the combined `score`, and the judge's parts, in [0, 1] |
    | `success` | whether every requirement is met and little else was touched |
    | `is_success` | the same; the name that Stable-Baselines3 logs |
    | `action_mask` | a tuple of two `int8` arrays for `action_space.sample(mask=...)` |
    | `action_error` | why the action did nothing; empty if it did something |
    | `changed_pixels` | how many pixels the action changed |
    | `judge` | who judged and at what cost: see below |

    `info["judge"]` has the judge's `id`, `version` and `prompt_hash`; whether its verdict is `valid`, and the `reason`
    if not; whether the judgements behind the reward are, `reward_valid`; how many judgements of the episode `failed`;
    and the model `calls`, `tokens` and `seconds` of this step.

    ## Action Space
    `MultiDiscrete([n_tools, 65])`: a tool and a region. Tool 0 is `skip`. Region 0 is the whole picture, region i is
    cell i - 1 of an 8 x 8 lattice, counted row by row; with `regions="segments"` a cell stands for the object, the
    headline or the background that dominates it. An action that cannot be carried out changes nothing, uses the plan
    step up and says why in `info["action_error"]`; one outside the space raises an error. `action` and
    `describe_action` translate between names and indices, `action_masks` is what MaskablePPO asks for.

    ## Rewards
    The score is `E * (0.6 + 0.4 P) * (0.8 + 0.2 Q)` unless the judge is told to combine otherwise.

    - `reward_mode="delta"`: the change of the score; the sum over an episode is final minus initial score. Under the
      oracle's plan a requirement counts from its own plan step on; under any other plan all count throughout.
    - `reward_mode="outcome"`: the score after the last plan step, 0 before.
    - `reward_mode="additive"`: what each plan step alone would earn on the source picture.

    Each reward is in [-1, 1]. A judge that fails raises an error, or, with `"on_error": "invalid"`, gives an invalid
    judgement: the reward is 0 then, `info["judge"]["reward_valid"]` is False, and
    `info["scores"]` and `info["requirements"]` hold the numbers of the last judgement that did not fail. The judge is
    asked only where the picture has changed: a picture that is the same keeps its judgement, also a failed one, unless
    the judge is not deterministic, so that asking again may help.

    ## Starting State
    A task of the split, drawn from the seed, with its picture untouched. `reset(seed=...)` starts a sequence of
    tasks, and each `reset()` without a seed takes the next one. `reset(options=...)` takes

    - `task_id`: the task of this name, as `info["task_id"]` gave it;
    - `plan`: the plan to follow, as text with one step a line or as a sequence of steps;
    - `image` and `instruction`, with `objects`, `headline_box`, `plan` and `checklist` where wanted: a task of your
      own, see `imgedit_gym.tasks.users`.

    ## Episode End
    - Terminated: the plan is exhausted.
    - Truncated: the step budget is spent (`max_episode_steps`, 10 as registered). The `TimeLimit` wrapper that
      `gymnasium.make` adds does this; the environment itself never truncates.

    ## Arguments
    Every pluggable argument takes an id, or a JSON-able mapping with the key `id` and further arguments; `tools` also
    takes a list of them.

    | Argument | Default | Meaning |
    |---|---|---|
    | `tasks` | `"adverts"` | where tasks come from |
    | `planner` | `"oracle"` | from task to plan; `"none"`: one step, the instruction; `"agent"`: waits for `set_plan` |
    | `tools` | `"pixel"` | the tools, in the order of the action space; `"pixel"` stands for all pixel tools |
    | `regions` | `"segments"` | what a region index means; `"cells"`: the lattice's cells themselves |
    | `judge` | `"checklist"` | from picture to verdict |
    | `reward_mode` | `"delta"` | `"delta"`, `"outcome"` or `"additive"` |
    | `image_size` | `128` | edge of the picture in pixels, 64 to 512 |
    | `max_plan_steps` | `8` | longest plan, 1 to 8 |
    | `split` | `"train"` | split of the task source |
    | `device` | `"cpu"` | torch device of the engine |
    | `render_mode` | `None` | `"rgb_array"` or `"ansi"` |

    ## Version History
    - v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": list(shared.RENDER_MODES), "render_fps": 2}

    def __init__(
        self,
        tasks: Any = "adverts",
        planner: Any = "oracle",
        tools: Any = "pixel",
        regions: Any = "segments",
        judge: Any = "checklist",
        reward_mode: str = "delta",
        image_size: int = 128,
        max_plan_steps: int = 8,
        split: str = "train",
        device: str = "cpu",
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = shared.checked_render_mode(render_mode)
        self.arguments: dict[str, Any] = {
            "tasks": tasks,
            "planner": planner,
            "tools": tools,
            "regions": regions,
            "judge": judge,
            "reward_mode": reward_mode,
            "image_size": image_size,
            "max_plan_steps": max_plan_steps,
            "split": split,
            "device": device,
        }
        self.engine = Engine(1, **self.arguments)
        self.observation_space: spaces.Space[Any] = shared.observation_space(self.engine)
        self.action_space = spaces.MultiDiscrete(list(self.engine.nvec))
        self._budget = shared.budget_of_make() or max_plan_steps
        self._begun = False
        self._seeded = False
        self._words: Words | None = None

    # ------------------------------------------------------------------ Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; see the class for the options.

        Args:
            seed: Starts the sequence of tasks anew; without it the next task of the sequence is taken.
            options: What to edit instead of the next task; an episode started so does not use the sequence up.

        Raises:
            ImgEditError: If an option or the seed is not what is expected; the episode is then as it was.
        """
        seed = None if seed is None else checked_seed(seed)
        start = Start.read(options or {}, self.engine)
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(1 << 31))
        start.begin(self.engine, seed)
        self._begun = self._seeded = True
        return self._look()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Use a tool in a region and go on to the next plan step.

        Args:
            action: Tool and region, two whole numbers.

        Raises:
            ImgEditError: If the action is outside the action space; nothing has changed then.
            gymnasium.error.ResetNeeded: Before the first ``reset``, and after the episode has terminated.
        """
        self._check_begun("step")
        if self._ended:
            raise ResetNeeded("the plan is exhausted and the episode has terminated: call reset() before step()")
        tool, region = self._checked(action)
        result = self.engine.step(torch.tensor([[tool, region]]))
        return self._observation(), float(result.reward[0]), bool(result.terminated[0]), False, self._info()

    def render(self) -> Any:
        """The episode as a picture (``rgb_array``: ``uint8 [H, W, 3]``) or as text (``ansi``)."""
        if self.render_mode is None:
            shared.warn_of_no_mode("make")
            return None
        self._check_begun("render")
        return shared.frame(self.engine, 0, self._read(), self.render_mode)

    def close(self) -> None:
        """Close what the judge has open, if anything. May be called again."""
        self.engine.close()

    # ------------------------------------------------------------------ actions

    def action(self, tool: str | int = "skip", region: int = 0) -> np.ndarray:
        """The action that uses a tool in a region.

        Args:
            tool: Id or index of the tool.
            region: Index of the region, 0 for the whole picture.

        Raises:
            ImgEditError: If there is no such tool or region.
        """
        if isinstance(tool, str):
            if tool not in self.engine.tool_ids:
                raise ImgEditError(f"unknown tool {tool!r}; expected one of: {', '.join(self.engine.tool_ids)}")
            tool = self.engine.tool_ids.index(tool)
        return np.array(self._checked((tool, region)), dtype=np.int64)

    def describe_action(self, action: Any) -> tuple[str, int]:
        """Id of the tool and index of the region: the inverse of :meth:`action`."""
        tool, region = self._checked(action)
        return self.engine.tool_ids[tool], region

    def action_masks(self) -> np.ndarray:
        """Which tools and regions make sense now, ``bool [n_tools + n_regions]``: what MaskablePPO asks for.

        A tool is masked out when it can do nothing with the current plan step; ``skip`` and all regions are allowed.
        """
        return shared.action_masks(self.engine)[0].cpu().numpy()

    def _checked(self, action: Any) -> tuple[int, int]:
        """Tool and region of an action inside the space, as Python numbers."""
        n_tools, n_regions = self.engine.nvec
        expected = f"expected a tool below {n_tools} and a region below {n_regions}, two whole numbers"
        try:
            tool, region = (shared.whole(part) for part in action)
        except (TypeError, ValueError):
            raise ImgEditError(f"{expected}; found {action!r}") from None
        if not (0 <= tool < n_tools and 0 <= region < n_regions):
            raise ImgEditError(f"{expected}; found {action!r}")
        return tool, region

    # ------------------------------------------------------------------ plans and branching

    def set_plan(self, plan: Any) -> tuple[Observation, dict[str, Any]]:
        """Follow another plan; only before the first action of an episode.

        Args:
            plan: Text with one step a line, or a sequence of steps; see :func:`imgedit_gym.core.plan.parse_plan`.

        Returns:
            Observation and info as ``reset`` gives them, with the new plan.

        Raises:
            ImgEditError: If the episode has begun, or the plan is not one; the old plan stays.
            gymnasium.error.ResetNeeded: Before the first ``reset``.
        """
        self._check_begun("set_plan")
        self.engine.set_plan(0, plan)
        return self._look()

    def get_state(self) -> dict[str, Any]:
        """A copy of the episode, from which :meth:`set_state` goes on exactly; a plain dictionary that pickles.

        A vector environment takes it as well, and gives such states.

        The position in the sequence of tasks is part of it. What wrappers count, such as the steps of ``TimeLimit``,
        is not: a branch of an episode under a wrapper has the wrapper's own count.

        Raises:
            gymnasium.error.ResetNeeded: Before the first ``reset``.
        """
        self._check_begun("get_state")
        return shared.get_state(self.engine, 0)

    def set_state(self, state: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        """Go on from a state of :meth:`get_state`, of this or another environment with the same arguments.

        Returns:
            Observation and info of that state.

        Raises:
            ImgEditError: If it is no such state, or one of another image size or plan length.
        """
        shared.set_state(self.engine, 0, state)
        self._begun = self._seeded = True
        return self._look()

    def __getstate__(self) -> dict[str, Any]:
        held = {name: value for name, value in self.__dict__.items() if name != "engine"}
        held["_pickled"] = self.get_state() if self._begun else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        state = held.pop("_pickled")
        self.__dict__.update(held)
        self.engine = Engine(1, **self.arguments)
        if state is not None:
            self.set_state(state)

    # ------------------------------------------------------------------ looking

    def _check_begun(self, what: str) -> None:
        if not self._begun:
            raise ResetNeeded(f"call reset() before {what}()")

    @property
    def _ended(self) -> bool:
        return bool(self.engine.step_index[0] >= self.engine.plan_length[0])

    def _look(self) -> tuple[Observation, dict[str, Any]]:
        """Observation and info of an episode whose words may be others now."""
        self._words = None
        return self._observation(), self._info()

    def _observation(self) -> Observation:
        return {name: tensor[0].cpu().numpy() for name, tensor in shared.observe(self.engine, self._budget).items()}

    def _info(self) -> dict[str, Any]:
        return info_of(self.engine, 0, self._read())

    def _read(self) -> Words:
        if self._words is None:
            self._words = Words.read(self.engine, 0)
        return self._words


_ARGUMENTS = {
    name: parameter.default
    for name, parameter in inspect.signature(ImageEditEnv).parameters.items()
    if name != "render_mode"
}
"""Keyword arguments of the engine that both environments take, with their defaults."""


class ImageEditVectorEnv(VectorEnv[Arrays, Any, Any]):
    """A batch of ``ImageEdit-v0`` in one engine: ``gymnasium.make_vec("ImageEdit-v0", num_envs=...)``.

    Environment i is, bit for bit, the single environment with its seed, through all of its episodes, whatever the
    batch size, its neighbours and the autoreset mode.

    ``infos`` carry arrays only, each with its mask of the name ``_key``: `plan_index`, `plan_length`,
    `n_requirements`, `action_problem` (0 where the action did something) and `changed_pixels`, ``int64 [B]``;
    `requirements` ``float32 [B, 18]``, the values, in the order of :meth:`requirements`; `preserved`
    ``float32 [B, 14]`` by segment label; `success` and `is_success` ``bool [B]``; `action_mask`
    ``int8 [B, n_tools + 65]``; `scores`, a mapping of `E`, `P`, `Q`, `score` and the judge's parts ``float32 [B]``; and
    `judge`, one of `valid` and `reward_valid` ``bool [B]``, `failed` ``int64 [B]``, and `calls`, `tokens` and `seconds`
    ``float32 [B]``. What is said in words is read on request, environment by
    environment: :meth:`instruction`, :meth:`plan`, :meth:`info`, :meth:`trajectory` and so on.

    Args:
        num_envs: B, how many environments.
        max_episode_steps: Steps after which an episode is truncated, and the step budget of the observation;
            ``None`` or -1: never, and `max_plan_steps` for the budget.
        autoreset_mode: An ``AutoresetMode`` or its value. ``"NextStep"``: the step after an episode's last one starts
            the next episode, whatever the action, with reward 0. ``"SameStep"``: the last step does, and hands the
            last observation and info over as ``final_obs`` and ``final_info``, zeros where no episode has ended.
            ``"Disabled"``: nothing does; call ``reset(options={"reset_mask": ...})``.
        output: ``"numpy"``: fresh arrays. ``"torch"``: fresh tensors on the engine's device.
        render_mode: ``"rgb_array"`` or ``"ansi"``.
        **arguments: `tasks`, `planner`, `tools`, `regions`, `judge`, `reward_mode`, `image_size`, `max_plan_steps`,
            `split` and `device`, as in :class:`ImageEditEnv`.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    metadata: dict[str, Any] = {"render_modes": list(shared.RENDER_MODES), "render_fps": 2}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        output: str = "numpy",
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        if output not in OUTPUTS:
            raise ImgEditError(f"output must be one of {OUTPUTS}; found {output!r}")
        self.output = output
        self.max_episode_steps = shared.checked_limit(max_episode_steps)
        self.autoreset_mode = shared.checked_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = shared.checked_render_mode(render_mode)
        unknown = sorted(arguments.keys() - _ARGUMENTS.keys())
        if unknown:
            raise ImgEditError(f"unknown arguments {unknown}; expected some of {sorted(_ARGUMENTS)}")
        self.arguments: dict[str, Any] = _ARGUMENTS | arguments
        self.engine = Engine(num_envs, **self.arguments)
        self.num_envs = num_envs
        self.single_observation_space = shared.observation_space(self.engine)
        self.single_action_space = spaces.MultiDiscrete(list(self.engine.nvec))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._budget = self.max_episode_steps or self.engine.max_plan_steps
        self._begun = False
        self._done = torch.zeros(num_envs, dtype=torch.bool, device=self.engine.device)

    # ------------------------------------------------------------------ Gymnasium

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: Starts sequences of tasks anew: s stands for s, s + 1, ... by environment; a list gives each its own.
                Where it is ``None``, the next task of the sequence is taken.
            options: ``{"reset_mask": mask}`` with ``bool [B]`` resets these environments alone; the others stay as
                they are, and are masked out in the info.

        Raises:
            ImgEditError: If an option or seed is not what is expected; all episodes are then as they were.
            gymnasium.error.ResetNeeded: If the first ``reset`` is to leave environments out.
        """
        self._check_open()
        mask = read_mask(options or {}, self.num_envs)
        seeds = read_seeds(seed, self.num_envs)
        if not self._begun and not mask.all():
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        super().reset(seed=None if isinstance(seed, Sequence | np.ndarray) else seeds[0])
        if not self._begun:
            drawn = self.np_random.integers(1 << 31, size=self.num_envs).tolist() if None in seeds else seeds
            seeds = [other if own is None else own for own, other in zip(seeds, drawn, strict=True)]
        rows = mask.nonzero().flatten().tolist()
        self.engine.reset(rows, [seeds[row] for row in rows])
        self._begun = True
        shown = mask.to(self.engine.device)
        self._done &= ~shown
        return self._observation(), self._info(shown)

    def step(self, actions: Any) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """Use a tool in a region in every environment, and go on to the next plan step.

        Args:
            actions: Tool and region of each, whole numbers ``[B, 2]``: an array, a tensor or nested lists.

        Returns:
            Observations; rewards, ``float64 [B]`` (``float32`` as tensors); whether episodes have terminated and
            whether they are truncated, ``bool [B]``; infos.

        Raises:
            ImgEditError: If an action is outside the action space; nothing has changed then.
            gymnasium.error.ResetNeeded: Before the first ``reset``, and for finished episodes that nobody resets.
        """
        self._check_begun("step")
        engine, chosen = self.engine, self._checked(actions)
        waiting = self.autoreset_mode is not AutoresetMode.SAME_STEP and bool(self._done.any())
        if not waiting:
            result = engine.step(chosen)
        elif self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episode of environment {int(self._done.nonzero()[0])} has ended: "
                "call reset(options={'reset_mask': ...}) before step()"
            )
        else:
            acting, fresh = (~self._done).nonzero().flatten(), self._done.nonzero().flatten()
            result = engine.step(torch.where(self._done[:, None], 0, chosen), acting, fresh)
        terminated, truncated = result.terminated, torch.zeros_like(result.terminated)
        if self.max_episode_steps is not None:
            truncated = engine.step_index >= self.max_episode_steps
        self._done = terminated | truncated
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and bool(self._done.any()):
            final = self._restart()
        infos = self._info(torch.ones_like(terminated)) | final
        reward = result.reward if self.output == "torch" else result.reward.double()
        return self._observation(), self._out(reward), self._out(terminated), self._out(truncated), infos

    def _restart(self) -> dict[str, Any]:
        """Start the next episode where one has ended; returns what is told of those that have."""
        done = self._done
        rows = done.nonzero().flatten()
        seen = {"image": self.engine.canvas, "plan_step": self.engine.current_codes().long()}
        seen["progress"] = self.engine.progress(self._budget)
        told = {"final_obs": {name: self._only(tensor, rows) for name, tensor in seen.items()}}
        told |= {"final_info": self._info(done), "_final_obs": self._out(done), "_final_info": self._out(done.clone())}
        self.engine.advance(rows)
        self._done = torch.zeros_like(done)
        return told

    def render(self) -> tuple[Any, ...] | None:
        """The episodes as pictures (``rgb_array``: ``uint8 [H, W, 3]`` each) or as texts (``ansi``)."""
        if self.render_mode is None:
            shared.warn_of_no_mode("make_vec")
            return None
        self._check_begun("render")
        words = (Words.read(self.engine, row) for row in range(self.num_envs))
        return tuple(shared.frame(self.engine, row, said, self.render_mode) for row, said in enumerate(words))

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the engine and its memory."""
        engine = self.__dict__.pop("engine", None)  # there is none where the constructor has failed
        if engine is not None:
            engine.close()

    # ------------------------------------------------------------------ one environment on request

    def task_id(self, index: int) -> str:
        """Name of an environment's task."""
        row = self._row(index)
        return self.engine.tasks.task_id(self.engine.batch, row)

    def instruction(self, index: int) -> str:
        """The request of an environment in words."""
        row = self._row(index)
        return self.engine.tasks.instruction(self.engine.batch, row)

    def plan(self, index: int) -> list[str]:
        """The plan of an environment in words."""
        row = self._row(index)
        return [step.text for step in self.engine.plan(row)]

    def requirements(self, index: int) -> list[dict[str, Any]]:
        """The requirements of an environment, as in the info of the single environment."""
        row = self._row(index)
        return requirements_of(self.engine, row, Words.read(self.engine, row))

    def preserved(self, index: int) -> dict[str, float]:
        """How far each thing to be kept was kept, by name."""
        row = self._row(index)
        return preserved_of(self.engine, row, Words.read(self.engine, row))

    def action_error(self, index: int) -> str:
        """Why the latest action of an environment did nothing; empty if it did something."""
        return self.info(index)["action_error"]

    def info(self, index: int) -> dict[str, Any]:
        """The info of an environment, as the single environment gives it."""
        row = self._row(index)
        return info_of(self.engine, row, Words.read(self.engine, row))

    def observation(self, index: int) -> Observation:
        """The observation of an environment, as the single environment gives it."""
        row = self._row(index)
        return {name: tensor[row].cpu().numpy() for name, tensor in shared.observe(self.engine, self._budget).items()}

    def trajectory(self, index: int, agent: str = "") -> Trajectory:
        """The episode of an environment so far, as it can be written, read and replayed.

        Args:
            index: Which environment.
            agent: Name of the agent.
        """
        return trajectory_of(self, self._row(index), agent)

    def get_state(self, index: int) -> dict[str, Any]:
        """A copy of an environment's episode; the single environment gives and takes the same."""
        row = self._row(index)
        return shared.get_state(self.engine, row)

    def set_state(self, index: int, state: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        """Put an environment into a state of :meth:`get_state`, its steps counted.

        Returns:
            Observation and info of that environment.

        Raises:
            ImgEditError: If it is no such state, or one of another image size or plan length.
        """
        row = self._row(index)
        shared.set_state(self.engine, row, state)
        self._done = self._ended()
        return self.observation(row), self.info(row)

    def set_plans(self, plans: Sequence[Any], indices: Sequence[int] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """Have environments follow other plans; only before the first actions of their episodes.

        Args:
            plans: Text with one step a line, or a sequence of steps, each.
            indices: Whose plans these are; ``None`` for all.

        Returns:
            Observations and infos as ``reset`` gives them, those of the other environments masked out.

        Raises:
            ImgEditError: If an episode has begun, or a plan is not one; all old plans stay.
        """
        self._check_begun("set_plans")
        rows = list(range(self.num_envs)) if indices is None else [self._row(index) for index in indices]
        if len(plans) != len(rows) or isinstance(plans, str):
            raise ImgEditError(f"set_plans: expected a list of {len(rows)} plans; found {plans!r}"[:200])
        self.engine.set_plans(rows, plans)
        shown = torch.zeros_like(self._done)
        shown[rows] = True
        return self._observation(), self._info(shown)

    # ------------------------------------------------------------------ what libraries ask for

    def action_masks(self) -> Any:
        """Which tools and regions make sense now, ``bool [B, n_tools + n_regions]``: what MaskablePPO asks for."""
        self._check_begun("action_masks")
        return self._out(shared.action_masks(self.engine))

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What a method gives for each environment, or an attribute once for each; as in ``SyncVectorEnv``.

        Args:
            name: ``action_masks``, ``render``, a method that takes an index, without it, or an attribute.
            *args: Further arguments of a method that takes an index.
            **kwargs: The same by name.
        """
        if name in PER_INDEX:
            return tuple(getattr(self, name)(index, *args, **kwargs) for index in range(self.num_envs))
        value = getattr(self, name)
        if name in ("action_masks", "render"):
            return tuple(value(*args, **kwargs))
        if callable(value):
            raise ImgEditError(f"call: expected one of action_masks, render, {', '.join(PER_INDEX)}; found {name!r}")
        return (value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute, once for each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of all environments; they share it, so a list must hold the same for all.

        Raises:
            ImgEditError: If the values differ, or are not as many as the environments.
        """
        if isinstance(values, (list, tuple)):
            if len(values) != self.num_envs or any(value != values[0] for value in values):
                raise ImgEditError(f"set_attr: expected {self.num_envs} equal values for {name!r}; found {values!r}")
            values = values[0]
        setattr(self, name, shared.checked_render_mode(values) if name == "render_mode" else values)

    # ------------------------------------------------------------------ inside

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the environment is closed")

    def _check_begun(self, what: str) -> None:
        self._check_open()
        if not self._begun:
            raise ResetNeeded(f"call reset() before {what}()")

    def _row(self, index: int) -> int:
        self._check_begun("asking for one environment")
        try:
            row = shared.whole(index)
        except TypeError:
            row = -1
        if not 0 <= row < self.num_envs:
            raise ImgEditError(f"expected an index from 0 to {self.num_envs - 1}; found {index!r}")
        return row

    def _checked(self, actions: Any) -> torch.Tensor:
        """Actions as a tensor of the right shape; the engine checks their range."""
        found = actions
        if not isinstance(found, torch.Tensor):
            try:
                array = np.asarray(found)
                found = torch.from_numpy(array.astype(np.int64)) if array.dtype.kind in "iu" else None
            except (TypeError, ValueError):
                found = None
        elif found.dtype == torch.bool or found.is_floating_point() or found.is_complex():
            found = None
        if found is None or found.shape != (self.num_envs, 2):
            n_tools, n_regions = self.engine.nvec
            shown = f"the shape {tuple(found.shape)}" if found is not None else " ".join(repr(actions).split())[:80]
            raise ImgEditError(
                f"actions: expected a tool below {n_tools} and a region below {n_regions}, two whole numbers, "
                f"for each of {self.num_envs} environments; found {shown}"
            )
        return found.to(self.engine.device, torch.int64)

    def _ended(self) -> torch.Tensor:
        """Which episodes have terminated or are truncated, by their steps."""
        ended = self.engine.step_index >= self.engine.plan_length
        return ended if self.max_episode_steps is None else ended | (self.engine.step_index >= self.max_episode_steps)

    def _out(self, tensor: torch.Tensor) -> Any:
        """A fresh tensor as it is handed out."""
        return tensor if self.output == "torch" else tensor.cpu().numpy()

    def _only(self, tensor: torch.Tensor, rows: torch.Tensor) -> Any:
        """Some rows of a tensor as they are handed out, zeros elsewhere."""
        if self.output == "torch":
            return torch.zeros_like(tensor).index_copy_(0, rows, tensor[rows])
        chosen = tensor[rows].cpu().numpy()
        found = np.zeros(tensor.shape, dtype=chosen.dtype)  # pages that nothing is written to cost nothing
        found[rows.cpu().numpy()] = chosen
        return found

    def _observation(self) -> Arrays:
        return {name: self._out(tensor) for name, tensor in shared.observe(self.engine, self._budget).items()}

    def _info(self, shown: torch.Tensor) -> dict[str, Any]:
        engine, verdict = self.engine, self.engine.verdict
        taken = engine.latest()
        return self._with_masks(
            {
                "plan_index": engine.step_index.long(),
                "plan_length": engine.plan_length.long(),
                "n_requirements": (engine.batch.requirements[..., 0] > 0).sum(1),
                "requirements": verdict.requirements.clone(),
                "preserved": verdict.preserved.clone(),  # type: ignore[union-attr]
                "scores": {name: values.clone() for name, values in verdict.named_scores().items()},
                "success": verdict.success.clone(),
                "is_success": verdict.success.clone(),
                "action_mask": shared.action_masks(engine).to(torch.int8),
                "action_problem": taken[:, 2].clone(),
                "changed_pixels": taken[:, 3].clone(),
                "judge": {
                    "valid": verdict.valid.clone(),
                    "reward_valid": engine.reward_valid.clone(),
                    "failed": engine.failed.clone(),
                    **{name: getattr(verdict, name).clone() for name in COSTS},
                },
            },
            shown,
        )

    def _with_masks(self, values: Mapping[str, Any], shown: torch.Tensor) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in values.items():
            found[name] = self._with_masks(value, shown) if isinstance(value, Mapping) else self._out(value)
            found[f"_{name}"] = self._out(shown.clone())
        return found

    def __getstate__(self) -> dict[str, Any]:
        held = {name: value for name, value in self.__dict__.items() if name != "engine"}
        open_and_begun = self._begun and not self.closed
        held["_pickled"] = [self.get_state(row) for row in range(self.num_envs)] if open_and_begun else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        states = held.pop("_pickled")
        self.__dict__.update(held)
        if not self.closed:
            self.engine = Engine(self.num_envs, **self.arguments)
        for row, state in enumerate(states or ()):
            shared.set_state(self.engine, row, state)


PER_INDEX = (
    "task_id",
    "instruction",
    "plan",
    "requirements",
    "preserved",
    "action_error",
    "info",
    "observation",
    "trajectory",
    "get_state",
)
"""Methods of the vector environment that read one environment."""
