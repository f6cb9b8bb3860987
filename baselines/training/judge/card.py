"""The model card, and the curves of the training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines.training.judge.plan import STAGES, Preset
from baselines.training.judge.spoiled import WHOLE

CURVES = {
    "vision": ("right_object", "right_background", "right_headline"),
    "language": ("right", "right/present", "right/count", "right/color", "right/absent"),
    "joint": ("right", "tools/right", "spoiled/right", "right_object"),
    "further": ("right", "tools/right", "spoiled/right", "tools/right/present"),
}
"""What is drawn of each stage."""

_SMOOTH = 4


def read_log(folder: Path, stage: str) -> list[dict[str, float]]:
    """What a stage wrote down, by step; of steps that were done twice after an interruption, the later."""
    path = folder / f"{stage}.jsonl"
    if not path.exists():
        return []
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [row for _, row in sorted({row["step"]: row for row in rows}.items())]


def draw_curves(folder: Path, path: Path) -> None:
    """Loss and shares of right answers of every stage that was run here as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    logs = {stage: rows for stage in STAGES if (rows := read_log(folder, stage))}
    size = (4.2 * len(logs), 6.0)
    figure, axes = pyplot.subplots(2, len(logs), figsize=size, squeeze=False, constrained_layout=True)
    for column, (stage, rows) in enumerate(logs.items()):
        above, below = axes[0, column], axes[1, column]
        above.set(title=stage, ylabel="loss" if column == 0 else "", yscale="log")
        below.set(xlabel="updates", ylabel="right" if column == 0 else "", ylim=(0, 1.02))
        above.plot([row["step"] for row in rows], _smoothed([row["loss"] for row in rows]), color="0.2")
        for name in CURVES[stage]:
            found = [(row["step"], row[name]) for row in rows if name in row]
            below.plot([step for step, _ in found], _smoothed([value for _, value in found]), label=name)
        below.legend(fontsize=7, loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _smoothed(values: list[float]) -> list[float]:
    means = []
    for index in range(len(values)):
        near = values[max(0, index - _SMOOTH) : index + _SMOOTH + 1]
        means.append(sum(near) / len(near))
    return means


def write_card(folder: Path, model: Path, preset: Preset, facts: dict[str, Any]) -> None:
    """Write ``README.md`` and ``curves.png`` beside the weights.

    Args:
        folder: Of the training.
        model: Of the finished model.
        preset: How it was trained.
        facts: ``command``, ``seed``, ``machine``, ``notes`` and ``measured``: a list of
            :func:`baselines.training.judge.measure.measure` with a ``name`` each.
    """
    draw_curves(folder, model / "curves.png")
    megabytes = (model / "model.safetensors").stat().st_size / 1e6
    courses = "\n".join(
        f"| {name} | {rows[-1]['step']} | {course.pairs + course.tooled + course.spoiled} | "
        f"{rows[-1]['cpu_seconds'] / 60:.1f} |"
        for name, course in preset.courses.items()
        if (rows := read_log(folder, name))
    )
    tables = "\n\n".join(_table(one) for one in facts["measured"])
    notes = "\n".join(f"- {note}" for note in facts["notes"])
    text = f"""---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# A small judge of edited adverts

A `LlavaForConditionalGeneration` of {facts["parameters"] / 1e6:.1f} million parameters ({megabytes:.1f} MB in half
precision), trained from scratch on the generated adverts of imgedit-gym. It answers yes or no to one question
about a source picture and an edited one, which it is shown as one mosaic (`imgedit_gym.judges.vlm.mosaic`, pictures
reduced to {preset.shape.edge} pixels). `judge="vlm"` uses it where no other model is named. It knows the objects,
backgrounds, headlines, colours and looks of the package's world in English words, and nothing else: it is no judge of
photographs.

## Training

`{facts["command"]}`, seed {facts["seed"]}, on {facts["machine"]}.

Data: adverts of the split `train` alone, drawn by the package's renderer before and after edits (removed, replaced,
recoloured, moved, swapped, resized, half-removed and half-replaced objects, new ones in a light that is not the
picture's, other backgrounds, headlines and looks, several at once), with answers known from the renderer, which
follow the exact judge's rules for such things. From the stage `joint` on some of these are faded into what was before,
or left as they were on one side of a line, and there are also adverts edited step by step with the package's own tools,
rightly and wrongly, and pictures that are harder to judge (drawn with forbidden, wrong, moved, swapped or resized
things, with one side edited and the other not, blended with the source, stored as a JPEG or reduced and enlarged,
blank, noisy, emptied, or of another task; {round(100 * sum(WHOLE))} % of the cut, the blended and the coarse ones show
plans that were carried out whole before, with tools or drawn): all with the answers of the exact checklist judge, but
those that contradict what is known by construction or that nobody can tell, and with what its measurement recognises
at each place.
Questions are balanced by kind and answer. Nothing was downloaded.

| stage | updates | pictures in each | CPU minutes |
|---|---|---|---|
{courses}

{notes}

![curves](curves.png)

## How right it is

Against the exact judge, on tasks that were not trained on; where it contradicts what is known by construction, or
nobody can tell (see the page about the audit), the answer is left out. Balanced accuracy is the mean of both columns
before it. The edits are those of `python -m benchmarks.audit`: drawn by the renderer; by the oracle, rule-based and
random agents; objects moved, swapped and resized; steps carried out at wrong places, by half, and blended with the
source; results with the artefacts of decoders. All but the agents', the plans' and those of `test-art` are of kinds
that the training has, too, made by other code of other tasks.

Free wordings are sentences that no stage saw, of words that occur in other sentences of the training; the vocabulary
lacks of them: {_listed(facts["unknown"]["free"])}. "Unknown words" are sentences that each have some that it lacks:
{_listed(facts["unknown"]["strange"])}.

{tables}

## Limits

It is at home in its world alone: words it does not know are read as one unknown word, and a question that hangs on
such a word is answered at random or the wrong way round; objects it has not seen are taken for others.
An adversary that paints what it likes to see will be paid for it; see the audit.
"""
    (model / "README.md").write_text(text, encoding="utf-8")


def _table(measured: dict[str, Any]) -> str:
    """One measurement as a Markdown table."""
    lines = [
        f"**{measured['name']}**: {measured['episodes']} tasks, {measured['judgements_per_second']} judgements "
        f"({measured['questions_per_second']} questions) a second, "
        f"threads: {measured['threads']}",
        "",
        "| | answers | that hold | right where not, % | right where it holds, % | balanced accuracy, % |",
        "|---|---|---|---|---|---|",
    ]
    for group, row in measured["table"].items():
        cells = (row["answers"], row["hold"], *(_cell(row[key]) for key in ("right_where_not", "right_where_holds")))
        lines.append(f"| {group} | {' | '.join(map(str, cells))} | {_cell(row['balanced_accuracy'])} |")
    return "\n".join(lines)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in words) or "none"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
