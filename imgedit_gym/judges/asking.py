"""Judges that ask a model questions: from pictures to questions, and from answers to verdicts."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import ON_ERROR, Cases, Judge, JudgeError
from imgedit_gym.judges.questions import (
    MODES,
    PRESERVATION,
    QUALITY,
    WHOLE,
    Question,
    Questioner,
)
from imgedit_gym.judges.weighing import weigh
from imgedit_gym.models.background import in_thread
from imgedit_gym.models.store import Store, picture_digest

ASK = "ask"
UNANSWERED = "no answer came"
_KEY_VERSION = "2"


@dataclass(frozen=True)
class Reply:
    """What came back for some questions that were asked together.

    Attributes:
        values: One for each question, in [0, 1]; empty where it failed.
        error: What went wrong; empty if nothing did.
        calls: How often the model was called for it, failed attempts included.
        tokens: Tokens read and written.
        seconds: Time it took.
    """

    values: tuple[float, ...] = ()
    error: str = ""
    calls: float = 1.0
    tokens: float = 0.0
    seconds: float = 0.0

    def checked(self, n: int) -> Reply:
        """This reply, or a failed one if it does not hold n numbers in [0, 1]."""
        if self.error:
            return Reply((), self.error, self.calls, self.tokens, self.seconds)
        wrong = ""
        if len(self.values) != n:
            wrong = f"expected {n} answers; found {len(self.values)}"
        elif not all(isinstance(value, float) and 0.0 <= value <= 1.0 for value in self.values):
            wrong = f"expected answers in [0, 1]; found {self.values}"
        return Reply((), wrong, self.calls, self.tokens, self.seconds) if wrong else self


Group = Sequence[Question]
"""Questions about one picture that are asked together, in one call of the model."""

Done = Callable[[int, Reply], None]
"""Takes the index of a group and its reply, as soon as there is one."""


@dataclass
class _Run:
    """One judgement of a batch under way."""

    cases: Cases
    groups: list[Group]
    keys: list[str]
    replies: dict[str, Reply]
    open: list[int]
    """Indices of one group of each key that is not known yet."""
    preserved: Verdict | None = None
    rated: Verdict | None = None


@dataclass
class _Counts:
    judged: int = 0
    invalid: int = 0
    questions: int = 0
    asked: int = 0
    known: int = 0
    failed: int = 0
    calls: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0


class QuestionJudge(Judge):
    """A judge that asks a model. Subclasses implement :meth:`answer`, or :meth:`answer_async` and :meth:`answer`.

    In ``"checklist"`` mode each requirement is a question and its value the probability of yes. In ``"rating"`` mode
    the model rates how far the instruction was carried out, which then is the value of every requirement, and the
    quality of the edited picture, apart.

    Args:
        mode: ``"checklist"`` or ``"rating"``.
        preservation: Who says how far the rest was kept: a judge, by default one that compares pixels, or ``"ask"``
            to ask the model about each thing that must be kept.
        quality: Who says how free of damage the picture is: ``"ask"``, or a judge.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.
        on_error: ``"raise"``, or ``"invalid"`` to mark judgements that fail and go on.
        as_json: Whether the model is to answer with a JSON object instead of one word or digit.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    fixed_order: bool = False
    """Whether source and edited picture are always shown in the same places, whatever order a question names."""

    def __init__(
        self,
        mode: str = "checklist",
        *,
        preservation: Any = "pixels",
        quality: Any = ASK,
        combine: str = "product",
        on_error: str = "raise",
        as_json: bool = False,
    ) -> None:
        for name, value, known in (("mode", mode, MODES), ("on_error", on_error, ON_ERROR)):
            if value not in known:
                raise ImgEditError(f"{name} must be one of {known}; found {value!r}")
        self.mode, self.on_error = mode, on_error
        self.combine = combination(combine)
        self.questioner = Questioner(mode, preservation == ASK, quality == ASK, as_json)
        self.prompt_hash = self.questioner.prompt_hash
        self._parts: dict[str, Judge] = {
            name: JUDGES.build(spec) for name, spec in ((PRESERVATION, preservation), (QUALITY, quality)) if spec != ASK
        }
        self._store: Store | None = None
        self._counts = _Counts()

    # ------------------------------------------------------------------ what subclasses do

    @abstractmethod
    def answer(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """Ask the model.

        Args:
            cases: The pictures; ``question.case`` is an index into them.
            groups: What to ask, each group in one call.
            done: Must be called once for each group, as soon as its reply is there: what has been answered is kept
                then, whatever happens to the rest. A reply that cannot be used has an ``error``.
        """

    async def answer_async(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """The same as a coroutine."""
        await in_thread(self.answer, cases, groups, done)

    def answering(self, cases: Cases) -> str:
        """Names who answers about such pictures, as exactly as answers hang on it; by default the model."""
        return self.model

    def group(self, questions: Sequence[Question]) -> list[Group]:
        """Which questions are asked together; each alone unless a judge knows better."""
        return [(question,) for question in questions]

    # ------------------------------------------------------------------ judging

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        run = self._begin(cases)
        if run.open:
            self.answer(cases, [run.groups[at] for at in run.open], self._keeper(run))
        for name, part in self._parts.items():
            self._take_part(run, name, part.judge(cases))
        return self._end(run)

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        run = self._begin(cases)
        if run.open:
            await self.answer_async(cases, [run.groups[at] for at in run.open], self._keeper(run))
        for name, part in self._parts.items():
            self._take_part(run, name, await part.judge_async(cases))
        return self._end(run)

    def _begin(self, cases: Cases) -> _Run:
        groups = self.group(self.questioner.questions(cases))
        keys = self._keys(cases, groups)
        replies = {}
        if self._store is not None:
            lengths = {key: len(group) for key, group in zip(keys, groups, strict=True)}
            read = self._store.read(lengths)
            found = {key: _reply_of(text, lengths[key]) for key, text in read.items()}
            replies = {key: reply for key, reply in found.items() if reply is not None}
            self._store.forget({key: text for key, text in read.items() if key not in replies})
        missing = {key: at for at, key in reversed(list(enumerate(keys))) if key not in replies}
        self._counts.judged += len(cases)
        self._counts.questions += sum(map(len, groups))
        self._counts.known += len(replies)
        self._counts.asked += len(missing)
        return _Run(cases, groups, keys, replies, sorted(missing.values()))

    def _keeper(self, run: _Run) -> Done:
        """What takes in replies: each is written down at once."""

        def done(index: int, reply: Reply) -> None:
            at = run.open[index]
            reply = reply.checked(len(run.groups[at]))
            run.replies[run.keys[at]] = reply
            if self._store is not None and not reply.error:
                self._store.write(run.keys[at], json.dumps({"values": reply.values}))

        return done

    @staticmethod
    def _take_part(run: _Run, name: str, verdict: Verdict) -> None:
        if name == PRESERVATION:
            run.preserved = verdict
        else:
            run.rated = verdict

    def _end(self, run: _Run) -> Verdict:
        """Make the verdict of what was answered."""
        cases, n, device = run.cases, len(run.cases), run.cases.canvas.device
        values = torch.zeros(n, MAX_REQUIREMENTS)
        labels = torch.ones(n, N_LABELS)
        quality = torch.ones(n)
        costs = torch.zeros(3, n)
        reasons: dict[int, str] = {}
        charged: set[str] = set()
        asked_now = {run.keys[at] for at in run.open}
        wanted = cases.wanted
        n_asked = (wanted[..., 0] > 0).sum(1).tolist()
        for key, group in zip(run.keys, run.groups, strict=True):
            case = group[0].case
            reply = run.replies.get(key, Reply(error=UNANSWERED, calls=0.0))
            if key in asked_now and key not in charged:
                charged.add(key)
                costs[:, case] += torch.tensor([reply.calls, reply.tokens, reply.seconds])
                self._counts.failed += bool(reply.error)
            if reply.error:
                reasons.setdefault(case, reply.error)
                continue
            for question, value in zip(group, reply.values, strict=True):
                if question.channel == QUALITY:
                    quality[case] = value
                elif question.channel == PRESERVATION:
                    labels[case, question.index] = value
                elif question.index == WHOLE:
                    values[case, : n_asked[case]] = value
                else:
                    values[case, question.index] = value
        self._counts.calls += float(costs[0].sum())
        self._counts.tokens += float(costs[1].sum())
        self._counts.seconds += float(costs[2].sum())
        return self._verdict(run, values.to(device), labels.to(device), quality.to(device), costs.to(device), reasons)

    def _verdict(
        self,
        run: _Run,
        values: torch.Tensor,
        labels: torch.Tensor,
        quality: torch.Tensor,
        costs: torch.Tensor,
        reasons: dict[int, str],
    ) -> Verdict:
        cases, device = run.cases, values.device
        preserved: torch.Tensor | None = None
        if run.preserved is not None:
            preservation = run.preserved.preservation
        else:
            preserved = labels
            kept = (cases.batch.keep[cases.index] > 0).to(labels.dtype)
            preservation = (labels * kept).sum(1) / kept.sum(1).clamp_min(1.0)
            preservation = torch.where(kept.any(1), preservation, 1.0)
        if run.rated is not None:
            quality = run.rated.quality
        valid = torch.ones(len(cases), dtype=torch.bool, device=device)
        parts: dict[str, torch.Tensor] = {}
        for name, other in ((PRESERVATION, run.preserved), (QUALITY, run.rated)):
            if other is None:
                continue
            valid &= other.valid
            for index, reason in other.reasons.items():
                reasons.setdefault(index, f"{name}: {reason}")
            for at, cost in enumerate((other.calls, other.tokens, other.seconds)):
                if cost is not None:
                    costs[at] += cost
            parts |= {f"{name}/{part}": value for part, value in other.parts.items()}
        for index in reasons:
            valid[index] = False
        failed = int((~valid).sum())
        self._counts.invalid += failed
        if failed and self.on_error == "raise":
            # a judge that stops at the first failure leaves questions without an answer
            reason = next((one for one in reasons.values() if one != UNANSWERED), UNANSWERED)
            raise JudgeError(f"judge {self.id!r}: {failed} of {len(cases)} judgements failed; the first: {reason}")
        verdict = Verdict(
            execution=quality,
            preservation=preservation,
            quality=quality,
            score=quality,
            requirements=values,
            success=valid,
            valid=valid,
            calls=costs[0],
            preserved=preserved,
            reasons=reasons,
            tokens=costs[1],
            seconds=costs[2],
            parts=parts,
        )
        execution, score, success = weigh(verdict, cases.wanted, cases.due, self.combine)
        verdict.execution, verdict.score, verdict.success = execution, score, success & valid
        return verdict

    # ------------------------------------------------------------------ keys and counts

    def _keys(self, cases: Cases, groups: Sequence[Group]) -> list[str]:
        """What each group's answers depend on, as hashes."""
        seen: dict[tuple[str, int], str] = {}
        sources, canvases = cases.source, cases.canvas

        def digest(which: str, i: int) -> str:
            if (which, i) not in seen:
                seen[which, i] = picture_digest((sources if which == "source" else canvases)[i])
            return seen[which, i]

        judge = [_KEY_VERSION, self.id, self.version, self.answering(cases), self.prompt_hash, str(cases.sample)]
        keys = []
        for group in groups:
            asked = [
                [one.system, one.prompt, one.scale.name, *(digest(which, one.case) for which in one.pictures)]
                for one in group
            ]
            keys.append(hashlib.sha256(json.dumps([judge, asked]).encode()).hexdigest())
        return keys

    def cached(self, store: Store) -> Judge:
        """Itself, with every answer written to the store as soon as it is there."""
        self._store = store
        self._parts = {name: part.cached(store) for name, part in self._parts.items()}
        return self

    def parts(self) -> Mapping[str, Judge]:
        """The judges of preservation and quality, where they are not asked for."""
        return self._parts

    def statistics(self) -> dict[str, Any]:
        """Counts since the judge was built.

        ``judged`` and ``invalid`` pictures; ``questions``; groups of questions that were ``asked``, ``known`` from
        the cache, and ``failed``; ``hit_rate``, the share of groups that were known; ``calls``, ``tokens`` and
        ``seconds``.
        """
        counts = dict(vars(self._counts))
        looked_up = self._counts.known + self._counts.asked
        counts["hit_rate"] = self._counts.known / looked_up if looked_up else 0.0
        return counts | super().statistics()


def _reply_of(text: str, n: int) -> Reply | None:
    """A stored reply to n questions; ``None`` if it is not one."""
    try:
        reply = Reply(tuple(float(value) for value in json.loads(text)["values"]), calls=0.0).checked(n)
    except (ValueError, KeyError, TypeError):
        return None
    return None if reply.error else reply
