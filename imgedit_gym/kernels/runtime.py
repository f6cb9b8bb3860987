"""Starting Warp quietly, and handing torch tensors to it without a copy."""

import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import torch
import warp as wp


def _start() -> None:
    """Initialise Warp without the line on standard error by which it tells that there is no NVIDIA driver.

    Warp's native library writes it past Python and past Warp's own settings; all else it says is passed on.
    """
    with tempfile.TemporaryFile() as said:
        held = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            wp.init()
        finally:
            os.dup2(held, 2)
            os.close(held)
        said.seek(0)
        for line in said.read().decode(errors="replace").splitlines():
            if "load the NVIDIA CUDA driver" not in line:
                print(line, file=sys.stderr)


_start()


def launch(kernel: Any, dim: int | Sequence[int], inputs: Sequence[Any], device: torch.device) -> None:
    """Launch a kernel; torch tensors among the inputs are passed as Warp arrays that share their memory.

    Args:
        kernel: A Warp kernel.
        dim: Launch size. On a CPU the launch is one sequential loop, so results do not depend on the batch.
        inputs: Kernel arguments in order.
        device: Where the tensors live.
    """
    size = (dim,) if isinstance(dim, int) else tuple(dim)
    if min(size) == 0:
        return
    wp.launch(
        kernel,
        dim=size,
        inputs=[wp.from_torch(item) if isinstance(item, torch.Tensor) else item for item in inputs],
        device=str(device),
        stream=wp.stream_from_torch(torch.cuda.current_stream(device)) if device.type == "cuda" else None,
    )


def struct_of(struct: Any, tensors: dict[str, torch.Tensor], **scalars: Any) -> Any:
    """Fill a Warp struct with tensors by name; a last dimension that the struct types as a vector is folded."""
    value = struct()
    for name, tensor in tensors.items():
        setattr(value, name, wp.from_torch(tensor, dtype=_element(struct, name)))
    for name, scalar in scalars.items():
        setattr(value, name, scalar)
    return value


def _element(struct: Any, name: str) -> Any:
    return struct.vars[name].type.dtype


def struct_fields(struct: Any) -> tuple[str, ...]:
    """Names of a Warp struct's members."""
    return tuple(struct.vars)
