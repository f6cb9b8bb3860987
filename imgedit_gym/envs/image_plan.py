"""``ImagePlan-v0``: plan the edits that satisfy an abstract instruction; an orchestrator carries them out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import MAX_TEXT, Plan, PlanError, read_plan
from imgedit_gym.core.plan_report import PlanReport
from imgedit_gym.core.registry import ORCHESTRATORS
from imgedit_gym.core.words import CHARSET, plain
from imgedit_gym.engine import Engine
from imgedit_gym.envs import shared
from imgedit_gym.envs.base import Arrays, EngineEnv, EngineVectorEnv
from imgedit_gym.envs.episode import Words, judge_of, preserved_of, requirements_of, scores_of
from imgedit_gym.envs.options import OPTIONS
from imgedit_gym.orchestrators.base import Orchestrator, carry_out

MAX_INSTRUCTION = 256
"""Longest instruction in characters; longer ones are cut."""

PLAN_CHARSET = CHARSET + "\n"
"""What plans are made of: the printable characters of ASCII and the line break."""

FAULTS = ("infeasible", "redundant", "harmful", "disordered")
UNPLANNED = {"coverage": 0.0, "preservation": 1.0}
"""Measures where there is no plan."""


@dataclass(frozen=True)
class Round:
    """What came of one environment's plan.

    Attributes:
        played: Whether there was one.
        error: Why the text is no plan; empty if it is one.
        line: In which line it is none, from 1; 0 if it is one.
        report: Measures of the plan apart from its execution; ``None`` where there is none.
        valid: Whether the reward rests on judgements that did not fail.
    """

    played: bool = False
    error: str = ""
    line: int = 0
    report: PlanReport | None = None
    valid: bool = True


class Rounds:
    """The one step of each environment of an engine: read the plans, carry them out, reward them.

    Args:
        engine: Whose environments wait for their plans.
        orchestrator: Who carries plans out.
    """

    def __init__(self, engine: Engine, orchestrator: Orchestrator) -> None:
        self._engine, self._orchestrator = engine, orchestrator
        self.rounds: list[Round] = [Round()] * engine.num_envs

    def restart(self, rows: Sequence[int]) -> None:
        """Forget the plans of environments whose episodes have begun anew."""
        for row in rows:
            self.rounds[row] = Round()

    def play(self, texts: Mapping[int, str]) -> torch.Tensor:
        """Carry plans out.

        Args:
            texts: One a row; text that is no plan changes nothing.

        Returns:
            Rewards, ``float32 [B]``: final minus initial score, 0 where a judgement failed.
        """
        engine, plans = self._engine, self._read(texts)
        reward = torch.zeros(engine.num_envs, device=engine.device)
        if not plans:
            return reward
        rows = list(plans)
        index = torch.tensor(rows, device=engine.device)
        engine.set_plans(rows, list(plans.values()))
        before, known = engine.score[index], engine.verdict.valid[index]
        reports = {row: engine.tasks.check_plan(engine.batch, row, plan) for row, plan in plans.items()}
        carry_out(engine, self._orchestrator, index)
        valid = known & engine.verdict.valid[index]
        reward[index] = torch.where(valid, engine.score[index] - before, 0.0)
        for row, fine in zip(rows, valid.tolist(), strict=True):
            self.rounds[row] = Round(played=True, report=reports[row], valid=fine)
        return reward

    def _read(self, texts: Mapping[int, str]) -> dict[int, Plan]:
        plans: dict[int, Plan] = {}
        for row, text in texts.items():
            try:
                plans[row] = read_plan(text, self._engine.max_plan_steps)
            except PlanError as error:
                self.rounds[row] = Round(played=True, error=str(error), line=error.line)
        return plans


class ImagePlanEnv(EngineEnv):
    """Plan the edits that make a picture satisfy an abstract instruction.

    ## Description
    The planner's side of `ImageEdit-v0`: the agent sees the picture and reads the instruction, and answers with a
    plan; the configured orchestrator carries the plan out, and the reward is what it makes of it.

    ## Observation Space
    A `Dict` with two keys:

    | Key | Space | Meaning |
    |---|---|---|
    | `image` | `Box(0, 255, (S, S, 3), uint8)` | the picture, S is `image_size`; after the step what became of it |
    | `instruction` | `Text` | the request, up to 256 characters of printable ASCII |

    ## Action Space
    `Text`: up to `max_plan_steps` lines, each one step of the plan grammar (`imgedit_gym.core.plan`), such as
    `replace the hamburger with the carrot`, in printable ASCII and line breaks. A text that is no plan (a line that is
    no step, no step, too many steps) changes nothing, ends the episode with reward 0 and is answered in
    `info["plan_error"]`; one outside the space raises an error. The wrapper `PlanTokens` takes and gives token ids.

    ## Rewards
    The score of the final picture minus that of the first, in [-1, 1]; all requirements count throughout. A judge
    that fails raises an error, or, with `"on_error": "invalid"`, gives the reward 0 and
    `info["judge"]["reward_valid"]` False.

    ## Starting State
    A task of the split, as in `ImageEdit-v0`. `reset(options=...)` takes `task_id`, or `image` and `instruction` with
    `objects`, `headline_box` and `checklist` where wanted.

    ## Episode End
    Terminated after the one step.

    ## Information
    | Key | Meaning |
    |---|---|
    | `task_id`, `instruction` | name of the task; the request in words |
    | `plan` | the plan as a list of sentences in canonical form; empty before it is given, and where there is none |
    | `plan_error`, `plan_error_line` | why the text is no plan, and in which line, from 1; empty and 0 if it is one |
    | `plan_report` | measures of the plan apart from its execution, see below |
    | `tools`, `regions` | id of the tool and index of the region that were used for each step |
    | `action_errors` | why each step's tool did nothing; empty if it did something |
    | `requirements`, `preserved`, `scores`, `success`, `is_success` | as in `ImageEdit-v0` |
    | `judge` | as in `ImageEdit-v0`, with `judgements`, how many were made, in place of their costs |

    The judgements of an orchestrator that looks ahead count. `info["plan_report"]` has `coverage`, the share of the
    requirements that the plan would satisfy if it were carried out perfectly; `preservation`, the share of what must
    be kept that it keeps; and lists of the indices of steps that are `infeasible`, `redundant`, `harmful` or
    `disordered`; see `imgedit_gym.core.plan_report`. Without a plan nothing is covered and all is kept.

    ## Arguments
    | Argument | Default | Meaning |
    |---|---|---|
    | `tasks` | `"adverts"` | where tasks come from |
    | `orchestrator` | `"oracle"` | who carries plans out; `{"id": "agent", "agent": "module:attribute"}`: an agent |
    | `tools` | `"pixel"` | the tools, as in `ImageEdit-v0` |
    | `regions` | `"auto"` | what a region index means, as in `ImageEdit-v0` |
    | `judge` | `"checklist"` | from picture to verdict |
    | `image_size` | `128` | edge of the picture in pixels, 64 to 512 |
    | `max_plan_steps` | `8` | longest plan, 1 to 8 |
    | `split` | `"train"` | split of the task source |
    | `device` | `"cpu"` | torch device of the engine |
    | `render_mode` | `None` | `"rgb_array"` or `"ansi"` |

    ## Version History
    - v0: first version.
    """

    options = tuple(key for key in OPTIONS if key != "plan")
    rebuilt = ("engine", "orchestrator", "_rounds")

    def __init__(
        self,
        tasks: Any = "adverts",
        orchestrator: Any = "oracle",
        tools: Any = "pixel",
        regions: Any = "auto",
        judge: Any = "checklist",
        image_size: int = 128,
        max_plan_steps: int = 8,
        split: str = "train",
        device: str = "cpu",
        render_mode: str | None = None,
    ) -> None:
        arguments = {
            "tasks": tasks,
            "orchestrator": orchestrator,
            "tools": tools,
            "regions": regions,
            "judge": judge,
            "image_size": image_size,
            "max_plan_steps": max_plan_steps,
            "split": split,
            "device": device,
        }
        super().__init__(arguments, render_mode)
        self.observation_space = observation_space(self.engine)
        self.action_space = action_space(self.engine)

    def _build(self) -> None:
        self.engine, self.orchestrator = build(1, self.arguments)
        self._rounds = Rounds(self.engine, self.orchestrator)

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Have a plan carried out.

        Args:
            action: The plan as text, one step a line.

        Raises:
            ImgEditError: If the action is outside the action space, or the orchestrator chooses what there is not;
                in the first case nothing has changed.
            gymnasium.error.ResetNeeded: Before the first ``reset``, and after the episode has terminated.
        """
        self._check_begun("step")
        if self._rounds.rounds[0].played:
            raise ResetNeeded("the episode has terminated: call reset() before step()")
        reward = self._rounds.play({0: checked_text(action, self.action_space)})
        self._words = None
        return self._observation(), float(reward[0]), True, False, self._info()

    def _restarted(self) -> None:
        self._rounds.restart([0])

    def _observation(self) -> dict[str, Any]:
        return {"image": self.engine.canvas[0].cpu().numpy().copy(), "instruction": instruction_of(self.engine, 0)}

    def _info(self) -> dict[str, Any]:
        return info_of(self.engine, 0, self._read(), self._rounds.rounds[0])

    def _state(self) -> dict[str, Any]:
        return {"engine": super()._state(), "round": self._rounds.rounds[0]}

    def _put_state(self, state: Mapping[str, Any]) -> None:
        super()._put_state(state["engine"])
        self._rounds.rounds[0] = state["round"]


_ARGUMENTS = {
    name: parameter.default
    for name, parameter in inspect.signature(ImagePlanEnv).parameters.items()
    if name != "render_mode"
}
"""Keyword arguments that both environments take, with their defaults."""


class ImagePlanVectorEnv(EngineVectorEnv):
    """A batch of ``ImagePlan-v0`` in one engine: ``gymnasium.make_vec("ImagePlan-v0", num_envs=...)``.

    Environment i is, bit for bit, the single environment with its seed, given an orchestrator that does not depend on
    company, as the oracle does not. Instructions and plans are tuples of B texts.

    ``infos`` carry arrays only, each with its mask of the name ``_key``: `plan_length`, `plan_error_line` and
    `n_requirements`, ``int64 [B]``; `actions` ``int64 [B, max_plan_steps, 2]``, tool and region of each step, -1 where
    there is none; `plan_report`, a mapping of `coverage` and `preservation` ``float32 [B]``, and of how many steps are
    `infeasible`, `redundant`, `harmful` and `disordered`, ``int64 [B]``; and `requirements`, `preserved`, `scores`,
    `success`, `is_success` and `judge` (`valid`, `reward_valid`, `failed`, `judgements`) as in ``ImageEdit-v0``.
    What is said in words is read on request: :meth:`instruction`, :meth:`plan`, :meth:`info`.

    Args:
        num_envs: B, how many environments.
        autoreset_mode: As in ``ImageEdit-v0``; every episode ends with its one step.
        output: ``"numpy"``: fresh arrays. ``"torch"``: fresh tensors on the engine's device.
        render_mode: ``"rgb_array"`` or ``"ansi"``.
        **arguments: As in :class:`ImagePlanEnv`.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    rebuilt = ("engine", "orchestrator", "_rounds")

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        output: str = "numpy",
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(num_envs, autoreset_mode, output, render_mode, arguments, _ARGUMENTS)
        self._set_spaces(observation_space(self.engine), action_space(self.engine))

    def _build(self) -> None:
        self.engine, self.orchestrator = build(self.num_envs, self.arguments)
        self._rounds = Rounds(self.engine, self.orchestrator)

    def step(self, actions: Any) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """Have a plan carried out in every environment.

        Args:
            actions: B texts, one step a line.

        Returns:
            Observations; rewards, ``float64 [B]`` (``float32`` as tensors); whether episodes have terminated and
            whether they are truncated, ``bool [B]``; infos.

        Raises:
            ImgEditError: If an action is outside the action space, or the orchestrator chooses what there is not;
                in the first case nothing has changed.
            gymnasium.error.ResetNeeded: Before the first ``reset``, and for finished episodes that nobody resets.
        """
        self._check_begun("step")
        texts = self._checked(actions)
        fresh = self._waiting()
        acting = torch.ones_like(self._done)
        acting[fresh] = False
        reward = self._rounds.play({row: texts[row] for row in acting.nonzero().flatten().tolist()})
        if len(fresh):
            self.engine.advance(fresh)
            self._restarted(fresh.tolist())
        self._done = acting.clone()
        final = self._restart()
        infos = self._info(torch.ones_like(acting)) | final
        handed = reward if self.output == "torch" else reward.double()
        return self._observation(), self._out(handed), self._out(acting), self._out(torch.zeros_like(acting)), infos

    def plan(self, index: int) -> list[str]:
        """The plan of an environment in words; empty before it is given, and where there is none."""
        return self.info(index)["plan"]

    # ------------------------------------------------------------------ inside

    def _checked(self, actions: Any) -> list[str]:
        if isinstance(actions, (str, bytes)) or not isinstance(actions, Sequence) or len(actions) != self.num_envs:
            raise ImgEditError(f"actions: expected {self.num_envs} plans as texts; found {actions!r}"[:200])
        return [checked_text(action, self.single_action_space) for action in actions]

    def _restarted(self, rows: Sequence[int]) -> None:
        self._rounds.restart(rows)

    def _observation(self) -> Arrays:
        return self._seen(self._out(self.engine.canvas.clone()), range(self.num_envs))

    def _final_observation(self, rows: torch.Tensor) -> Arrays:
        return self._seen(self._only(self.engine.canvas, rows), rows.tolist())

    def _seen(self, images: Any, rows: Sequence[int]) -> Arrays:
        """An observation of some environments, with empty texts for the others."""
        texts = [""] * self.num_envs
        for row in rows:
            texts[row] = instruction_of(self.engine, row)
        return {"image": images, "instruction": tuple(texts)}

    def _info_of(self, row: int) -> dict[str, Any]:
        return info_of(self.engine, row, Words.read(self.engine, row), self._rounds.rounds[row])

    def _info(self, shown: torch.Tensor) -> dict[str, Any]:
        engine, rounds, verdict = self.engine, self._rounds.rounds, self.engine.verdict

        def tensor(values: Sequence[Any], dtype: torch.dtype) -> torch.Tensor:
            return torch.tensor(values, dtype=dtype, device=engine.device)

        reports = [one.report for one in rounds]
        planned = tensor([report is not None for report in reports], torch.bool)
        measures = {
            name: tensor([share if report is None else getattr(report, name) for report in reports], torch.float32)
            for name, share in UNPLANNED.items()
        }
        faults = {
            name: tensor([0 if report is None else len(getattr(report, name)) for report in reports], torch.int64)
            for name in FAULTS
        }
        return self._with_masks(
            {
                "plan_length": torch.where(planned, engine.plan_length.long(), 0),
                "plan_error_line": tensor([one.line for one in rounds], torch.int64),
                "plan_report": measures | faults,
                "actions": engine.actions(),
                "n_requirements": (engine.batch.requirements[..., 0] > 0).sum(1),
                "requirements": verdict.requirements.clone(),
                "preserved": verdict.preserved.clone(),  # type: ignore[union-attr]
                "scores": {name: values.clone() for name, values in verdict.named_scores().items()},
                "success": verdict.success.clone(),
                "is_success": verdict.success.clone(),
                "judge": {
                    "valid": verdict.valid.clone(),
                    "reward_valid": tensor([one.valid for one in rounds], torch.bool),
                    "failed": engine.failed.clone(),
                    "judgements": engine.judged.clone(),
                },
            },
            shown,
        )

    def _state(self, row: int) -> dict[str, Any]:
        return {"engine": super()._state(row), "round": self._rounds.rounds[row]}

    def _put_state(self, row: int, state: Mapping[str, Any]) -> None:
        super()._put_state(row, state["engine"])
        self._rounds.rounds[row] = state["round"]


# ---------------------------------------------------------------------- what both share


def build(num_envs: int, arguments: Mapping[str, Any]) -> tuple[Engine, Orchestrator]:
    """The engine and the orchestrator of an environment's arguments."""
    orchestrator = ORCHESTRATORS.build(arguments["orchestrator"])
    rest = {name: value for name, value in arguments.items() if name != "orchestrator"}
    return Engine(num_envs, planner="agent", **rest), orchestrator


def observation_space(engine: Engine) -> spaces.Dict:
    """Observation space of one environment of an engine."""
    text = spaces.Text(MAX_INSTRUCTION, min_length=0, charset=CHARSET)
    return spaces.Dict({"image": shared.image_space(engine), "instruction": text})


def action_space(engine: Engine) -> spaces.Text:
    """Action space of one environment of an engine."""
    return spaces.Text(engine.max_plan_steps * (MAX_TEXT + 1), min_length=0, charset=PLAN_CHARSET)


def instruction_of(engine: Engine, row: int) -> str:
    """The request of an environment as its observation has it."""
    return plain(engine.tasks.instruction(engine.batch, row), MAX_INSTRUCTION)


def checked_text(action: Any, space: Any) -> str:
    """An action inside the space.

    Raises:
        ImgEditError: If it is not.
    """
    if not isinstance(action, str):
        raise ImgEditError(f"action: expected a plan as text; found {action!r}"[:200])
    if not space.contains(action):
        strange = sorted(set(action) - space.character_set)
        found = f"the characters {strange[:5]}" if strange else f"{len(action)} characters"
        raise ImgEditError(
            f"action: expected at most {space.max_length} characters of printable ASCII and line breaks; found {found}"
        )
    return action


def info_of(engine: Engine, row: int, words: Words, played: Round) -> dict[str, Any]:
    """The ``info`` of one environment."""
    history = engine.history(row)
    success = bool(engine.verdict.success[row])
    report = played.report
    measures = {name: getattr(report, name, share) for name, share in UNPLANNED.items()}
    faults = {name: list(getattr(report, name, ())) for name in FAULTS}
    return {
        "task_id": words.task_id,
        "instruction": words.instruction,
        "plan": [] if report is None else list(words.plan),
        "plan_error": played.error,
        "plan_error_line": played.line,
        "plan_report": measures | faults,
        "tools": [engine.tool_ids[tool] for tool, *_ in history],
        "regions": [region for _, region, *_ in history],
        "action_errors": [engine.problem_text(tool, problem) for tool, _, problem, *_ in history],
        "requirements": requirements_of(engine, row, words),
        "preserved": preserved_of(engine, row, words),
        "scores": scores_of(engine, row),
        "is_success": success,
        "success": success,
        "judge": judge_of(engine, row) | {"reward_valid": played.valid, "judgements": int(engine.judged[row])},
    }
