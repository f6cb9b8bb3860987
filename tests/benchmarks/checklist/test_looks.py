from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.checklist.looks import CLEARLY_NOT, give_tone, written_over
from imgedit_gym.core.names import TONES


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_changes_a_picture_as_its_name_says(tone):
    random = np.random.default_rng(0)
    picture = torch.from_numpy(random.integers(60, 190, (1, 64, 64, 3), dtype=np.uint8))
    seen = give_tone(picture, tone)
    assert seen.shape == picture.shape and seen.dtype == torch.uint8
    a, b = picture.float(), seen.float()
    chroma = (b.amax(-1) - b.amin(-1)).mean() - (a.amax(-1) - a.amin(-1)).mean()
    warmth = (b[..., 0] - b[..., 2]).mean() - (a[..., 0] - a[..., 2]).mean()
    changed = {
        "brighter": b.mean() - a.mean(),
        "darker": a.mean() - b.mean(),
        "warmer": warmth,
        "cooler": -warmth,
        "vivid": chroma,
        "muted": -chroma,
        "monochrome": -chroma,
        "vintage": warmth,
        "contrasty": b.std() - a.std(),
        "soft": a.std() - b.std(),
        "crisp": b.std() - a.std(),
    }
    assert float(changed[tone]) > 3
    assert tone not in CLEARLY_NOT[tone]


def test_text_is_painted_over_the_middle():
    picture = np.full((128, 128, 3), 90, np.uint8)
    written = written_over(picture, "Make this advertisement more vegetarian-friendly.")
    assert written.shape == picture.shape
    middle = written[32:96]
    assert (middle != 90).mean() > 0.1
    assert (written[:8] == 90).all()
