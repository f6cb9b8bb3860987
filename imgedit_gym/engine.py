"""The engine: tasks, planner, regions, tools and judge composed into a batched reset and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imgedit_gym.core.checklist import COLUMNS, LABEL_PICTURE, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.lineage import Lineage, trace
from imgedit_gym.core.plan import Plan, PlanStep, parse_plan
from imgedit_gym.core.region import N_REGIONS, RegionBatch
from imgedit_gym.core.registry import JUDGES, PLANNERS, REGIONS, TASKS, TOOL_GROUPS, TOOLS
from imgedit_gym.core.rng import checked_seed, noise_seed, seed_of, seed_words, task_keys
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.judges.base import Moves
from imgedit_gym.judging import COSTS, Judgements
from imgedit_gym.kernels.blend import blend_into
from imgedit_gym.kernels.rows import copy_rows
from imgedit_gym.tools import answers
from imgedit_gym.tools.base import Edited

REWARD_MODES = ("delta", "outcome", "additive")
SMALLEST_IMAGE, LARGEST_IMAGE = 64, 512
LONGEST_PLAN = 8
STRETCH = 512
"""Edits whose regions are drawn together, if they are not all of one tool: masks of more would be memory that is
fetched anew in every step."""
_ARG = COLUMNS.index("arg")
_ROW_STATE = (
    "plan_length",
    "step_index",
    "score",
    "by_oracle",
    "plan_given",
    "judged",
    "failed",
    "reward_valid",
    "seeds",
    "episodes",
    "_taken",
    "_rewards",
    "_fresh",
)
NO_CHANGE = -1
"""Problem code of an edit that changed no pixel; codes above 0 are the tool's own."""
NO_REGION = -2
"""Problem code of an edit in a region without a pixel, as where a detector has found nothing."""


@dataclass
class StepResult:
    """What one step did in B environments.

    Attributes:
        reward: ``float32 [B]``; nan never, 0 where the judgement failed.
        terminated: Whether the plan is exhausted, ``bool [B]``.
        verdict: Judgement of the canvases after the step. Where the judgement failed, its numbers are those of the
            last one of the episode that did not.
        valid: Whether the reward rests on judgements that did not fail, ``bool [B]``; where it does not, the reward
            is 0 and says nothing.
        problems: Why an action did nothing, ``int64 [B]``: 0 it did something, or was ``skip``; see
            :meth:`Engine.problem_text`.
        changed: Pixels that changed, ``int32 [B]``.
    """

    reward: torch.Tensor
    terminated: torch.Tensor
    verdict: Verdict
    valid: torch.Tensor
    problems: torch.Tensor
    changed: torch.Tensor


class Engine:
    """Batched editing episodes; the single environment is a batch of one.

    Every pluggable argument takes an id, a JSON-able mapping with the key ``"id"``, or a finished object.

    Args:
        num_envs: B, how many environments.
        tasks: Where tasks come from.
        planner: From task to plan.
        tools: ``"pixel"`` for all pixel tools, ``"retouch"`` for all retouching tools, or a list of tools; tool 0
            must be ``skip``.
        regions: From cell to mask; ``"auto"``: what suits the tasks, see :func:`usual_regions`.
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
        regions: Any = "auto",
        judge: Any = "checklist",
        reward_mode: str = "delta",
        image_size: int = 128,
        max_plan_steps: int = LONGEST_PLAN,
        split: str = "train",
        device: str | torch.device = "cpu",
    ) -> None:
        if not isinstance(num_envs, int) or isinstance(num_envs, bool) or num_envs < 1:
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
        self.regions = REGIONS.build(
            usual_regions(self.tasks) if isinstance(regions, str) and regions == "auto" else regions
        )
        self.regions.attach(self.batch)
        self.tools = self._build_tools(tools)
        self.judge = JUDGES.build(judge)
        self._own_judge = self.judge is not judge

        b = num_envs
        self.canvas = torch.zeros_like(self.batch.images)
        self.plan_codes = torch.zeros(b, max_plan_steps, 3, dtype=torch.int32, device=self.device)
        self.plan_length = torch.zeros(b, dtype=torch.int32, device=self.device)
        self.step_index = torch.zeros(b, dtype=torch.int32, device=self.device)
        self.score = torch.zeros(b, device=self.device)
        self.by_oracle = torch.zeros(b, dtype=torch.bool, device=self.device)
        self.plan_given = torch.zeros(b, dtype=torch.bool, device=self.device)
        self.judged = torch.zeros(b, dtype=torch.int64, device=self.device)
        self.failed = torch.zeros(b, dtype=torch.int64, device=self.device)
        self.reward_valid = torch.ones(b, dtype=torch.bool, device=self.device)
        self.seeds = torch.zeros(b, 2, dtype=torch.int64, device=self.device)
        self.episodes = torch.full((b,), -1, dtype=torch.int64, device=self.device)
        self.judgements = Judgements(self.judge, self.batch, self.checklist)
        self._sources = Judgements(self.judge, self.batch, self.checklist)
        self._taken = torch.zeros(b, max_plan_steps, 4, dtype=torch.int64, device=self.device)
        self._rewards = torch.zeros(b, max_plan_steps, device=self.device)
        self._fresh = torch.zeros(b, dtype=torch.bool, device=self.device)
        """Whose score is taken from the next judgement that does not fail, whatever it was before."""
        self._codes: torch.Tensor | None = None
        """Of the current plan steps, as long as neither plans nor steps have changed."""
        self._plans: dict[int, Plan] = {}
        self.trace = False
        """Whether the lineage of every edit is kept; that of tools which ask a model always is. It takes time."""
        self._lineage: dict[int, Lineage] = {}
        self._rows = torch.arange(b, device=self.device)
        self._limits = torch.tensor(self.nvec, device=self.device)
        self._choosy = [at for at, tool in enumerate(self.tools) if not getattr(tool.accepts, "by_value", False)]
        """Tools that have to be asked what they accept, as it does not depend on verb and value alone."""
        self._accepted = self._tabulate()

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
            Verdict on the pictures of all environments.
        """
        pairs = [(row, seed) for row, seed in zip(rows, seeds, strict=True) if seed is not None]
        self.seed([row for row, _ in pairs], [seed for _, seed in pairs])
        return self.advance(self._index(rows))

    def seed(self, rows: Sequence[int], seeds: Sequence[int]) -> None:
        """Start the sequences of some environments' episodes anew: the next to start is the first.

        Raises:
            ImgEditError: If a seed is no whole number of at least 0; all sequences stay.
        """
        if not rows:
            return
        words = torch.tensor([seed_words(checked_seed(seed)) for seed in seeds], dtype=torch.int64)
        index = self._index(rows)
        self.seeds[index] = words.to(self.device)
        self.episodes[index] = -1

    def seed_of(self, row: int) -> int:
        """The seed that an environment's sequence of episodes started from."""
        return seed_of(*self.seeds[row].tolist())

    def reset_keys(self, rows: Sequence[int], keys: Sequence[int]) -> Verdict:
        """Start the episodes of these task keys; the sequences of episodes stay where they are."""
        index = self._index(rows)
        self.tasks.sample(self.batch, index, torch.tensor(list(keys), dtype=torch.int64, device=self.device))
        self._begin(index)
        return self._judge()

    def reset_user_task(self, row: int, options: Mapping[str, Any]) -> Verdict:
        """Start an episode on a user's own task; see :mod:`imgedit_gym.tasks.users`."""
        self.tasks.load(self.batch, row, options)
        self._begin(self._index([row]))
        verdict = self._judge()
        return verdict if options.get("plan") is None else self.set_plan(row, options["plan"])

    def advance(self, rows: torch.Tensor) -> Verdict:
        """Start the next episode of some environments' sequences.

        Args:
            rows: Which environments, ``int64 [n]``, each once.

        Returns:
            Verdict on the pictures of all environments.
        """
        self._advance(rows)
        return self._judge()

    def _advance(self, rows: torch.Tensor) -> None:
        self.episodes[rows] += 1
        self.tasks.sample(self.batch, rows, task_keys(self.seeds[rows], self.episodes[rows], self.tasks.stream))
        self._begin(rows)

    def _begin(self, rows: torch.Tensor) -> None:
        """Bring environments whose task was rewritten to its beginning, up to the judgement."""
        self._codes = None
        self._forget_lineage(rows)
        self.regions.refresh(rows)
        copy_rows(self.batch.images, rows, rows, self.canvas)
        self.step_index[rows] = 0
        self.judged[rows] = -1  # the judgement of the untouched picture does not count
        self.failed[rows] = 0
        self.reward_valid[rows] = True
        self.plan_given[rows] = False
        self.by_oracle[rows] = self.planner.follows_oracle
        self.judgements.restart(rows)
        self._fresh[rows] = True
        plans = self.planner.plan(self.batch, rows)
        if plans is not None:
            self._write_plans(rows.tolist(), plans)
            return
        self.plan_codes[rows] = self.batch.plan[rows]
        self.plan_length[rows] = self.batch.plan_length[rows]
        if self._plans:
            for row in rows.tolist():
                self._plans.pop(row, None)

    def _forget_lineage(self, rows: torch.Tensor) -> None:
        if self._lineage:
            for row in rows.tolist():
                self._lineage.pop(row, None)

    def _index(self, rows: Sequence[int]) -> torch.Tensor:
        return torch.tensor(list(rows), dtype=torch.int64, device=self.device)

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
        index = self._index(rows)
        if len(rows) != len(plans) or len(set(rows)) != len(rows):
            raise ImgEditError(
                f"plans: expected one for each environment, each named once; found {len(plans)} for {list(rows)}"
            )
        begun = index[self.step_index[index] > 0]
        if len(begun):
            raise ImgEditError(
                "a plan is given before the first action of an episode; "
                f"environment {int(begun[0])} has taken {int(self.step_index[begun[0]])}"
            )
        self._write_plans(list(rows), [parse_plan(plan, self.max_plan_steps) for plan in plans])
        self.by_oracle[index] = False
        self.plan_given[index] = True
        self._fresh[index] = True
        return self._judge()

    def _write_plans(self, rows: Sequence[int], plans: Sequence[Plan]) -> None:
        codes = torch.zeros(len(plans), self.max_plan_steps, 3, dtype=torch.int32)
        for at, plan in enumerate(plans):
            codes[at, : len(plan)] = torch.tensor([self.vocabulary.encode(step) for step in plan], dtype=torch.int32)
        self._plans.update(zip(rows, plans, strict=True))
        self._codes = None
        index = self._index(rows)
        self.plan_codes[index] = codes.to(self.device)
        self.plan_length[index] = torch.tensor([len(plan) for plan in plans], dtype=torch.int32, device=self.device)

    # ------------------------------------------------------------------ stepping

    def step(
        self, actions: torch.Tensor, rows: torch.Tensor | None = None, fresh: torch.Tensor | None = None
    ) -> StepResult:
        """Carry out one action in every environment, or in some.

        Args:
            actions: Tool and region, ``int64 [B, 2]``.
            rows: Environments that act, ``int64 [k]``, each once; the others stay as they are. ``None`` for all.
            fresh: Environments that start the next episode of their sequences instead of acting, ``int64 [n]``;
                none of them in ``rows``. One call of the judge serves both.

        Raises:
            ImgEditError: If an action is out of range; nothing has changed then.
        """
        actions = self._in_range(actions)
        acting = self._rows if rows is None else rows.sort().values
        problems = torch.zeros(self.num_envs, dtype=torch.int64, device=self.device)
        changed = torch.zeros(self.num_envs, dtype=torch.int32, device=self.device)
        steps = self.current_steps()
        moves = self._moves(acting, actions, steps.codes)
        edits = acting, actions[acting], steps.rows(acting)
        self._prepare(*edits)
        alone = self._judge_alone(*edits, moves) if self.reward_mode == "additive" else None
        self._forget_lineage(acting)
        problems[acting], changed[acting] = self._act(self.canvas, acting, *edits)
        at = self.step_index[acting].clamp(max=self.max_plan_steps - 1).long()
        self._taken[acting, at] = torch.cat([actions, problems[:, None], changed[:, None]], 1)[acting]
        self.step_index[acting] += 1
        self._codes = None
        self.judgements.touch(changed > 0)
        self.judgements.retry(acting)
        if fresh is not None:
            self._advance(fresh)
        unknown = self._fresh.clone()
        verdict = self._judge(moves, alone)
        terminated = self.step_index >= self.plan_length
        reward = self._reward(acting, verdict, terminated, alone, unknown)
        self._rewards[acting, at] = reward[acting]
        return StepResult(reward, terminated, verdict, self.reward_valid.clone(), problems, changed)

    def _moves(self, acting: torch.Tensor, actions: torch.Tensor, codes: torch.Tensor) -> Moves:
        """What the environments are about to do, for judges that ask for it once it is done."""
        indices = self.step_index.clone()
        steps = StepBatch(codes, lambda row: self._step_at(row, int(indices[row])))

        def acted(rows: torch.Tensor) -> torch.Tensor:
            return torch.isin(rows, acting)

        def regions(rows: torch.Tensor) -> RegionBatch:
            return self.regions.regions(rows, torch.where(acted(rows), actions[rows, 1], 0), steps.rows(rows))

        return Moves(steps, regions, acted)

    def _prepare(self, rows: torch.Tensor, actions: torch.Tensor, steps: StepBatch) -> None:
        """Announce the regions of n actions, before they are asked for some at a time."""
        edits = (actions[:, 0] > 0).nonzero().flatten()
        if len(edits):
            self.regions.prepare(rows[edits], actions[edits, 1], steps.rows(edits))

    def _in_range(self, actions: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Actions of all environments, or of some, on the device, checked."""
        actions = actions.to(self.device, torch.int64)
        n_tools, n_regions = self.nvec
        n = self.num_envs if rows is None else len(rows)
        if actions.shape != (n, 2):
            raise ImgEditError(f"actions must have the shape ({n}, 2); found {tuple(actions.shape)}")
        outside = ((actions < 0) | (actions >= self._limits)).any(1)
        if bool(outside.any()):
            row = int(outside.nonzero()[0])
            raise ImgEditError(
                f"actions: expected a tool below {n_tools} and a region below {n_regions}; "
                f"found {actions[row].tolist()} for environment {row if rows is None else int(rows[row])}"
            )
        return actions

    def _act(
        self, canvas: torch.Tensor, at: torch.Tensor, rows: torch.Tensor, actions: torch.Tensor, steps: StepBatch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Carry out k edits: one call of each tool that was chosen, for all that chose it.

        Args:
            canvas: Pictures, ``uint8 [n, S, S, 3]``, changed in place.
            at: Which of them each edit concerns, ``int64 [k]``, each once.
            rows: Whose task each edit belongs to, ``int64 [k]``.
            actions: Tool and region, ``int64 [k, 2]``.
            steps: k plan steps.

        Returns:
            Problem code of each edit, ``int64 [k]``, and pixels that changed, ``int32 [k]``.
        """
        problems = torch.zeros(len(at), dtype=torch.int64, device=self.device)
        changed = torch.zeros(len(at), dtype=torch.int32, device=self.device)
        chosen = actions[:, 0]
        counts = torch.bincount(chosen, minlength=len(self.tools)).tolist()
        # those that chose the same tool side by side, without those that skip
        order = chosen.argsort(stable=True)[counts[0] :]
        if not len(order):
            return problems, changed
        at, rows, index, steps = at[order], rows[order], actions[order, 1], steps.rows(order)
        refused, counted = torch.zeros_like(order), torch.zeros(len(order), dtype=torch.int32, device=self.device)
        first, drawn = 0, slice(0, 0)
        for tool, n in enumerate(counts[1:], 1):
            if not n:
                continue
            part = slice(first, first + n)
            if part.stop > drawn.stop:
                # the masks of several tools at a time
                drawn = slice(first, max(part.stop, min(first + STRETCH, len(order))))
                regions = self.regions.regions(rows[drawn], index[drawn], steps.part(drawn))
            mine = regions.part(slice(first - drawn.start, part.stop - drawn.start)), steps.part(part)
            self._use(tool, canvas, at[part], rows[part], *mine, refused[part], counted[part])
            first = part.stop
        problems[order], changed[order] = refused, counted
        return problems, changed

    def _use(
        self,
        tool: int,
        canvas: torch.Tensor,
        at: torch.Tensor,
        rows: torch.Tensor,
        regions: RegionBatch,
        steps: StepBatch,
        problems: torch.Tensor,
        changed: torch.Tensor,
    ) -> None:
        """One call of one tool for all edits that chose it; problems and changed pixels are written."""
        used = self.tools[tool]
        problems.copy_(self.check(tool, regions, steps))
        where: Any = slice(None)
        fine = problems == 0
        if not bool(fine.all()):
            where = fine.nonzero().flatten()
            if not len(where):
                return
            at, rows, regions, steps = at[where], rows[where], regions.rows(where), steps.rows(where)
        edited = answers.edited(used, canvas.index_select(0, at), regions, steps)
        raw = None
        if isinstance(edited, Edited):
            problems[where] = edited.problems
            where = (problems == 0).nonzero().flatten()
            keep = (edited.problems == 0).nonzero().flatten()
            if not len(keep):
                return
            raw = None if edited.raw is None else edited.raw.index_select(0, keep)
            at, rows, regions, edited = at[keep], rows[keep], regions.rows(keep), edited.images.index_select(0, keep)
        if canvas is self.canvas and (self.trace or getattr(used, "traced", False)):
            traces = trace(used, canvas.index_select(0, at), edited if raw is None else raw, regions.masks)
            self._lineage.update(zip(rows.tolist(), traces, strict=True))
        count = _confine(used, canvas, at, edited, regions)
        changed[where] = count
        problems[where] = torch.where(count == 0, NO_CHANGE, 0)

    def check(self, tool: int, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Problem code of each edit, ``int64 [n]``; 0 where a tool can be used.

        Args:
            tool: Which tool, by index.
            regions: n regions.
            steps: n plan steps.
        """
        found = answers.checked(self.tools[tool], regions, steps)
        return torch.where(regions.areas > 0, found, NO_REGION)

    def _judge_alone(
        self, rows: torch.Tensor, actions: torch.Tensor, steps: StepBatch, moves: Moves
    ) -> tuple[Verdict, Verdict]:
        """The additive approximation: verdicts on the source pictures, and on what this step alone makes of them.

        Source: "From Plans to Pixels" (arXiv 2605.15181), which sums rewards of steps judged apart.
        """
        canvas = self.batch.images.clone()
        changed = torch.zeros(self.num_envs, dtype=torch.int32, device=self.device)
        changed[rows] = self._act(canvas, rows, rows, actions, steps)[1]
        # before the first action the picture is the source
        first = rows[self.step_index[rows] == 0]
        self._sources.take(self.judgements, first)
        self._sources.retry(rows)
        due = self._due_alone(self._rows, self.step_index)
        asked = self._sources.update(self.batch.images, due)
        alone = self._sources.foresee(canvas, due, self._rows, changed > 0, moves)
        self.judged[asked] += 1
        self.failed[asked] += ~self._sources.verdict.valid[asked]
        self.judged += changed > 0
        self.failed += (changed > 0) & ~alone.valid
        return self._sources.verdict, alone

    def _reward(
        self,
        rows: torch.Tensor,
        verdict: Verdict,
        terminated: torch.Tensor,
        alone: tuple[Verdict, Verdict] | None,
        unknown: torch.Tensor,
    ) -> torch.Tensor:
        """Rewards, ``float32 [B]``; ``unknown`` is where no earlier picture of the episode could be judged."""
        valid = verdict.valid
        if alone is not None:
            before, after = alone
            earned, valid = after.score - before.score, before.valid & after.valid
        elif self.reward_mode == "delta":
            earned, valid = verdict.score - self.score, valid & ~unknown
        else:
            earned, valid = torch.where(terminated, verdict.score, 0.0), valid | ~terminated
        reward = torch.zeros(self.num_envs, device=self.device)
        reward[rows] = torch.where(valid, earned, 0.0)[rows]
        self.reward_valid[rows] = valid[rows]
        self.score[rows] = torch.where(verdict.valid, verdict.score, self.score)[rows]
        return reward

    # ------------------------------------------------------------------ looking

    def _due(self) -> torch.Tensor:
        """From which plan step on requirements do not count yet, ``int32 [B]``.

        Under the oracle's plan a requirement counts once its step has had its turn; under any other all count.
        """
        return torch.where(self.by_oracle, self.step_index, LONGEST_PLAN + 1).to(torch.int32)

    def _due_alone(self, rows: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """The same where a plan step is judged by itself: under the oracle's plan only its own requirements count."""
        return torch.where(self.by_oracle[rows], -1 - indices, LONGEST_PLAN + 1).to(torch.int32)

    def _judge(self, moves: Moves | None = None, alone: Sequence[Verdict] | None = None) -> Verdict:
        """Bring the judgements up to date; rewards of episodes that have just begun count from there.

        Args:
            moves: What the environments have just done.
            alone: Other verdicts that this step needed, whose cost is told with that of the pictures.
        """
        asked = self.judgements.update(self.canvas, self._due(), moves)
        if len(asked):
            self.judged[asked] += 1
            self.failed[asked] += ~self.verdict.valid[asked]
        for other in alone or ():
            for name in COSTS:
                getattr(self.verdict, name).add_(getattr(other, name))
        valid = self.verdict.valid
        self.score.copy_(torch.where(self._fresh & valid, self.verdict.score, self.score))
        self._fresh &= ~valid
        return self.judgements.copy()

    @property
    def verdict(self) -> Verdict:
        """The latest judgement of every canvas; its tensors are rewritten in place."""
        return self.judgements.verdict

    def evaluate(self) -> Verdict:
        """Ask the judge for every canvas, as it is now, whether or not it has changed."""
        self.judgements.touch(torch.ones_like(self.by_oracle))
        return self._judge()

    def progress(self, budget: int) -> torch.Tensor:
        """Share of the plan and of a budget of steps that is used, ``float32 [B, 2]`` in [0, 1]."""
        done = self.step_index / self.plan_length.clamp_min(1)
        return torch.stack([done, self.step_index / budget], 1).clamp(0.0, 1.0)

    def latest(self) -> torch.Tensor:
        """The latest action of each environment's episode.

        Returns:
            Tool, region, problem code and changed pixels, ``int64 [B, 4]``; zeros before the first action.
        """
        at = (self.step_index - 1).clamp(0, self.max_plan_steps - 1).long()
        begun = self.step_index > 0
        return torch.where(begun[:, None], self._taken[self._rows, at], 0)

    def history(self, row: int) -> list[tuple[int, int, int, int, float]]:
        """Tool, region, problem code, changed pixels and reward of each step of an environment's episode."""
        n = min(int(self.step_index[row]), self.max_plan_steps)
        taken, rewards = self._taken[row, :n].tolist(), self._rewards[row, :n].tolist()
        return [(*action, reward) for action, reward in zip(taken, rewards, strict=True)]

    def actions(self) -> torch.Tensor:
        """Tool and region of every step so far, ``int64 [B, max_plan_steps, 2]``; -1 where none has been taken."""
        steps = torch.arange(self.max_plan_steps, device=self.device)
        taken = steps < self.step_index[:, None]
        return torch.where(taken[..., None], self._taken[..., :2], -1)

    def try_actions(self, actions: torch.Tensor, rows: torch.Tensor) -> Verdict:
        """Judge what actions would lead to, without taking them: the look-ahead of search baselines.

        Args:
            actions: Tool and region, ``int64 [k, 2]``.
            rows: Environment of each, ``int64 [k]``; may name one several times.

        Returns:
            Verdicts on k pictures after the step.

        Raises:
            ImgEditError: If an action is out of range, or the episode of an environment is over.
        """
        return self.imagine(self.canvas.index_select(0, rows), self.step_index[rows], actions, rows)[1]

    def imagine(
        self,
        canvas: torch.Tensor,
        indices: torch.Tensor,
        actions: torch.Tensor,
        rows: torch.Tensor,
        alone: bool = False,
    ) -> tuple[torch.Tensor, Verdict]:
        """Carry out and judge actions on pictures of one's own: the look-ahead over several steps.

        Args:
            canvas: k pictures to begin with, ``uint8 [k, S, S, 3]``.
            indices: Which plan step each action carries out, ``int32 [k]``.
            actions: Tool and region, ``int64 [k, 2]``.
            rows: Whose task each picture belongs to, ``int64 [k]``; may name one several times.
            alone: Whether each step is judged by itself, as for the additive reward.

        Returns:
            The pictures after the step, fresh, and the verdicts on them. The environments stay as they are; the
            judge's work is counted.

        Raises:
            ImgEditError: If an action is out of range, or its plan step is none of the plan's.
        """
        actions = self._in_range(actions, rows)
        beyond = ((indices < 0) | (indices >= self.plan_length[rows])).nonzero().flatten()
        if len(beyond):
            row = int(rows[beyond[0]])
            raise ImgEditError(
                f"expected actions for steps of the plan; found one for step {int(indices[beyond[0]])} of environment "
                f"{row}, counted from 0, whose plan has {int(self.plan_length[row])}: is its episode over?"
            )
        canvas = canvas.clone(memory_format=torch.contiguous_format)
        codes = self.plan_codes[rows, indices.long()]
        steps = StepBatch(
            codes,
            lambda i: self.plan(int(rows[i]))[int(indices[i])],
            lambda i: self._noise(int(rows[i]), int(indices[i])),
        )
        moves = Moves(
            steps,
            lambda at: self.regions.regions(rows[at], actions[at, 1], steps.rows(at)),
            lambda at: at >= 0,
        )
        self._prepare(rows, actions, steps)
        self._act(canvas, torch.arange(len(rows), device=self.device), rows, actions, steps)
        # a picture that is not the environment's own has no judgement to be kept
        changed = (canvas != self.canvas.index_select(0, rows)).flatten(1).any(1)
        self.judged.index_add_(0, rows, changed.long())
        by_then = torch.where(self.by_oracle[rows], indices + 1, LONGEST_PLAN + 1).to(torch.int32)
        due = self._due_alone(rows, indices) if alone else by_then
        verdict = self.judgements.foresee(canvas, due, rows, changed, moves)
        self.failed.index_add_(0, rows, (changed & ~verdict.valid).long())
        return canvas, verdict

    def current_codes(self) -> torch.Tensor:
        """Codes of the current plan step, ``int32 [B, 3]``; zeros where the plan is exhausted. Not to be written to."""
        if self._codes is None:
            inside = self.step_index < self.plan_length
            at = torch.where(inside, self.step_index, 0).long()
            self._codes = torch.where(inside[:, None], self.plan_codes[self._rows, at], 0)
        return self._codes

    def current_steps(self) -> StepBatch:
        """The current plan steps."""
        return StepBatch(
            self.current_codes(), self.current_step, lambda row: self._noise(row, int(self.step_index[row]))
        )

    def steps_of(self, rows: torch.Tensor, ahead: int = 0) -> StepBatch:
        """Plan steps of some environments; empty ones where the plan is exhausted.

        Args:
            rows: Environments, ``int64 [n]``; may name one several times.
            ahead: How many steps from now, within the episode; -1 for those that were carried out last.
        """
        at = (self.step_index[rows] + ahead).long()
        inside = (at >= 0) & (at < self.plan_length[rows])
        codes = self.plan_codes[rows, torch.where(inside, at, 0)]
        return StepBatch(
            torch.where(inside[:, None], codes, 0),
            lambda i: self._step_at(int(rows[i]), max(int(at[i]), 0)),
            lambda i: self._noise(int(rows[i]), int(at[i])),
        )

    def current_step(self, row: int) -> PlanStep:
        """The current plan step of an environment in words; the empty step once the plan is exhausted."""
        return self._step_at(row, int(self.step_index[row]))

    def _noise(self, row: int, index: int) -> int:
        """The seed of what a tool draws at a plan step; a user's own task has the environment's seed for its key."""
        key = int(self.batch.keys[row])
        return noise_seed(self.seed_of(row) if key < 0 else key, index)

    def _step_at(self, row: int, index: int) -> PlanStep:
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
        mask = self._accepted[steps.verbs * self.vocabulary.nvec[2] + steps.values]
        for at in self._choosy:
            mask[:, at] = answers.accepted(self.tools[at], steps)
        return mask

    def lineage(self, row: int) -> Lineage | None:
        """Lineage of an environment's latest edit; ``None`` if there was none, it failed, or it is not kept."""
        return self._lineage.get(row)

    def problem_text(self, tool: int, problem: int) -> str:
        """Why an action did nothing, in words; empty if it did something."""
        if problem == 0:
            return ""
        name = self.tools[tool].id
        if problem == NO_CHANGE:
            return f"{name}: nothing in the region changed"
        if problem == NO_REGION:
            return f"{name}: the region is empty, as nothing was found there"
        told = self.tools[tool].problems
        if not 0 < problem < len(told):
            raise ImgEditError(
                f"tool {name!r}: check must return indices of its problems, below {len(told)}; found {problem}"
            )
        return f"{name}: {told[problem]}"

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
            "judgement": self.judgements.get_state(row),
            "scalars": {name: getattr(self, name)[row].clone() for name in _ROW_STATE},
        }

    def set_state(self, row: int, state: Mapping[str, Any]) -> None:
        """Put an environment into a copied state, of this or another engine with the same arguments.

        Raises:
            ImgEditError: If the state is of another image size or plan length.
        """
        found = len(state["canvas"]), len(state["plan_codes"])
        if found != (self.image_size, self.max_plan_steps):
            raise ImgEditError(
                f"set_state: expected a state with image_size {self.image_size} and max_plan_steps "
                f"{self.max_plan_steps}; found one with {found[0]} and {found[1]}"
            )
        self.batch.paste_row(row, state["task"])
        for index, text in state["headlines"].items():
            self.batch.requirements[row, index, _ARG] = self.tasks.stock.text_row(text)
        for table, value in ((self.batch.texts, state["texts"]), (self._plans, state["plan"])):
            table.pop(row, None)
            if value is not None:
                table[row] = value
        self.canvas[row] = state["canvas"]
        self.plan_codes[row] = state["plan_codes"]
        self._codes = None
        for name in _ROW_STATE:
            getattr(self, name)[row] = state["scalars"][name]
        self.judgements.set_state(row, state["judgement"])
        index = self._index([row])
        self._sources.restart(index)
        self._forget_lineage(index)
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

    def close(self) -> None:
        """Close connections and files of judge and tools, opened again if needed; what was handed over stays open."""
        for one in (*self._own_tools, *([self.judge] if self._own_judge else ())):
            if hasattr(one, "close"):
                one.close()

    def _tabulate(self) -> torch.Tensor:
        """Which tools accept which verb and value, ``bool [verbs * values, n_tools]``; all of the choosy ones do."""
        n_verbs, _, n_values = self.vocabulary.nvec
        codes = torch.zeros(n_verbs, n_values, 3, dtype=torch.int32, device=self.device)
        codes[..., 0] = torch.arange(n_verbs, device=self.device)[:, None]
        codes[..., 2] = torch.arange(n_values, device=self.device)
        every = StepBatch(codes.flatten(0, 1), lambda row: PlanStep())
        table = torch.ones(len(every), len(self.tools), dtype=torch.bool, device=self.device)
        for at in set(range(len(self.tools))).difference(self._choosy):
            table[:, at] = answers.accepted(self.tools[at], every)
        return table

    def _build_tools(self, spec: Any) -> list[Any]:
        if isinstance(spec, (str, Mapping)):
            spec = [spec]
        specs: list[Any] = []
        for item in spec:
            specs.extend(TOOL_GROUPS.get(item, (item,)) if isinstance(item, str) else (item,))
        if not specs or specs[0] != "skip":
            specs.insert(0, "skip")
        tools = [TOOLS.build(item, stock=self.tasks.stock, vocabulary=self.vocabulary) for item in specs]
        self._own_tools = [tool for tool, item in zip(tools, specs, strict=True) if tool is not item]
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


def usual_regions(tasks: Any) -> str:
    """Id of the region provider that suits a task source: its ``regions``, and ``"segments"`` where it names none.

    It hangs on the tasks alone, never on what is installed.
    """
    return str(getattr(tasks, "regions", "segments"))


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
