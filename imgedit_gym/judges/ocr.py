"""The judge that reads: headlines and badges, by optical character recognition."""

from __future__ import annotations

import time

import numpy as np
import torch

from imgedit_gym.core.checklist import COLUMNS, LABEL_HEADLINE, MAX_REQUIREMENTS, N_LABELS, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import BADGE
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import Cases, Judge
from imgedit_gym.judges.weighing import weigh
from imgedit_gym.models.reading import Box, Reader, letters, line_of, similarity

UNLIKE, ALIKE = 0.5, 0.85
"""Similarity of two texts up to which they have nothing in common but chance, and from which on they count as the same
one, misread letters allowed for."""

BADGE_MARGIN = 0.2
"""Share of a badge's height above and below its text."""

SURE = 0.5
"""Confidence of the recogniser below which a text of the source is not held against the edited picture."""

_KIND, _COUNT = COLUMNS.index("kind"), COLUMNS.index("count")


class OcrJudge(Judge):
    """Reads texts and compares them with what the checklist asks for.

    It judges headlines and nothing else: the value of every other requirement is nan, which says that this judge does
    not judge it, and E is the mean over those it does. A task that asks for no headline is none of its business: the
    judgement is invalid, with a reason, and nothing is raised. P is the mean over the headline
    and the badges that must be kept and could be read in the source; 1 where there are none. Q is 1. Combine it with
    judges of the rest: ``{"id": "product", "execution": "ocr", "preservation": "pixels", "quality": "pixels"}``.

    A headline is read in its box; in a task whose picture has no such box, the whole picture is searched for text.

    Args:
        alike: Similarity of two texts, in (0.5, 1), that is worth 0.5, the pass mark; 0.5 is worth nothing, 1 is worth
            1. Only letters and digits count, in any case.
        threads: Threads of the recogniser, at least 1.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the extra ``ocr`` is not installed.

    Source: PP-OCRv4 (PaddleOCR, Apache-2.0) as ``rapidocr-onnxruntime`` ships it.
    """

    id = "ocr"

    def __init__(self, alike: float = ALIKE, threads: int = 1, combine: str = "product") -> None:
        if not isinstance(alike, (int, float)) or not UNLIKE < alike < 1.0:
            raise ImgEditError(f"alike must be a number between {UNLIKE} and 1; found {alike!r}")
        if not isinstance(threads, int) or threads < 1:
            raise ImgEditError(f"threads must be a whole number of at least 1; found {threads!r}")
        self.alike = float(alike)
        self.combine = combination(combine)
        self._reader = Reader(threads)
        self.model = f"{self._reader.name}, alike {self.alike}"

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        started = time.perf_counter()
        n, device = len(cases), cases.canvas.device
        values = torch.zeros(n, MAX_REQUIREMENTS)
        preserved = torch.ones(n, N_LABELS)
        kept = torch.zeros(n, N_LABELS)
        valid = torch.zeros(n, dtype=torch.bool)
        wanted = cases.wanted.cpu()
        values[wanted[..., _KIND] > 0] = torch.nan
        reasons: dict[int, str] = {}

        canvases, sources = cases.canvas.cpu().numpy(), cases.source.cpu().numpy()
        segments = cases.batch.segments[cases.index].cpu().numpy()
        boxes = cases.batch.headline_box[cases.index].tolist()
        lines: list[np.ndarray] = []
        """What is read, in one batch: per text that is kept, its place in the source, then in the canvas."""
        headlines: dict[int, int | str] = {}
        """By case: index of the line that shows the headline, or the text found in the whole picture."""
        pairs: list[tuple[int, int, int]] = []
        """Case, label and index of the source's line of what must be kept; the canvas's line follows it."""

        for i in range(n):
            box: Box = tuple(boxes[i])
            asked = (wanted[i, :, _KIND] == Kind.HEADLINE).nonzero().flatten().tolist()
            if asked:
                valid[i] = True
                if box[0] < box[2] and box[1] < box[3]:
                    headlines[i] = len(lines)
                    lines.append(line_of(canvases[i], box))
                else:
                    headlines[i] = self._reader.search(canvases[i])
            else:
                reasons[i] = f"judge {self.id!r} reads headlines, and this task asks for none"
                continue
            for label, name in cases.kept(i).items():
                place = _place(segments[i], label, box, name)
                if place is not None:
                    pairs.append((i, label, len(lines)))
                    lines += [line_of(sources[i], place), line_of(canvases[i], place)]

        read = self._reader.read(lines)
        for i, at in headlines.items():
            found = at if isinstance(at, str) else read[at][0]
            for row, requirement in enumerate(cases.requirements(i)):
                if requirement.kind is Kind.HEADLINE:
                    texts = headline_texts(requirement, int(wanted[i, row, _COUNT]))
                    values[i, row] = max(self._worth(found, text) for text in texts)
        for i, label, at in pairs:
            text, confidence = read[at]
            if confidence >= SURE and letters(text):
                kept[i, label] = 1.0
                preserved[i, label] = self._worth(read[at + 1][0], text)
        share = (preserved * kept).sum(1) / kept.sum(1).clamp_min(1.0)
        preservation = torch.where(kept.any(1), share, 1.0)

        values, one = values.to(device), torch.ones(n, device=device)
        verdict = Verdict(
            execution=one,
            preservation=preservation.to(device),
            quality=one.clone(),
            score=one,
            requirements=values,
            success=valid.to(device),
            valid=valid.to(device),
            calls=torch.zeros(n, device=device),
            preserved=preserved.to(device),
            reasons=reasons,
            seconds=torch.full((n,), (time.perf_counter() - started) / max(n, 1), device=device),
        )
        verdict.execution, verdict.score, success = weigh(verdict, cases.wanted, cases.due, self.combine)
        verdict.success = success & verdict.valid
        return verdict

    def _worth(self, found: str, text: str) -> float:
        """What a text is worth where another is wanted, in [0, 1]: 0.5 where they are just alike."""
        alike = similarity(found, text)
        if alike < self.alike:
            return 0.5 * max(0.0, alike - UNLIKE) / (self.alike - UNLIKE)
        return 0.5 + 0.5 * (alike - self.alike) / (1.0 - self.alike)


def headline_texts(requirement: Requirement, count: int) -> list[str]:
    """The texts that a requirement allows the headline to be."""
    words = requirement.text.partition(":")[2].strip()
    return [words, *(words.split(" or ") if count > 1 else ())]


def _place(segments: np.ndarray, label: int, box: Box, name: str) -> Box | None:
    """Where the text of something that must be kept stands; ``None`` where it has none."""
    if label == LABEL_HEADLINE:
        return box if box[0] < box[2] and box[1] < box[3] else None
    if name != BADGE:
        return None
    rows, columns = np.nonzero(segments == label)
    if not len(rows):
        return None
    top, bottom = int(rows.min()), int(rows.max()) + 1
    margin = int(BADGE_MARGIN * (bottom - top))
    return top + margin, int(columns.min()), bottom - margin, int(columns.max()) + 1
