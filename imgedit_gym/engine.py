"""The engine: tasks, planner, regions, tools and judge composed into a batched reset and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imgedit_gym.core.checklist import COLUMNS, LABEL_PICTURE, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan, PlanStep, parse_plan
from imgedit_gym.core.region import N_REGIONS, RegionBatch
from imgedit_gym.core.registry import JUDGES, PIXEL_TOOLS, PLANNERS, REGIONS, TASKS, TOOLS
from imgedit_gym.core.rng import task_key
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.kernels.blend import blend_into

REWARD_MODES = ("delta", "outcome", "additive")
SMALLEST_IMAGE, LARGEST_IMAGE = 64, 512
LONGEST_PLAN = 8
_ARG = COLUMNS.index("arg")
NO_CHANGE = -1
"""Problem code of an edit that changed no pixel; codes above 0 are the tool's own."""


@dataclass
class StepResult:
    """What one step did in B environments.

    Attributes:
        reward: ``float32 [B]``; nan never, 0 where the judgement failed.
        terminated: Whether the plan is exhausted, ``bool [B]``.
        verdict: Judgement of the canvases after the step.
        problems: Why an action did nothing, ``int64 [B]``: 0 it did something, or was ``skip``.
        changed: Pixels that changed, ``int32 [B]``.
    """

    reward: torch.Tensor
    terminated: torch.Tensor
    verdict: Verdict
    problems: torch.Tensor
    changed: torch.Tensor


class Engine:
    """Batched editing episodes; the single environment is a batch of one.

    Every pluggable argument takes an id, a JSON-able mapping with the key ``"id"``, or a finished object.

    Args:
        num_envs: B, how many environments.
        tasks: Where tasks come from.
        planner: From task to plan.
        tools: ``"pixel"`` for all pixel tools, or a list of tools; tool 0 must be ``skip``.
        regions: From cell to mask.
        judge: From canvas to verdict.
        reward_mode: ``"delta"``, ``"outcome"`` or ``"additive"``.
        image_size: Edge of the pictures in pixels, 64 to 512.
        max_plan_steps: Longest plan, 1 to 8.
        split: Split of the task source.
        device: A torch device.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        tasks: Any = "adverts",
        planner: Any = "oracle",
        tools: Any = "pixel",
        regions: Any = "segments",
        judge: Any = "checklist",
        reward_mode: str = "delta",
        image_size: int = 128,
        max_plan_steps: int = LONGEST_PLAN,
        split: str = "train",
        device: str | torch.device = "cpu",
    ) -> None:
        if not isinstance(num_envs, int) or num_envs < 1:
            raise ImgEditError(f"num_envs must be a whole number of at least 1; found {num_envs!r}")
        if reward_mode not in REWARD_MODES:
            raise ImgEditError(f"reward_mode must be one of {REWARD_MODES}; found {reward_mode!r}")
        _check_range("image_size", image_size, SMALLEST_IMAGE, LARGEST_IMAGE)
        _check_range("max_plan_steps", max_plan_steps, 1, LONGEST_PLAN)
        self.num_envs = num_envs
        self.reward_mode = reward_mode
        self.image_size = image_size
        self.max_plan_steps = max_plan_steps
        self.device = _as_device(device)
        context = {
            "image_size": image_size,
            "max_plan_steps": max_plan_steps,
            "split": split,
            "device": self.device,
        }
        self.tasks = TASKS.build(tasks, **context)
        self.vocabulary = self.tasks.vocabulary
        self.batch = self.tasks.allocate(num_envs)
        self.checklist = self.tasks.checklist(self.batch)
        self.planner = PLANNERS.build(planner, tasks=self.tasks)
        self.regions = REGIONS.build(regions)
        self.regions.attach(self.batch)
        self.tools = self._build_tools(tools)
        self.judge = JUDGES.build(judge)

        b = num_envs
        self.canvas = torch.zeros_like(self.batch.images)
        self.plan_codes = torch.zeros(b, max_plan_steps, 3, dtype=torch.int32, device=self.device)
        self.plan_length = torch.zeros(b, dtype=torch.int32, device=self.device)
        self.step_index = torch.zeros(b, dtype=torch.int32, device=self.device)
        self.score = torch.zeros(b, device=self.device)
        self.additive = torch.zeros(b, device=self.device)
        self.by_oracle = torch.zeros(b, dtype=torch.bool, device=self.device)
        self.judged = torch.zeros(b, dtype=torch.int64, device=self.device)
        self.seeds = [0] * b
        self.episodes = [-1] * b
        self._plans: dict[int, Plan] = {}
        self._rows = torch.arange(b, device=self.device)

    @property
    def tool_ids(self) -> tuple[str, ...]:
        """Tools in action order."""
        return tuple(tool.id for tool in self.tools)

    @property
    def nvec(self) -> tuple[int, int]:
        """Sizes of the action's two parts: tools and regions."""
        return len(self.tools), N_REGIONS

    # ------------------------------------------------------------------ starting episodes

    def reset(self, rows: Sequence[int], seeds: Sequence[int | None]) -> Verdict:
        """Start a new episode in some environments.

        Args:
            rows: Which environments.
            seeds: A seed starts the environment's sequence of episodes anew; ``None`` goes on with it.

        Returns:
            Verdict on the untouched pictures of all environments.
        """
        keys = []
        for row, seed in zip(rows, seeds, strict=True):
            self.seeds[row] = self.seeds[row] if seed is None else seed
            self.episodes[row] = self.episodes[row] + 1 if seed is None else 0
            keys.append(task_key(self.seeds[row], self.episodes[row], self.tasks.stream))
        return self.reset_keys(rows, keys)

    def reset_keys(self, rows: Sequence[int], keys: Sequence[int]) -> Verdict:
        """Start the episodes of these task keys."""
        index = torch.tensor(list(rows), device=self.device)
        self.tasks.sample(self.batch, index, torch.tensor(list(keys), dtype=torch.int64, device=self.device))
        return self._begin(index)

    def reset_user_task(self, row: int, options: Mapping[str, Any]) -> Verdict:
        """Start an episode on a user's own task; see :mod:`imgedit_gym.tasks.users`."""
        self.tasks.load(self.batch, row, options)
        verdict = self._begin(torch.tensor([row], device=self.device))
        return verdict if options.get("plan") is None else self.set_plan(row, options["plan"])

    def _begin(self, rows: torch.Tensor) -> Verdict:
        self.regions.refresh(rows)
        self.canvas[rows] = self.batch.images[rows]
        self.step_index[rows] = 0
        self.additive[rows] = 0.0
        self.judged[rows] = 0
        self.by_oracle[rows] = self.planner.follows_oracle
        plans = self.planner.plan(self.batch, rows)
        if plans is None:
            self.plan_codes[rows] = self.batch.plan[rows]
            self.plan_length[rows] = self.batch.plan_length[rows]
            if self._plans:
                for row in rows.tolist():
                    self._plans.pop(row, None)
        else:
            for row, plan in zip(rows.tolist(), plans, strict=True):
                self._write_plan(row, plan)
        verdict = self.evaluate()
        self.score[rows] = torch.where(verdict.valid, verdict.score, 0.0)[rows]
        return verdict

    def set_plan(self, row: int, plan: Any) -> Verdict:
        """Give an environment its plan; only before its first action.

        Args:
            row: Environment.
            plan: What :func:`imgedit_gym.core.plan.parse_plan` takes.

        Returns:
            Verdict on all pictures, every requirement of this environment's task counting.

        Raises:
            ImgEditError: If the episode has begun, or the plan is not one; the old plan stays.
        """
        return self.set_plans([row], [plan])

    def set_plans(self, rows: Sequence[int], plans: Sequence[Any]) -> Verdict:
        """Give several environments their plans; see :meth:`set_plan`.

        Raises:
            ImgEditError: If an episode has begun, or a plan is not one; all old plans stay.
        """
        index = torch.tensor(list(rows), device=self.device)
        if bool((self.step_index[index] > 0).any()):
            raise ImgEditError("set_plan works only before the first action of an episode")
        parsed = [parse_plan(plan, self.max_plan_steps) for plan in plans]
        for row, plan in zip(rows, parsed, strict=True):
            self._write_plan(row, plan)
        self.by_oracle[index] = False
        verdict = self.evaluate()
        self.score[index] = torch.where(verdict.valid, verdict.score, self.score)[index]
        return verdict

    def _write_plan(self, row: int, plan: Plan) -> None:
        codes = torch.zeros(self.max_plan_steps, 3, dtype=torch.int32)
        for index, step in enumerate(plan):
            codes[index] = torch.tensor(self.vocabulary.encode(step), dtype=torch.int32)
        self.plan_codes[row] = codes.to(self.device)
        self.plan_length[row] = len(plan)
        self._plans[row] = plan

    # ------------------------------------------------------------------ stepping

    def step(self, actions: torch.Tensor, rows: torch.Tensor | None = None) -> StepResult:
        """Carry out one action in every environment, or in some.

        Args:
            actions: Tool and region, ``int64 [B, 2]``.
            rows: Environments that act, ``int64 [k]``; the others stay as they are. ``None`` for all.

        Raises:
            ImgEditError: If an action is out of range; nothing has changed then.
        """
        actions = actions.to(self.device, torch.int64)
        n_tools, n_regions = self.nvec
        if actions.shape != (self.num_envs, 2):
            raise ImgEditError(f"actions must have the shape ({self.num_envs}, 2); found {tuple(actions.shape)}")
        limits = torch.tensor([n_tools, n_regions], device=self.device)
        if bool(((actions < 0) | (actions >= limits)).any()):
            raise ImgEditError(
                f"actions must be a tool below {n_tools} and a region below {n_regions}; found {actions.tolist()[:4]}"
            )
        acting = self._rows if rows is None else rows
        problems = torch.zeros(self.num_envs, dtype=torch.int64, device=self.device)
        changed = torch.zeros(self.num_envs, dtype=torch.int32, device=self.device)
        steps = self.current_steps()
        before = self.canvas.clone() if self.reward_mode == "additive" else None
        chosen = actions[acting, 0]
        for tool in chosen.unique().tolist():
            if tool:
                self._use(tool, acting[chosen == tool], actions, steps, self.canvas, problems, changed)
        if before is not None:
            self._judge_alone(acting, actions, steps)
        self.step_index[acting] += 1
        self.judged[acting] += 1
        terminated = self.step_index >= self.plan_length
        verdict = self.evaluate()
        reward = self._reward(acting, verdict, terminated)
        return StepResult(reward, terminated, verdict, problems, changed)

    def _use(
        self,
        tool: int,
        rows: torch.Tensor,
        actions: torch.Tensor,
        steps: StepBatch,
        canvas: torch.Tensor,
        problems: torch.Tensor,
        changed: torch.Tensor,
    ) -> None:
        """One call of one tool for all environments that chose it."""
        used = self.tools[tool]
        regions = self.regions.regions(rows, actions[rows, 1])
        mine = steps if len(rows) == self.num_envs else steps.rows(rows)
        problem = used.check(regions, mine)
        problems[rows] = problem
        fine = problem == 0
        if not bool(fine.all()):
            keep = fine.nonzero().flatten()
            if not len(keep):
                return
            rows, regions, mine = rows[keep], regions.rows(keep), mine.rows(keep)
        edited = used.apply(canvas if len(rows) == self.num_envs else canvas[rows], regions, mine)
        count = _confine(used, canvas, rows, edited, regions)
        changed[rows] = count
        problems[rows] = torch.where(count == 0, NO_CHANGE, problems[rows])

    def _judge_alone(self, rows: torch.Tensor, actions: torch.Tensor, steps: StepBatch) -> None:
        """The additive approximation: what this step alone would earn on the source picture.

        Source: "From Plans to Pixels" (arXiv 2605.15181), which sums rewards of steps judged apart.
        """
        canvas = self.batch.images.clone()
        problems = torch.zeros(self.num_envs, dtype=torch.int64, device=self.device)
        changed = torch.zeros(self.num_envs, dtype=torch.int32, device=self.device)
        chosen = actions[rows, 0]
        for tool in chosen.unique().tolist():
            if tool:
                self._use(tool, rows[chosen == tool], actions, steps, canvas, problems, changed)
        alone = self.judge.judge(self.batch, self.checklist, canvas, self._due(after=1))
        start = self.judge.judge(self.batch, self.checklist, self.batch.images, self._due(after=1))
        gain = torch.where(alone.valid & start.valid, alone.score - start.score, 0.0)
        self.additive[rows] = gain[rows]

    def _reward(self, rows: torch.Tensor, verdict: Verdict, terminated: torch.Tensor) -> torch.Tensor:
        reward = torch.zeros(self.num_envs, device=self.device)
        if self.reward_mode == "additive":
            reward[rows] = self.additive[rows]
        elif self.reward_mode == "delta":
            reward[rows] = torch.where(verdict.valid, verdict.score - self.score, 0.0)[rows]
        else:
            reward[rows] = torch.where(verdict.valid & terminated, verdict.score, 0.0)[rows]
        held = torch.where(verdict.valid, verdict.score, self.score)
        self.score[rows] = held[rows]
        return reward

    # ------------------------------------------------------------------ looking

    def _due(self, after: int = 0) -> torch.Tensor:
        """From which plan step on requirements do not count yet, ``int32 [B]``.

        Under the oracle's plan a requirement counts once its step has had its turn; under any other all count.
        """
        return torch.where(self.by_oracle, self.step_index + after, LONGEST_PLAN + 1).to(torch.int32)

    def evaluate(self) -> Verdict:
        """Judge every canvas as it is now."""
        return self.judge.judge(self.batch, self.checklist, self.canvas, self._due())

    def try_actions(self, actions: torch.Tensor, rows: torch.Tensor) -> Verdict:
        """Judge what actions would lead to, without taking them: the look-ahead of search baselines.

        Args:
            actions: Tool and region, ``int64 [k, 2]``.
            rows: Environment of each, ``int64 [k]``; may name one several times.

        Returns:
            Verdicts on k pictures after the step.
        """
        canvas = self.canvas[rows].clone()
        steps = self.current_steps().rows(rows)
        for tool in actions[:, 0].unique().tolist():
            at = (actions[:, 0] == tool).nonzero().flatten()
            used = self.tools[tool]
            regions = self.regions.regions(rows[at], actions[at, 1])
            mine = steps.rows(at)
            fine = (used.check(regions, mine) == 0).nonzero().flatten()
            if tool and len(fine):
                at, regions, mine = at[fine], regions.rows(fine), mine.rows(fine)
                edited = used.apply(canvas[at], regions, mine)
                _confine(used, canvas, at, edited, regions)
        self.judged.index_add_(0, rows, torch.ones_like(rows))
        return self.judge.judge(self.batch, self.checklist, canvas, self._due(after=1)[rows], rows)

    def current_codes(self) -> torch.Tensor:
        """Codes of the current plan step, ``int32 [B, 3]``; zeros where the plan is exhausted."""
        inside = self.step_index < self.plan_length
        at = torch.where(inside, self.step_index, 0).long()
        codes = self.plan_codes[self._rows, at]
        return torch.where(inside[:, None], codes, 0)

    def current_steps(self) -> StepBatch:
        """The current plan steps."""
        return StepBatch(self.current_codes(), self.current_step)

    def current_step(self, row: int) -> PlanStep:
        """The current plan step of an environment in words; the empty step once the plan is exhausted."""
        index = int(self.step_index[row])
        plan = self.plan(row)
        return plan[index] if index < len(plan) else PlanStep()

    def plan(self, row: int) -> Plan:
        """The plan of an environment in words."""
        if row in self._plans:
            return self._plans[row]
        return self.tasks.oracle_plan(self.batch, row)

    def tool_mask(self) -> torch.Tensor:
        """Which tools can do something with the current plan step, ``bool [B, n_tools]``; ``skip`` always."""
        steps = self.current_steps()
        return torch.stack([tool.accepts(steps) for tool in self.tools], 1)

    def problem_text(self, tool: int, problem: int) -> str:
        """Why an action did nothing, in words; empty if it did something."""
        if problem == 0:
            return ""
        name = self.tools[tool].id
        if problem == NO_CHANGE:
            return f"{name}: nothing in the region changed"
        return f"{name}: {self.tools[tool].problems[problem]}"

    # ------------------------------------------------------------------ branching

    def get_state(self, row: int) -> dict[str, Any]:
        """A copy of an environment's episode, from which :meth:`set_state` goes on exactly."""
        return {
            "task": self.batch.copy_row(row),
            "headlines": self._own_headlines(row),
            "texts": self.batch.texts.get(row),
            "canvas": self.canvas[row].clone(),
            "plan_codes": self.plan_codes[row].clone(),
            "plan": self._plans.get(row),
            "scalars": {
                name: getattr(self, name)[row].clone()
                for name in ("plan_length", "step_index", "score", "additive", "by_oracle", "judged")
            },
            "seed": self.seeds[row],
            "episode": self.episodes[row],
        }

    def set_state(self, row: int, state: Mapping[str, Any]) -> None:
        """Put an environment into a copied state, of this or another engine with the same arguments.

        Raises:
            ImgEditError: If the state is of another image size or plan length.
        """
        if state["canvas"].shape != self.canvas[row].shape or state["plan_codes"].shape != self.plan_codes[row].shape:
            raise ImgEditError("the state is of an environment with another image_size or max_plan_steps")
        self.batch.paste_row(row, state["task"])
        for index, text in state["headlines"].items():
            self.batch.requirements[row, index, _ARG] = self.tasks.stock.text_row(text)
        for table, value in ((self.batch.texts, state["texts"]), (self._plans, state["plan"])):
            table.pop(row, None)
            if value is not None:
                table[row] = value
        self.canvas[row] = state["canvas"]
        self.plan_codes[row] = state["plan_codes"]
        for name, value in state["scalars"].items():
            getattr(self, name)[row] = value
        self.seeds[row], self.episodes[row] = state["seed"], state["episode"]
        index = torch.tensor([row], device=self.device)
        self.checklist.refresh(index)
        self.regions.refresh(index)

    def _own_headlines(self, row: int) -> dict[int, str]:
        """Headlines that a user's own task asks for, by requirement; their rows in the stock differ by process."""
        if row not in self.batch.texts:
            return {}
        wanted = self.batch.requirements[row].tolist()
        return {
            index: self.tasks.stock.headline(columns[_ARG])
            for index, columns in enumerate(wanted)
            if columns[0] == Kind.HEADLINE
        }

    # ------------------------------------------------------------------ building

    def _build_tools(self, spec: Any) -> list[Any]:
        if isinstance(spec, (str, Mapping)):
            spec = [spec]
        specs: list[Any] = []
        for item in spec:
            specs.extend(PIXEL_TOOLS if item == "pixel" else [item])
        if not specs or specs[0] != "skip":
            specs.insert(0, "skip")
        tools = [TOOLS.build(item, stock=self.tasks.stock, vocabulary=self.vocabulary) for item in specs]
        ids = [tool.id for tool in tools]
        doubles = sorted({id for id in ids if ids.count(id) > 1})
        if doubles:
            raise ImgEditError(f"tools: each tool once; found {doubles} several times")
        return tools


def _confine(
    tool: Any, canvas: torch.Tensor, rows: torch.Tensor, edited: torch.Tensor, regions: RegionBatch
) -> torch.Tensor:
    """Write edits into canvases where the tool may; returns the pixels changed, ``int32 [n]``."""
    allowed = regions.widened() if tool.reach == "box" else regions
    return blend_into(canvas, rows, edited, allowed.masks, allowed.boxes)


def oracle_regions(engine: Engine, row: int) -> list[int]:
    """The region each step of the oracle's plan concerns."""
    batch = engine.batch
    length = int(batch.plan_length[row])
    labels = batch.plan_labels[row, :length].tolist()
    cells = batch.plan_cells[row, :length].tolist()
    return [
        0 if label == LABEL_PICTURE else engine.regions.find(row, label, cell)
        for label, cell in zip(labels, cells, strict=True)
    ]


def _as_device(device: str | torch.device) -> torch.device:
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ImgEditError(f"device must be a torch device such as 'cpu' or 'cuda:0'; found {device!r}") from None
    if found.type not in ("cpu", "cuda"):
        raise ImgEditError(f"device must be of type 'cpu' or 'cuda'; found {str(device)!r}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ImgEditError(
            f"device {str(device)!r} asks for CUDA, of which torch sees {torch.cuda.device_count()} here"
        )
    return found


def _check_range(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ImgEditError(f"{name} must be a whole number from {low} to {high}; found {value!r}")
