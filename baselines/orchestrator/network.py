"""The network: from a picture and a plan step to a distribution over tools and regions."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from baselines.training.judge.kinds import KIND, TYPE, WIDTH
from baselines.vision.encoder import WORD, Vision, to_lattice
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.vocabulary import N_TARGETS, N_VALUES, N_VERBS, Vocabulary
from imgedit_gym.judges.vlm.mosaic import resize

EDGE = 96
"""Edge in pixels of the pictures that the policy's own eye looks at: 12 pixels for each cell of the lattice."""

_CODE = KIND.stop - KIND.start
_CLUES = 3
NEVER = -1e9
"""Log-probability, all but, of what a mask forbids."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the policy.

    Attributes:
        width: Numbers by which a region, or the plan step, is known.
        layers: Layers in which regions and plan step take notice of each other.
        heads: Attention heads of each.
        inner: Width inside of the feed-forward parts.
        dropout: Share of numbers left out while it learns.
        codes: Whether it gets the frozen encoder's image tokens and words' codes; else it has pixels alone, and
            learns its words.
    """

    width: int = 128
    layers: int = 2
    heads: int = 4
    inner: int = 384
    dropout: float = 0.05
    codes: bool = True


def shrink(images: torch.Tensor) -> torch.Tensor:
    """Pictures as the policy's own eye sees them: ``uint8 [n, H, W, 3]`` to ``uint8 [n, 3, EDGE, EDGE]``."""
    planes = images.permute(0, 3, 1, 2).float()
    return resize(planes, EDGE, EDGE).round_().clamp_(0, 255).to(torch.uint8)


@dataclass
class Choices:
    """A distribution over tools and regions, p(region) p(tool | region), before masking.

    Attributes:
        regions: Logits, ``float32 [n, N_REGIONS]``.
        tools: Logits of the tools in each region, ``float32 [n, N_REGIONS, n_tools]``.
        state: What is known of the whole state, ``float32 [n, width]``, for a value to be read from.
    """

    regions: torch.Tensor
    tools: torch.Tensor
    state: torch.Tensor

    def log_probs(self, tool_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Log-probability of each pair, ``float32 [n, n_tools, N_REGIONS]``.

        Args:
            tool_mask: Which tools may be used, ``bool [n, n_tools]``, at least one.
        """
        tools = self.tools
        if tool_mask is not None:
            tools = tools.masked_fill(~tool_mask[:, None], NEVER)
        return self.regions.log_softmax(-1)[:, None] + tools.log_softmax(-1).transpose(1, 2)

    def best(self, tool_mask: torch.Tensor | None = None) -> torch.Tensor:
        """The likeliest region, and the likeliest tool there: ``int64 [n, 2]``, tool and region."""
        regions = self.regions.argmax(-1)
        tools = self.tools[torch.arange(len(regions), device=regions.device), regions]
        if tool_mask is not None:
            tools = tools.masked_fill(~tool_mask, NEVER)
        return torch.stack([tools.argmax(-1), regions], 1)


class Network(nn.Module):
    """Regions by attention of the plan step over what is seen at each, then tools by what is seen there.

    What stands where comes from the frozen encoder; texture, light and saturation, by which tools differ, from a small
    convolutional eye of its own.

    Args:
        shape: Sizes.
        n_tools: Number of tools.
        words: Vectors of the vocabulary's targets and values, ``float32 [N_TARGETS, WORD]`` and
            ``float32 [N_VALUES, WORD]``; needed where ``shape.codes`` is set.
    """

    def __init__(self, shape: Shape, n_tools: int, words: tuple[torch.Tensor, torch.Tensor] | None = None) -> None:
        super().__init__()
        self.shape, self.n_tools = shape, n_tools
        width = shape.width
        self.eye = nn.Sequential(
            nn.Conv2d(3, 32, 4, 4),
            nn.GELU(),
            nn.Conv2d(32, 64, 3, 1, 1),
            nn.GELU(),
            nn.Conv2d(64, width, EDGE // 4 // LATTICE, EDGE // 4 // LATTICE),
        )
        self.verb = nn.Embedding(N_VERBS, width)
        if shape.codes:
            targets, values = words or (torch.zeros(N_TARGETS, WORD), torch.zeros(N_VALUES, WORD))
            self.register_buffer("targets", targets.half())
            self.register_buffer("values", values.half())
            self.target, self.value = nn.Linear(WORD, width), nn.Linear(WORD, width)
            self.place = nn.Linear(WIDTH, width)
            self.clue = nn.Linear(_CLUES, width)
            self.hint = nn.Parameter(torch.tensor([8.0, 0.0, 4.0]))
        else:
            self.target, self.value = nn.Embedding(N_TARGETS, width), nn.Embedding(N_VALUES, width)  # type: ignore[assignment]
        self.whole = nn.Linear(6 + width, width)
        self.position = nn.Parameter(0.02 * torch.randn(2 + LATTICE**2, width))
        layer = nn.TransformerEncoderLayer(
            width, shape.heads, shape.inner, shape.dropout, nn.functional.gelu, batch_first=True, norm_first=True
        )
        self.trunk = nn.TransformerEncoder(layer, shape.layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.tool = nn.Sequential(nn.GELU(), nn.Linear(2 * width, n_tools))
        self.there, self.asked = nn.Linear(width, 2 * width), nn.Linear(2 * width, 2 * width)

    def forward(self, pictures: torch.Tensor, steps: torch.Tensor, tokens: torch.Tensor | None = None) -> Choices:
        """What to do.

        Args:
            pictures: As :func:`shrink` makes them, ``uint8 [n, 3, EDGE, EDGE]``.
            steps: Codes of the plan steps, ``int [n, 3]``.
            tokens: The frozen encoder's image tokens, ``float [n, places ** 2, WIDTH]``, where ``shape.codes`` is set.
        """
        steps = steps.long()
        seen = pictures.float().div(127.5).sub(1.0)
        cells = self.eye(seen).flatten(2).transpose(1, 2)
        step = self.verb(steps[:, 0])
        hints = torch.zeros(len(steps), LATTICE**2, device=seen.device)
        if self.shape.codes:
            assert tokens is not None
            target, value = self.targets[steps[:, 1]].float(), self.values[steps[:, 2]].float()  # type: ignore[index]
            step = step + self.target(target) + self.value(value)
            there = to_lattice(tokens)
            clues = _clues(there, target, value)
            cells = cells + self.place(there) + self.clue(clues)
            hints = clues @ self.hint
        else:
            step = step + self.target(steps[:, 1]) + self.value(steps[:, 2])
        light = torch.cat([seen.mean((2, 3)), seen.std((2, 3))], 1)
        whole = self.whole(torch.cat([light, cells.mean(1)], 1))
        known = self.trunk(torch.cat([step[:, None], whole[:, None], cells], 1) + self.position)
        step, regions = known[:, 0], known[:, 1:]
        fit = torch.einsum("nd,nrd->nr", self.query(step), self.key(regions)) * self.shape.width**-0.5
        asked = self.asked(torch.cat([step, known[:, 1]], 1))
        tools = self.tool(asked[:, None] + self.there(regions))
        return Choices(fit.float() + F.pad(hints.float(), (1, 0)), tools.float(), (step + known[:, 1]).float())

    def describe(self) -> dict[str, object]:
        """Sizes by name, from which :class:`Network` is built again."""
        return {"shape": asdict(self.shape), "n_tools": self.n_tools}


def _clues(there: torch.Tensor, target: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """How much each cell shows the step's target, its value, and the target's type, ``float32 [n, cells, 3]``."""
    kinds = torch.stack([target[:, :_CODE], value[:, :_CODE]], 2)
    own = there[..., KIND] @ kinds
    # what has a code of its own needs no type
    typed = target[:, -3:] * (target[:, :_CODE].abs().sum(1, keepdim=True) == 0)
    return torch.cat([own, there[..., TYPE] @ typed[:, :, None]], 2)


def vocabulary_words(vision: Vision, vocabulary: Vocabulary) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of the vocabulary's targets and values; zeros for what cannot be seen, and for reserved codes."""
    tables = []
    for words, size in ((vocabulary.targets, N_TARGETS), (vocabulary.values, N_VALUES)):
        table = torch.zeros(size, WORD)
        for code, word in enumerate(words):
            table[code] = vision.word(word)
        tables.append(table)
    return tables[0], tables[1]
