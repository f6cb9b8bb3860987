"""The editor as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput
from PIL import Image

from baselines.single_step.model import EDGE, STEPS, Layers, inputs, read_words, see, to_bytes, to_unit
from baselines.single_step.words import tokenize
from baselines.vision import Vision
from imgedit_gym.core.errors import DataFileError, ImgEditError

ENCODER = "vision"
"""Folder of the image encoder in a pipeline's own, where it is not the package's."""

_Pipeline: Any = DiffusionPipeline


class SingleStepPipeline(_Pipeline):
    """InstructPix2Pix in pixels, small, for adverts: a picture and a request go in, the edited picture comes out.

    As in InstructPix2Pix (Brooks et al., 2023) the network denoises the result with the source picture as further
    channels and the request as words. It works on pixels instead of latents, sees through the frozen encoder of
    :mod:`baselines.vision` besides, and predicts the result as layers over the source picture
    (:class:`baselines.single_step.model.Layers`), so that what it does not edit stays as it was, at any size.

    Args:
        unet: The denoiser, a ``UNet2DConditionModel``.
        scheduler: A ``DDIMScheduler`` that predicts the sample.
        text_encoder: A ``BertModel``; its pooler is not used.
        tokenizer: Its tokenizer.
        vision: Digest of the encoder that the network was trained with.
    """

    model_cpu_offload_seq = "text_encoder->unet"

    def __init__(self, unet: Any, scheduler: Any, text_encoder: Any, tokenizer: Any, vision: str | None = None) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler, text_encoder=text_encoder, tokenizer=tokenizer)
        self.register_to_config(vision=vision)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> SingleStepPipeline:
        """Load a pipeline, and remember the image encoder that lies in its folder."""
        found: SingleStepPipeline = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        folder = Path(pretrained_model_name_or_path) / ENCODER
        found._own_encoder = folder if folder.is_dir() else None
        return found

    _own_encoder: Path | None = None

    @cached_property
    def _encoder(self) -> Vision:
        vision = Vision.load(self._own_encoder, self._execution_device)
        if self.config.vision not in (None, vision.digest):
            raise DataFileError(
                f"the editor was trained with the image encoder {self.config.vision}; found {vision.digest}"
            )
        return vision

    @torch.inference_mode()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Any,
        num_inference_steps: int = STEPS,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """Edit pictures.

        Args:
            prompt: A request, or one for each picture.
            image: A PIL picture, an array or tensor ``uint8 [H, W, 3]`` or ``[n, H, W, 3]``, or a sequence of PIL
                pictures of one size.
            num_inference_steps: Denoising steps.
            generator: Of the noise; a list has one for each picture.
            output_type: ``"pil"``; ``"np"``, ``float32 [n, H, W, 3]`` in [0, 1]; or ``"pt"``, ``float32 [n, 3, H, W]``.
            return_dict: Whether to return an ``ImagePipelineOutput`` instead of a tuple.

        Raises:
            ImgEditError: If the pictures are of another type, or there are not as many as requests.
        """
        prompts, images = [prompt] if isinstance(prompt, str) else list(prompt), _as_bytes(image)
        if len(prompts) != len(images):
            raise ImgEditError(f"expected a request for each picture; found {len(prompts)} for {len(images)}")
        layers = self.layers(prompts, images, num_inference_steps, generator)
        edited = layers.compose(to_unit(images.to(self._execution_device)))[1]
        result = to_bytes(edited).cpu()
        found: Any = [Image.fromarray(one) for one in result.numpy()]
        if output_type == "np":
            found = result.numpy().astype(np.float32) / 255.0
        elif output_type == "pt":
            found = result.permute(0, 3, 1, 2).float() / 255.0
        return ImagePipelineOutput(images=found) if return_dict else (found,)

    @torch.inference_mode()
    def layers(
        self,
        prompts: Sequence[str],
        images: torch.Tensor,
        steps: int = STEPS,
        generator: torch.Generator | list[torch.Generator] | None = None,
    ) -> Layers:
        """The edits of ``uint8 [n, H, W, 3]``, to be laid over the pictures."""
        from diffusers.utils.torch_utils import randn_tensor

        device, dtype = self._execution_device, self.unet.dtype
        source = to_unit(images.to(device), EDGE)
        seen = see(self._encoder, images.to(device))
        ids, mask = tokenize(self.tokenizer, prompts, device)
        states, mean = read_words(self.text_encoder, ids, mask)
        noisy = randn_tensor(source.shape, generator=generator, device=device, dtype=torch.float32)
        self.scheduler.set_timesteps(steps, device=device)
        for timestep in self.progress_bar(self.scheduler.timesteps):
            found = self.unet(
                inputs(noisy, source, seen).to(dtype),
                timestep,
                encoder_hidden_states=states.to(dtype),
                encoder_attention_mask=mask,
                class_labels=mean.to(dtype),
                return_dict=False,
            )[0]
            layers = Layers.of(found)
            picture = layers.compose(source, snap=False)[1].clamp(-1, 1)
            noisy = self.scheduler.step(picture, timestep, noisy, return_dict=False)[0]
        return layers


def _as_bytes(image: Any) -> torch.Tensor:
    """Pictures as ``uint8 [n, H, W, 3]``."""
    if isinstance(image, Image.Image):
        image = [image]
    if isinstance(image, Sequence) and image and all(isinstance(one, Image.Image) for one in image):
        image = np.stack([np.asarray(one.convert("RGB")) for one in image])
    if isinstance(image, np.ndarray):
        image = torch.from_numpy(image.copy())
    if (
        isinstance(image, torch.Tensor)
        and image.dtype == torch.uint8
        and image.shape[-1] == 3
        and image.dim() in (3, 4)
    ):
        return image if image.dim() == 4 else image[None]
    raise ImgEditError("expected PIL pictures of one size, or uint8 [n, H, W, 3]; found " + _told(image))


def _told(image: Any) -> str:
    return f"{image.dtype} {list(image.shape)}" if hasattr(image, "shape") else type(image).__name__
