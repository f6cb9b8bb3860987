"""``ImageEdit-v0``: carry out a plan of edits, one tool in one region at a time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import near
from imgedit_gym.envs import shared
from imgedit_gym.envs.base import Arrays, EngineEnv, EngineVectorEnv
from imgedit_gym.envs.episode import Words, info_of
from imgedit_gym.judging import COSTS
from imgedit_gym.trajectory import Trajectory, trajectory_of

Observation: TypeAlias = dict[str, np.ndarray]


class ImageEditEnv(EngineEnv):
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
    | `lineage` | of an edit by a model, what it was given and gave; empty for others unless `engine.trace` is set |
    | `judge` | who judged and at what cost: see below |

    `info["judge"]` has the judge's `id`, `version`, `prompt_hash` and `model`; whether its verdict is `valid`, and the
    `reason` if not; whether the judgements behind the reward are, `reward_valid`; how many judgements of the episode
    `failed`; and the model `calls`, `tokens` and `seconds` of this step.

    ## Action Space
    `MultiDiscrete([n_tools, 65])`: a tool and a region. Tool 0 is `skip`. Region 0 is the whole picture, region i is
    cell i - 1 of an 8 x 8 lattice, counted row by row; under the regions of adverts a cell stands for the object, the
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
    `info["scores"]` and `info["requirements"]` hold the numbers of the last judgement that did not fail, nan where
    none of the episode has succeeded yet. The judge is asked only where the picture has changed: a picture that is
    the same keeps its judgement, also a failed one, unless the judge is not deterministic, so that asking again may
    help.

    ## Starting State
    A task of the split, drawn from the seed, with its picture untouched. `reset(seed=...)` starts a sequence of
    tasks, and each `reset()` without a seed takes the next one. `reset(options=...)` takes

    - `task_id`: the task of this name, as `info["task_id"]` gave it;
    - `plan`: the plan to follow, as text with one step a line or as a sequence of steps;
    - `image` and `instruction`, with `objects`, `headline_box`, `plan`, `checklist` and `mask` where wanted: a task
      of your own, see `imgedit_gym.tasks.users`.

    ## Episode End
    - Terminated: the plan is exhausted.
    - Truncated: the step budget is spent (`max_episode_steps`, 10 as registered). The `TimeLimit` wrapper that
      `gymnasium.make` adds does this; the environment itself never truncates.

    ## Arguments
    Every pluggable argument takes an id, or a JSON-able mapping with the key `id` and further arguments; `tools` also
    takes a list of them.

    | Argument | Default | Meaning |
    |---|---|---|
    | `tasks` | `"adverts"` | where tasks come from; `"photos"`: photographs to be retouched |
    | `planner` | `"oracle"` | from task to plan: `"oracle"`, `"none"`, `"rules"`, `"language"`, `"agent"`; see below |
    | `tools` | `"pixel"` | the tools, in action order; `"pixel"` and `"retouch"` stand for all of their kind |
    | `regions` | `"auto"` | what a region index means, such as `"segments"`; `"auto"`: what suits the tasks |
    | `judge` | `"checklist"` | from picture to verdict |
    | `reward_mode` | `"delta"` | `"delta"`, `"outcome"` or `"additive"` |
    | `image_size` | `128` | edge of the picture in pixels, 64 to 512 |
    | `max_plan_steps` | `8` | longest plan, 1 to 8 |
    | `split` | `"train"` | split of the task source |
    | `device` | `"cpu"` | torch device of the engine |
    | `render_mode` | `None` | `"rgb_array"` or `"ansi"` |

    The planner `"none"` makes the instruction the only step, `"rules"` goes by its key words, `"language"` asks the
    language model named as `model`, and `"agent"` waits for `set_plan`; until then it is as `"none"`.

    ## Version History
    - v0: first version.
    """

    def __init__(
        self,
        tasks: Any = "adverts",
        planner: Any = "oracle",
        tools: Any = "pixel",
        regions: Any = "auto",
        judge: Any = "checklist",
        reward_mode: str = "delta",
        image_size: int = 128,
        max_plan_steps: int = 8,
        split: str = "train",
        device: str = "cpu",
        render_mode: str | None = None,
    ) -> None:
        arguments = {
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
        super().__init__(arguments, render_mode)
        self.observation_space: spaces.Space[Any] = shared.observation_space(self.engine)
        self.action_space = spaces.MultiDiscrete(list(self.engine.nvec))
        self._budget = shared.budget_of_make() or max_plan_steps

    # ------------------------------------------------------------------ Gymnasium

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
                known = self.engine.tool_ids
                raise ImgEditError(f"unknown tool {tool!r}{near(tool, known)} (expected one of: {', '.join(known)})")
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
        return self._state()

    def set_state(self, state: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        """Go on from a state of :meth:`get_state`, of this or another environment with the same arguments.

        Returns:
            Observation and info of that state.

        Raises:
            ImgEditError: If it is no such state, or one of another image size or plan length.
        """
        self._put_state(state)
        return self._look()

    # ------------------------------------------------------------------ looking

    @property
    def _ended(self) -> bool:
        return bool(self.engine.step_index[0] >= self.engine.plan_length[0])

    def _observation(self) -> Observation:
        return {name: tensor[0].cpu().numpy() for name, tensor in shared.observe(self.engine, self._budget).items()}

    def _info(self) -> dict[str, Any]:
        return info_of(self.engine, 0, self._read())


_ARGUMENTS = {
    name: parameter.default
    for name, parameter in inspect.signature(ImageEditEnv).parameters.items()
    if name != "render_mode"
}
"""Keyword arguments of the engine that both environments take, with their defaults."""


class ImageEditVectorEnv(EngineVectorEnv):
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

    per_index = (
        *EngineVectorEnv.per_index,
        "action_error",
        "observation",
        "trajectory",
        "get_state",
    )
    per_batch = ("action_masks", *EngineVectorEnv.per_batch)

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        output: str = "numpy",
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        self.max_episode_steps = shared.checked_limit(max_episode_steps)
        super().__init__(num_envs, autoreset_mode, output, render_mode, arguments, _ARGUMENTS)
        actions = spaces.MultiDiscrete(list(self.engine.nvec))
        self._set_spaces(shared.observation_space(self.engine), actions)
        self._budget = self.max_episode_steps or self.engine.max_plan_steps

    # ------------------------------------------------------------------ Gymnasium

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
        fresh = self._waiting()
        if not len(fresh):
            result = engine.step(chosen)
        else:
            acting = (~self._done).nonzero().flatten()
            result = engine.step(torch.where(self._done[:, None], 0, chosen), acting, fresh)
        terminated, truncated = result.terminated, torch.zeros_like(result.terminated)
        if self.max_episode_steps is not None:
            truncated = engine.step_index >= self.max_episode_steps
        self._done = terminated | truncated
        final = self._restart()
        infos = self._info(torch.ones_like(terminated)) | final
        reward = result.reward if self.output == "torch" else result.reward.double()
        return self._observation(), self._out(reward), self._out(terminated), self._out(truncated), infos

    # ------------------------------------------------------------------ one environment on request

    def action_error(self, index: int) -> str:
        """Why the latest action of an environment did nothing; empty if it did something."""
        return self.info(index)["action_error"]

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
        return self._state(self._row(index))

    def set_state(self, index: int, state: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        """Put an environment into a state of :meth:`get_state`, its steps counted.

        Returns:
            Observation and info of that environment.

        Raises:
            ImgEditError: If it is no such state, or one of another image size or plan length.
        """
        row = self._row(index)
        self._put_state(row, state)
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

    # ------------------------------------------------------------------ inside

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

    def _final_observation(self, rows: torch.Tensor) -> Arrays:
        seen = {"image": self.engine.canvas, "plan_step": self.engine.current_codes().long()}
        seen["progress"] = self.engine.progress(self._budget)
        return {name: self._only(tensor, rows) for name, tensor in seen.items()}

    def _observation(self) -> Arrays:
        return {name: self._out(tensor) for name, tensor in shared.observe(self.engine, self._budget).items()}

    def _info_of(self, row: int) -> dict[str, Any]:
        return info_of(self.engine, row, Words.read(self.engine, row))

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
