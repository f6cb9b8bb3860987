"""A judge: from pictures, and what is known of them, to verdicts."""

from __future__ import annotations

import torch

from imgedit_gym.core.verdict import Verdict
from imgedit_gym.judges.base import Cases, Judge
from imgedit_gym.judges.weighing import weigh


class Brightness(Judge):
    """Finds every requirement as well met as the picture is bright, and looks at nothing else."""

    id = "brightness"
    version = "1"

    def judge(self, cases: Cases) -> Verdict:
        """The mean of all pixels and channels, in [0, 1]."""
        # a sum of whole numbers does not depend on the batch size
        light = cases.canvas.flatten(1).sum(1, dtype=torch.int64) / (255 * cases.canvas[0].numel())
        asked = cases.wanted[..., 0] > 0
        none, one = torch.zeros_like(light), torch.ones_like(light)
        verdict = Verdict(
            execution=none,
            preservation=one,
            quality=one,
            score=none,
            requirements=light[:, None] * asked,
            success=none > 0,
            valid=one > 0,
            calls=none,
        )
        verdict.execution, verdict.score, verdict.success = weigh(verdict, cases.wanted, cases.due, self.combine)
        return verdict
