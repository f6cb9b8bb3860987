"""Pipelines of diffusers as tools: InstructPix2Pix, inpainting, FLUX Kontext and FLUX.2, Qwen-Image-Edit and others."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError, reason_of
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.models.pipelines import load_pipeline
from imgedit_gym.tools import confine
from imgedit_gym.tools.editor import EditorTool, Failure, Request, from_pil, to_pil
from imgedit_gym.tools.pipeline_calls import call_of, multiple_of, own_edge, parameters
from imgedit_gym.tools.prompting import AVOIDED, Wording

_OURS = ("prompt", "negative_prompt", "image", "generator", "height", "width", "output_type", "return_dict")
"""Arguments of a pipeline that the tool gives itself."""

_CALLBACK = "callback_on_step_end"
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class DiffusersTool(EditorTool):
    """Edits by a pipeline of diffusers that takes a picture and a prompt.

    Environments that use the tool in the same step are one call of the pipeline, at most ``batch_size`` of them, where
    its class takes several edits at once; else they are made one after the other. When memory runs out, the batch is
    halved and stays so. An edit that fails, because memory does not suffice even alone, by a time-out, a safety filter,
    or an error of the pipeline, leaves its canvas as it is and says why in ``info["action_error"]``.

    Each edit has a generator of its own on the CPU, seeded by task and plan step. With ``batch_size=1`` an edit is then
    the same on any batch of environments; in larger batches the noise is the same and arithmetic may differ in the last
    digits, so that the tool is not declared deterministic.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        model: Folder or hub id of the pipeline.
        revision: Branch, tag or commit of the hub.
        variant: Which of several sets of weights, such as ``"fp16"``.
        pipeline: A pipeline class of your own, ``"module:Class"``; ``None`` for the class of diffusers that the model
            names.
        trust: Run code that comes with the model, and read pickled weights.
        device: A torch device; ``None`` for the environment's.
        dtype: Name of a torch type, such as ``"float16"``; ``"auto"``: float32 on a CPU, bfloat16 elsewhere.
        offload: ``"model"`` or ``"sequential"`` to keep only what computes on the GPU; ``None`` for all.
        compile: Compile the denoiser with ``torch.compile``.
        batch_size: Edits in a call at most; ``None`` for 8 where the class takes several, else 1.
        steps: Denoising steps; ``None`` for the pipeline's own number.
        guidance_scale: How closely to follow the prompt; ``None`` for the pipeline's own.
        strength: How far inpainting may leave the picture, in (0, 1]; ``None`` for the pipeline's own.
        negative_prompt: Template of what to avoid, or templates by verb; ``None`` for what a step takes away, in
            pipelines that paint a hole, and nothing in others.
        call: Further arguments of the pipeline's call by name.
        timeout: Seconds after which a call is given up between two denoising steps; ``None`` for no limit.
        size: Edge of what the model is shown in pixels; ``None`` for what the pipeline was made for where it says so,
            else the window's own.
        **arguments: ``name``, ``prompt``, ``verbs``, ``margin``, ``least``, ``feather``, ``reach``, ``seed`` and
            ``cache``: see :class:`imgedit_gym.tools.editor.EditorTool`.

    Raises:
        ImgEditError: If the extra ``models`` is not installed, the pipeline cannot be loaded, or an argument is not
            what is expected.
    """

    id = "diffusers"
    short = ("model",)

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        model: str,
        revision: str | None = None,
        variant: str | None = None,
        pipeline: str | None = None,
        trust: bool = False,
        device: str | None = None,
        dtype: str = "auto",
        offload: str | None = None,
        compile: bool = False,
        batch_size: int | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        strength: float | None = None,
        negative_prompt: str | Mapping[str, str] | None = None,
        call: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        size: int | None = None,
        **arguments: Any,
    ) -> None:
        for name, count in (("batch_size", batch_size), ("steps", steps)):
            if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
                raise ImgEditError(f"{name} must be a whole number of at least 1, or None; found {count!r}")
        if timeout is not None and not (is_number(timeout) and timeout > 0):
            raise ImgEditError(f"timeout must be seconds above 0, or None for no limit; found {timeout!r}")
        super().__init__(stock, vocabulary, size=size, **arguments)
        self._pipeline = load_pipeline(
            model,
            revision=revision,
            variant=variant,
            pipeline=pipeline,
            device=stock.device if device is None else device,
            dtype=dtype,
            offload=offload,
            compile=compile,
            trust=trust,
        )
        self._how = {"variant": variant, "compile": compile}
        pipe = self._pipeline.pipe
        self._call = call_of(pipe)
        self._takes = parameters(pipe)
        self._multiple = multiple_of(pipe, self._call)
        self.size = own_edge(pipe) if size is None else size
        if size is not None and size % self._multiple:
            raise ImgEditError(f"size must be a multiple of {self._multiple} for {type(pipe).__name__}; found {size}")
        self.wording = Wording(arguments.get("prompt"), self._call.wording)
        self._avoided = Wording(negative_prompt, AVOIDED if self._call.mask else {"default": ""}, "negative_prompt")
        self.batch_size = (8 if self._call.batch else 1) if batch_size is None else batch_size
        self.deterministic = self.batch_size == 1
        self.timeout = timeout
        own = {"num_inference_steps": steps, "guidance_scale": guidance_scale, "strength": strength}
        self._settings = self._checked({name: value for name, value in own.items() if value is not None}, call)

    def _checked(self, own: dict[str, Any], call: Mapping[str, Any] | None) -> dict[str, Any]:
        """Arguments of the pipeline's call that the user gave."""
        if call is not None and not isinstance(call, Mapping):
            raise ImgEditError(f"call must hold further arguments of the pipeline by name; found {call!r}")
        ours = {*_OURS, self._call.mask, _CALLBACK, *own}
        for name in call or {}:
            if name in ours:
                raise ImgEditError(f"call: {name!r} is given by the tool itself")
        given = {**own, **(call or {})}
        unknown = sorted(given.keys() - set(self._takes))
        if unknown:
            takes = ", ".join(sorted(set(self._takes) - {*_OURS, self._call.mask}))
            raise ImgEditError(f"{type(self._pipeline.pipe).__name__} does not take {unknown}; it takes {takes}")
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}

    def shown_edge(self, window: confine.Window) -> int:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        return self.size or math.ceil(window.side / self._multiple) * self._multiple

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`.

        Other arithmetic gives other pixels: the weights' name tells their type, and beside it stand the set of weights,
        what computes, whether compiled, and whether each edit is a call of its own. Where weights wait (``offload``),
        how many edits share a call, how long one may take and whose code may run do not matter. Versions of torch and
        diffusers are left out, so that what was kept outlives an upgrade.
        """
        kind = type(self._pipeline.pipe)
        settings = {**self._settings, "negative_prompt": self._avoided.templates}
        how = {**self._how, "computes": _processor(self._pipeline.device), "alone": self.batch_size == 1}
        return ["diffusers", self.version, self._pipeline.name, f"{kind.__module__}.{kind.__name__}", settings, how]

    # ------------------------------------------------------------------ calling

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        found: list[torch.Tensor | Failure] = []
        while len(found) < len(requests):
            found += self._some(requests[len(found) : len(found) + self.batch_size])
        return found

    def _some(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """One call of the pipeline; smaller ones where memory runs out or an error is raised."""
        half = (len(requests) + 1) // 2
        try:
            return self._run(requests)
        except _TimeOut:
            return [Failure(f"took longer than {self.timeout:g} s")] * len(requests)
        except (torch.OutOfMemoryError, MemoryError):
            reason = "out of memory"
        except Exception as error:
            reason = "out of memory" if _ran_out(error) else reason_of(error)
        # outside the handlers: an error holds on to the memory of the call that raised it
        self._recover()
        if len(requests) == 1:
            return [Failure(reason)]
        if reason == "out of memory":
            self.batch_size = half
            return self.edit(requests)
        return [*self._some(requests[:half]), *self._some(requests[half:])]

    def _run(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        pipe, call = self._pipeline.pipe, self._call
        alone = len(requests) == 1
        edge = len(requests[0].picture)
        given: dict[str, Any] = {
            "prompt": [request.prompt for request in requests],
            "negative_prompt": [self._avoided(request.step) for request in requests],
            "image": [to_pil(request.picture) for request in requests],
            "generator": [torch.Generator().manual_seed(request.seed) for request in requests],
        }
        if call.mask:
            given[call.mask] = [to_pil(request.mask) for request in requests]
        if alone:
            given = {name: values[0] for name, values in given.items()}
        if not any(self._avoided.templates.values()):
            del given["negative_prompt"]
        if call.sized:
            given |= {"height": edge, "width": edge}
        given |= {name: edge * edge if value == "area" else value for name, value in call.fixed.items()}
        given |= {"output_type": "pil", "return_dict": True, **self._settings}
        if self.timeout is not None:
            given[_CALLBACK] = _Clock(self.timeout)
        given = {name: value for name, value in given.items() if name in self._takes}
        with self._pipeline.lock, torch.inference_mode():
            result = pipe(**given)
        pictures = _pictures(result)
        if len(pictures) != len(requests):
            raise ValueError(f"the pipeline gave {len(pictures)} pictures for {len(requests)} edits")
        refused = getattr(result, "nsfw_content_detected", None) or [False] * len(pictures)
        return [
            Failure("the safety filter refused the result") if bad else picture
            for picture, bad in zip(pictures, refused, strict=True)
        ]

    def _recover(self) -> None:
        """Bring the pipeline back to where a call may begin, and let go of what a failed one held."""
        with self._pipeline.lock:
            if hasattr(self._pipeline.pipe, "maybe_free_model_hooks"):
                self._pipeline.pipe.maybe_free_model_hooks()
        if self._pipeline.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()


class _TimeOut(Exception):
    """A call took too long."""


class _Clock:
    """Called by a pipeline after each denoising step."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, pipe: Any, step: int, timestep: Any, given: dict[str, Any]) -> dict[str, Any]:
        """Raise an error once the time is up."""
        if time.monotonic() > self._until:
            raise _TimeOut
        return given


def _processor(device: torch.device) -> str:
    """Names what computes: the kind of processor, of a GPU its model, and never which of several."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _ran_out(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _pictures(result: Any) -> list[Any]:
    """Pictures of a pipeline's result, ``uint8 [h, w, 3]`` each."""
    images: Any = getattr(result, "images", result[0] if isinstance(result, tuple) else result)
    if isinstance(images, torch.Tensor):
        images = images.movedim(-3, -1).float().cpu().numpy()
    found = []
    for image in images:
        if isinstance(image, Image.Image):
            found.append(from_pil(image))
        elif isinstance(image, np.ndarray) and image.dtype != np.uint8:
            found.append(torch.from_numpy((np.nan_to_num(image) * 255).round().clip(0, 255).astype(np.uint8)))
        else:
            found.append(torch.as_tensor(image))
    return found
