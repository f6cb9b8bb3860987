"""``ImageEdit-v0``: carry out a plan of edits, one tool in one region at a time."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.envs.registration import registry
from gymnasium.error import ResetNeeded

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan, parse_plan
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.engine import Engine
from imgedit_gym.rendering import Screen, describe, draw_frame
from imgedit_gym.tasks.users import OPTIONS as USER_OPTIONS

MET = 0.5
"""A requirement of at least this value is met."""

OPTIONS = ("task_id", *USER_OPTIONS)
"""Keys of ``reset(options=...)``."""

STATE_VERSION = 1

Observation: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Judged:
    """The latest verdict that could be used, as plain numbers, and whether the latest of all could be."""

    scores: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    values: tuple[float, ...] = ()
    success: bool = False
    valid: bool = True
    calls: float = 0.0
    reason: str = ""

    def after(self, verdict: Verdict) -> _Judged:
        """This judgement brought up to date; a failed one leaves the numbers as they were."""
        calls, reason = float(verdict.calls[0]), verdict.reasons.get(0, "")
        if not bool(verdict.valid[0]):
            return replace(self, success=False, valid=False, calls=calls, reason=reason)
        axes = (verdict.execution, verdict.preservation, verdict.quality, verdict.score)
        return _Judged(
            scores=tuple(float(axis[0]) for axis in axes),  # type: ignore[arg-type]
            values=tuple(verdict.requirements[0].tolist()),
            success=bool(verdict.success[0]),
            calls=calls,
            reason=reason,
        )


@dataclass(frozen=True)
class _Last:
    """The action that led to the current picture; tool -1 before the first one."""

    tool: int = -1
    region: int = 0
    error: str = ""
    changed: int = 0
    reward: float = 0.0


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

    The codes are those of `imgedit_gym.core.vocabulary`, and zeros once the plan is exhausted. The step budget is that
    of the registered id, 10: a `max_episode_steps` given to `gymnasium.make` is known to its `TimeLimit` alone. An
    environment that was not made by `gymnasium.make` takes `max_plan_steps` for its budget.

    The instruction and the plan in words are in `info`, which has the same keys after `reset` and `step`:

    | Key | Meaning |
    |---|---|
    | `task_id` | name of the task |
    | `instruction` | the request in words |
    | `plan` | the plan as a list of sentences |
    | `plan_step`, `plan_index` | the current step in words, empty once the plan is exhausted, and its index |
    | `requirements` | list of mappings: `text`, `kind`, `value` in [0, 1], whether `met`, and its plan `step` |
    | `preserved` | by name, how far each thing that must be kept was kept, in [0, 1] |
    | `scores` | `E` execution, `P` preservation, `Q` quality, and the combined `score`, in [0, 1] |
    | `success` | whether every requirement is met and little else was touched |
    | `is_success` | the same; the name that Stable-Baselines3 logs |
    | `action_mask` | a tuple of two `int8` arrays for `action_space.sample(mask=...)` |
    | `action_error` | why the action did nothing; empty if it did something |
    | `changed_pixels` | how many pixels the action changed |
    | `judge` | its `id`, `version` and `prompt_hash`; of its verdict, whether `valid`, model `calls`, and `reason` |

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

    Each reward is in [-1, 1]. Where a judgement failed the reward is 0, `info["judge"]["valid"]` is False, and
    `info["scores"]` and `info["requirements"]` hold the numbers of the last judgement that did not fail.

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

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 2}

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
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ImgEditError(
                f"render_mode must be None or one of {self.metadata['render_modes']}; found {render_mode!r}"
            )
        self.render_mode = render_mode
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
        self.observation_space: spaces.Space[Any] = observation_space(self.engine)
        self.action_space = spaces.MultiDiscrete(list(self.engine.nvec))
        self._begun = False
        self._ended = False
        self._seeded = False
        self._last = _Last()
        self._judged = _Judged()

    # ------------------------------------------------------------------ Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; see the class for the options.

        Args:
            seed: Starts the sequence of tasks anew; without it the next task of the sequence is taken.
            options: What to edit instead of the next task; an episode started so does not use the sequence up.

        Raises:
            ImgEditError: If an option is unknown or not what is expected; the episode is then as it was.
        """
        start = _Start.read(options or {}, self.engine)
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(1 << 31))
        verdict = start.begin(self.engine, seed)
        self._begun, self._ended, self._seeded = True, False, True
        self._last, self._judged = _Last(), _Judged().after(verdict)
        return self._observation(), self._info()

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
        reward, self._ended = float(result.reward[0]), bool(result.terminated[0])
        self._last = _Last(
            tool,
            region,
            self.engine.problem_text(tool, int(result.problems[0])),
            int(result.changed[0]),
            reward,
        )
        self._judged = self._judged.after(result.verdict)
        return self._observation(), reward, self._ended, False, self._info()

    def render(self) -> Any:
        """The episode as a picture (``rgb_array``: ``uint8 [H, W, 3]``) or as text (``ansi``)."""
        if self.render_mode is None:
            gym.logger.warn(
                "render() does nothing without a render_mode: gymnasium.make('ImageEdit-v0', render_mode='rgb_array')"
            )
            return None
        self._check_begun("render")
        screen = self._screen()
        return describe(screen) if self.render_mode == "ansi" else draw_frame(screen)

    def close(self) -> None:
        """Do nothing: the environment holds no window, file or process. May be called again."""

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
        tools = self.engine.tool_mask()[0].cpu().numpy()
        return np.concatenate([tools, np.ones(N_REGIONS, dtype=bool)])

    def _checked(self, action: Any) -> tuple[int, int]:
        """Tool and region of an action inside the space, as Python numbers."""
        n_tools, n_regions = self.engine.nvec
        expected = f"expected a tool below {n_tools} and a region below {n_regions}, two whole numbers"
        try:
            tool, region = (_whole(part) for part in action)
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
        self._judged = self._judged.after(self.engine.set_plan(0, plan))
        return self._observation(), self._info()

    def get_state(self) -> dict[str, Any]:
        """A copy of the episode, from which :meth:`set_state` goes on exactly; a plain dictionary that pickles.

        The position in the sequence of tasks is part of it. What wrappers count, such as the steps of ``TimeLimit``,
        is not: a branch of an episode under a wrapper has the wrapper's own count.

        Raises:
            gymnasium.error.ResetNeeded: Before the first ``reset``.
        """
        self._check_begun("get_state")
        return {
            "version": STATE_VERSION,
            "engine": self.engine.get_state(0),
            "judged": self._judged,
            "last": self._last,
            "ended": self._ended,
        }

    def set_state(self, state: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        """Go on from a state of :meth:`get_state`, of this or another environment with the same arguments.

        Returns:
            Observation and info of that state.

        Raises:
            ImgEditError: If it is no such state, or one of another image size or plan length.
        """
        if not isinstance(state, Mapping) or state.get("version") != STATE_VERSION:
            raise ImgEditError(
                f"set_state takes what get_state gave, version {STATE_VERSION}; found {type(state).__name__}"
            )
        self.engine.set_state(0, state["engine"])
        self._judged, self._last, self._ended = state["judged"], state["last"], state["ended"]
        self._begun = self._seeded = True
        return self._observation(), self._info()

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
    def _index(self) -> int:
        return int(self.engine.step_index[0])

    @property
    def _budget(self) -> int:
        """Steps an episode may take: the registered spec's, or ``max_plan_steps`` without one.

        ``gymnasium.make`` tells an environment its id and keeps ``max_episode_steps`` to itself.
        """
        if self.spec is None:
            return self.engine.max_plan_steps
        registered = registry.get(self.spec.id)
        limit = self.spec.max_episode_steps or (registered and registered.max_episode_steps)
        return limit or self.engine.max_plan_steps

    def _observation(self) -> Observation:
        engine = self.engine
        done = self._index / max(int(engine.plan_length[0]), 1)
        used = self._index / self._budget
        return {
            "image": engine.canvas[0].cpu().numpy().copy(),
            "plan_step": engine.current_codes()[0].cpu().numpy().astype(np.int64),
            "progress": np.clip(np.array([done, used], dtype=np.float32), 0.0, 1.0),
        }

    def _info(self) -> dict[str, Any]:
        engine, judged = self.engine, self._judged
        batch, judge = engine.batch, engine.judge
        tools = engine.tool_mask()[0].cpu().numpy().astype(np.int8)
        return {
            "task_id": engine.tasks.task_id(batch, 0),
            "instruction": engine.tasks.instruction(batch, 0),
            "plan": [step.text for step in engine.plan(0)],
            "plan_step": engine.current_step(0).text,
            "plan_index": self._index,
            "requirements": self._requirements(),
            "preserved": self._preserved(),
            "scores": dict(zip(("E", "P", "Q", "score"), judged.scores, strict=True)),
            "is_success": judged.success,
            "success": judged.success,
            "action_mask": (tools, np.ones(N_REGIONS, dtype=np.int8)),
            "action_error": self._last.error,
            "changed_pixels": self._last.changed,
            "judge": {
                "id": judge.id,
                "version": judge.version,
                "prompt_hash": judge.prompt_hash,
                "valid": judged.valid,
                "calls": judged.calls,
                "reason": judged.reason,
            },
        }

    def _requirements(self) -> list[dict[str, Any]]:
        wanted = self.engine.tasks.requirements(self.engine.batch, 0)
        values = (*self._judged.values, *(0.0 for _ in wanted))  # no values where no judgement has succeeded yet
        return [
            {
                "text": requirement.text,
                "kind": requirement.kind.name.lower(),
                "value": value,
                "met": value >= MET,
                "step": requirement.step,
            }
            for requirement, value in zip(wanted, values, strict=False)
        ]

    def _preserved(self) -> dict[str, float]:
        """How far each thing to be kept was kept, by name; measured by code whatever the judge."""
        engine = self.engine
        kept = engine.batch.keep[0].nonzero().flatten().tolist()
        values = engine.checklist.measure(engine.canvas, engine.step_index).preserved[0].tolist()
        found: dict[str, float] = {}
        for label in kept:
            found[_unused(engine.tasks.label_name(engine.batch, 0, label), found)] = values[label]
        return found

    def _screen(self) -> Screen:
        engine, last, judged = self.engine, self._last, self._judged
        mask = None
        if last.tool > 0:
            row, region = torch.tensor([[0], [last.region]], device=engine.device)
            regions = engine.regions.regions(row, region)
            mask = regions.masks[0].cpu().numpy()
        return Screen(
            source=engine.batch.images[0].cpu().numpy().copy(),
            canvas=engine.canvas[0].cpu().numpy().copy(),
            region=last.region,
            mask=mask,
            instruction=engine.tasks.instruction(engine.batch, 0),
            plan=tuple(step.text for step in engine.plan(0)),
            plan_index=self._index,
            requirements=tuple((entry["text"], entry["value"], entry["met"]) for entry in self._requirements()),
            scores=judged.scores,
            success=judged.success,
            valid=judged.valid,
            tool="" if last.tool < 0 else engine.tool_ids[last.tool],
            error=last.error,
            changed=last.changed,
            reward=last.reward,
        )


@dataclass(frozen=True)
class _Start:
    """What an episode starts from, read from ``reset(options=...)`` and checked."""

    key: int | None = None
    plan: Plan | None = None
    user: dict[str, Any] | None = None

    @classmethod
    def read(cls, options: Mapping[str, Any], engine: Engine) -> _Start:
        """Check options before anything changes.

        Raises:
            ImgEditError: If a key is unknown, keys exclude each other, or a task id or plan is not one.
        """
        unknown = sorted(str(key) for key in options if key not in OPTIONS)
        if unknown:
            raise ImgEditError(f"unknown reset options {unknown}; expected some of {list(OPTIONS)}")
        own = [key for key in USER_OPTIONS if key != "plan" and options.get(key) is not None]
        task_id, plan = options.get("task_id"), options.get("plan")
        if own and task_id is not None:
            raise ImgEditError(f"reset options: either task_id or a task of your own; found task_id and {own}")
        steps = None if plan is None else parse_plan(plan, engine.max_plan_steps)
        if own:
            return cls(user={key: value for key, value in options.items() if value is not None})
        if task_id is None:
            return cls(plan=steps)
        if not isinstance(task_id, str):
            raise ImgEditError(f"task_id: expected text; found {task_id!r}")
        return cls(key=engine.tasks.key_of(task_id), plan=steps)

    def begin(self, engine: Engine, seed: int | None) -> Verdict:
        """Start the episode in row 0; a seed starts the sequence of tasks anew."""
        if self.user is not None:
            verdict = engine.reset_user_task(0, self.user)
        elif self.key is not None:
            verdict = engine.reset_keys([0], [self.key])
        else:
            verdict = engine.reset([0], [seed])
        if seed is not None and (self.user is not None or self.key is not None):
            engine.seeds[0], engine.episodes[0] = seed, -1
        return verdict if self.plan is None else engine.set_plan(0, self.plan)


def observation_space(engine: Engine) -> spaces.Dict:
    """Observation space of one environment of an engine."""
    size = engine.image_size
    return spaces.Dict(
        {
            "image": spaces.Box(0, 255, (size, size, 3), np.uint8),
            "plan_step": spaces.MultiDiscrete(list(engine.vocabulary.nvec)),
            "progress": spaces.Box(0.0, 1.0, (2,), np.float32),
        }
    )


def _whole(value: Any) -> int:
    """A whole number of any library as a Python one; a truth value is none."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError("a truth value is no index")
    return operator.index(value)


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it if it is taken."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate
