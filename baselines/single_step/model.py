"""What the editor's network says of a picture, and how that becomes the edited picture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from baselines.training.judge.kinds import CENTRE, MESS
from baselines.vision.encoder import WORD, Vision, word_parts
from imgedit_gym.judges.vlm.mosaic import resize

EDGE = 64
"""Edge in pixels of the pictures that the network sees and draws."""

PATCH = 4
"""Edge in pixels of the patches that are channels of the network's input and output."""

GRID = EDGE // PATCH

SEEN = WORD + 2
"""Numbers of an image token that the network is given."""

PLACES = 6
"""Channels that tell where a place is."""

N_IN = 2 * 3 * PATCH**2 + SEEN + PLACES
N_RETOUCH = 13
N_OUT = 4 * PATCH**2 + N_RETOUCH

STEPS = 2
"""Denoising steps unless told otherwise. Chosen on the split ``val``."""

SHARPNESS, GATE_SLACK = 2.0, 0.1
"""How much surer gates are taken to be than they are, and the share of the new layer below which there is none of it,
and above 1 less which there is nothing else. Chosen on the split ``val``."""

RETOUCH_SLACK = 0.08
"""Changes of colour that are below this on average over the picture are none. Chosen on the split ``val``."""


@dataclass(frozen=True)
class Layers:
    """An edit as it is laid over a picture: ``(1 - gate) * picture + gate * layer``, then a change of colours.

    Attributes:
        layer: What is painted, ``float32 [n, 3, EDGE, EDGE]``, about -1 to 1.
        gate: How much of it covers the picture, before the sigmoid, ``float32 [n, 1, EDGE, EDGE]``.
        retouch: Change of colours and detail at each cell, ``float32 [n, 13, GRID, GRID]``: a 3 x 3 matrix row by row
            and an offset, both beyond the identity, and a gain of detail.
    """

    layer: torch.Tensor
    gate: torch.Tensor
    retouch: torch.Tensor

    @classmethod
    def of(cls, found: torch.Tensor) -> Layers:
        """Read the network's output, ``[n, N_OUT, GRID, GRID]``."""
        found = found.float()
        painted, retouch = found[:, : 4 * PATCH**2], found[:, 4 * PATCH**2 :]
        planes = F.pixel_shuffle(painted, PATCH)
        return cls(planes[:, :3], planes[:, 3:] - 2.0, 0.3 * retouch)

    def compose(self, picture: torch.Tensor, snap: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """Lay the edit over pictures of any size.

        Args:
            picture: ``float32 [n, 3, H, W]`` in [-1, 1].
            snap: Whether what is next to nothing counts as nothing, so that what was not to be edited stays exactly as
                it was; training goes without.

        Returns:
            The pictures with the layer alone, and with the change of colours too; ``float32 [n, 3, H, W]``.
        """
        size = picture.shape[-2:]
        gate, retouch = self.gate.sigmoid(), self.retouch
        if snap:
            gate = (((SHARPNESS * self.gate).sigmoid() - GATE_SLACK) / (1 - 2 * GATE_SLACK)).clamp(0, 1)
            retouch = retouch * (retouch.abs().mean((1, 2, 3), keepdim=True) > RETOUCH_SLACK)
        gate, layer = _enlarge(gate, size), _enlarge(self.layer, size)
        laid = picture + gate * (layer - picture)
        return laid, _retouched(laid, _enlarge(retouch, size))


def _enlarge(planes: torch.Tensor, size: Any) -> torch.Tensor:
    if planes.shape[-2:] == size:
        return planes
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False)


def _retouched(picture: torch.Tensor, retouch: torch.Tensor) -> torch.Tensor:
    matrix, offset, gain = retouch[:, :9].unflatten(1, (3, 3)), retouch[:, 9:12], retouch[:, 12:]
    width = 2 * max(1, round(picture.shape[-1] / 64)) + 1
    blurred = F.avg_pool2d(F.pad(picture, (width // 2,) * 4, mode="replicate"), width, 1)
    return picture + (matrix * picture[:, None]).sum(2) + offset + 4.0 * gain * (picture - blurred)


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Attributes:
        channels: Widths at 16 x 16 and 8 x 8 places.
        words: Width of the text encoder.
        text_layers: Layers of the text encoder.
        heads: Heads of every attention.
    """

    channels: tuple[int, int] = (64, 128)
    words: int = 128
    text_layers: int = 2
    heads: int = 4

    def as_text(self) -> str:
        """The sizes in a line."""
        return ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))


def make_unet(shape: Shape) -> Any:
    """A denoiser of pictures in patches, conditioned on the source picture, what is seen in it, and words."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=GRID,
        in_channels=N_IN,
        out_channels=N_OUT,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("UpBlock2D", "UpBlock2D"),
        block_out_channels=shape.channels,
        layers_per_block=1,
        cross_attention_dim=shape.words,
        attention_head_dim=shape.heads,
        norm_num_groups=16,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=shape.words,
        resnet_time_scale_shift="scale_shift",
    )


def make_text_encoder(shape: Shape, tokens: int, longest: int, pooler: bool = False) -> Any:
    """A small transformer over the words of requests; the pooler is not used, but files of a ``BertModel`` have one."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=tokens,
        hidden_size=shape.words,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=shape.heads,
        intermediate_size=2 * shape.words,
        max_position_embeddings=longest,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0,
    )
    return BertModel(config, add_pooling_layer=pooler)


def read_words(encoder: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """States of the words and their mean, ``[n, L, words]`` and ``[n, words]``."""
    states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask[..., None].to(states.dtype)
    return states, (states * weights).sum(1) / weights.sum(1).clamp_min(1)


def see(vision: Vision, images: torch.Tensor) -> torch.Tensor:
    """What the frozen encoder sees at each place, ``float32 [n, SEEN, GRID, GRID]``, of ``uint8 [n, H, W, 3]``."""
    tokens = vision.tokens(images).float()
    planes = torch.cat([word_parts(tokens), tokens[..., CENTRE : MESS + 1]], -1)
    places = vision.places
    square = planes.transpose(1, 2).unflatten(2, (places, places))
    return F.interpolate(square, size=(GRID, GRID), mode="bilinear", align_corners=False)


def where(device: torch.device | str = "cpu") -> torch.Tensor:
    """Place of each cell of the grid, ``float32 [PLACES, GRID, GRID]``."""
    line = (torch.arange(GRID, device=device) + 0.5) / GRID * 2 - 1
    y, x = line[:, None].expand(GRID, GRID), line.expand(GRID, GRID)
    waves = [(torch.pi * v).sin() for v in (y, x)] + [(torch.pi * v).cos() for v in (y, x)]
    return torch.stack([y, x, *waves])


def to_unit(images: torch.Tensor, edge: int | None = None) -> torch.Tensor:
    """Pictures ``uint8 [n, H, W, 3]`` as ``float32 [n, 3, edge, edge]`` in [-1, 1], reduced by area."""
    planes = images.permute(0, 3, 1, 2).float()
    if edge is not None:
        planes = resize(planes, edge, edge)
    return planes / 127.5 - 1.0


def to_bytes(pictures: torch.Tensor) -> torch.Tensor:
    """The inverse of :func:`to_unit`: ``uint8 [n, H, W, 3]``."""
    return ((pictures + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def inputs(noisy: torch.Tensor, source: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """The network's input, ``[n, N_IN, GRID, GRID]``, from pictures ``[n, 3, EDGE, EDGE]`` and what is seen."""
    patches = [F.pixel_unshuffle(planes, PATCH) for planes in (noisy, source)]
    return torch.cat([*patches, seen, where(seen.device).expand(len(seen), -1, -1, -1)], 1)


def make_scheduler() -> Any:
    """The noise: a cosine schedule that ends in noise alone, and a network that predicts the picture itself.

    Sources: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models" (2021), for the schedule; Lin et
    al., "Common diffusion noise schedules and sample steps are flawed" (2024), for its end.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=True,
    )


class Editor(nn.Module):
    """The parts that learn.

    Args:
        shape: Their sizes.
        tokens: Size of the vocabulary.
        longest: Most tokens of a request.
    """

    def __init__(self, shape: Shape, tokens: int, longest: int) -> None:
        super().__init__()
        self.unet = make_unet(shape)
        self.text_encoder = make_text_encoder(shape, tokens, longest)

    def forward(
        self,
        noisy: torch.Tensor,
        timestep: torch.Tensor,
        source: torch.Tensor,
        seen: torch.Tensor,
        ids: torch.Tensor,
        mask: torch.Tensor,
    ) -> tuple[Layers, torch.Tensor]:
        """The edit, and the mean of the words' states ``[n, words]``."""
        states, mean = read_words(self.text_encoder, ids, mask)
        found = self.unet(
            inputs(noisy, source, seen),
            timestep,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            class_labels=mean,
            return_dict=False,
        )[0]
        return Layers.of(found), mean
