"""Writes the image encoder from a training of the small judge.

``python -m baselines.vision.export runs/judge baselines/weights/vision [--preset full]``
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch.nn.functional import one_hot

from baselines.cli import run_command
from baselines.training.judge.kinds import TONE, Kinds
from baselines.training.judge.learn import Workshop
from baselines.training.judge.plan import EYES, PRESETS
from baselines.training.judge.vocabulary import Named, Words
from baselines.vision.encoder import CODES, PROJECTOR, SETTINGS, make_projector
from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.core.plan import BACKGROUND, HEADLINE

CARD = """---
license: mit
library_name: transformers
---
# What stands at each place of an advert

A SigLIP-style vision tower (`SiglipVisionModel`) and a projector of {millions:.1f} million parameters together, in half
precision: trained like the vision half of the small judge of imgedit-gym ({steps} updates). It reads a
picture as {places} x {places} tiles (`imgedit_gym.judges.vlm.mosaic`) and writes for each a vector of 192 numbers; its
first 64 have a high product with the code of the kind of thing that stands there, which `codes.safetensors` has by kind
and by word. Trained on generated adverts of the split `train` with labels of the renderer; it knows nothing else.

    python -m baselines.training.judge --preset {preset} --stage eyes --out {out}
    python -m baselines.vision.export {out} FOLDER --preset {preset}

`baselines.vision.Vision.load(FOLDER)` reads it.
"""


def export_vision(training: Path, folder: Path, preset: str = "full") -> None:
    """Write the encoder of a training, in half precision.

    Args:
        training: Folder of ``python -m baselines.training.judge``.
        folder: Where to write to.
        preset: How it was trained.

    Raises:
        DataFileError: If there is no such checkpoint.
    """
    from safetensors.torch import save_file

    path = training / f"{EYES}.pt"
    if not path.exists():
        raise DataFileError(f"{path}: expected a checkpoint of the stage {EYES!r}; there is none")
    shop = Workshop.open(PRESETS[preset], training, 0).narrow()
    state = torch.load(path)
    model = shop.model()
    model.load_state_dict(state["parts"]["model"])
    tower, learnt = model.model.vision_tower.half(), model.model.multi_modal_projector
    projector = make_projector(tower.config.hidden_size)
    projector[0].load_state_dict(learnt.linear_1.state_dict())
    projector[2].load_state_dict(learnt.linear_2.state_dict())
    projector.half()
    folder.mkdir(parents=True, exist_ok=True)
    tower.save_pretrained(folder)
    save_file(projector.state_dict(), folder / PROJECTOR)
    phrases, table = word_table(shop.words)
    kinds = shop.kinds
    codes = {"kinds": shop.words.codes.kinds, "types": kinds.types, "words": table}
    save_file({name: value.contiguous() for name, value in codes.items()}, folder / CODES)
    settings = {"edge": shop.preset.shape.edge, "kinds": kind_names(kinds), "words": phrases}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    count = sum(parameter.numel() for part in (tower, projector) for parameter in part.parameters())
    card = CARD.format(
        millions=count / 1e6,
        steps=state["step"],
        preset=preset,
        places=shop.preset.shape.places,
        out=training,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def kind_names(kinds: Kinds) -> list[str]:
    """Names of everything that can stand at a place, in the order of the codes."""
    objects = [item.name for item in kinds.catalogue.objects]
    return [*objects, *kinds.book.badges, *BACKGROUNDS, *kinds.book.headlines]


def word_table(words: Words) -> tuple[list[str], torch.Tensor]:
    """Phrases and their vectors, ``float32 [phrases, WORD]``; see :data:`baselines.vision.encoder.WORD_PARTS`."""
    none = torch.zeros(len(words.kinds), dtype=torch.bool)
    plain = {
        name: Named(none, torch.zeros(words.codes.kinds.shape[1])) for name in (BACKGROUND, HEADLINE)
    } | words.named
    types = words.kinds.types
    rows = []
    for phrase, named in plain.items():
        tint = words.codes.tints[named.tint] * (named.tint > 0)
        tone = torch.zeros(TONE.stop - TONE.start)
        if named.tone >= 0:
            tone[named.tone] = 1.0
        kind = one_hot(types[named.kinds], 3).amax(0).float() if bool(named.kinds.any()) else torch.zeros(3)
        if phrase in (BACKGROUND, HEADLINE):
            kind[1 if phrase == BACKGROUND else 2] = 1.0
        rows.append(torch.cat([named.code, tint, tone, kind]))
    return list(plain), torch.stack(rows)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    parser = argparse.ArgumentParser("python -m baselines.vision.export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("training", type=Path, help="folder of the training")
    parser.add_argument("folder", type=Path, help="where to write to")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="full")
    options = parser.parse_args(sys.argv[1:] if words is None else words)
    return run_command(lambda o: export_vision(o.training, o.folder, o.preset), options)


if __name__ == "__main__":
    sys.exit(main())
