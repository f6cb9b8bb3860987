"""Launching kernels that edit pictures line by line."""

from typing import Any

import torch

from imgedit_gym.kernels.runtime import lanes_of, launch


def edit_lines(kernel: Any, images: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """Let a kernel write into copies of pictures, whose lines it shares out among its threads.

    Args:
        kernel: Takes ``first``, the arguments, how many ``lanes`` share a picture, and the copies; its launch is over
            pictures and lanes.
        images: ``uint8 [n, S, S, 3]``, contiguous.
        arguments: What else the kernel takes; the pictures themselves if it reads more than it writes.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = images.clone()
    lanes = lanes_of(images.device, images.shape[1])
    launch(kernel, (len(images), lanes), [*arguments, lanes, out], images.device)
    return out
