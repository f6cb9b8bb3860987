# mypy: disable-error-code="empty-body"
"""Copying whole rows of tensors, which torch does element by element."""

import torch
import warp as wp

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.kernels.runtime import lanes_of, launch


@wp.func_native("""
    const int size = source.shape[0];
#if defined(__CUDA_ARCH__)
    // neighbouring threads, neighbouring bytes
    for (int i = lane; i < size; i += lanes) target.data[i] = source.data[i];
#else
    const int first = size / lanes * lane, end = lane + 1 < lanes ? first + size / lanes : size;
    for (int i = first; i < end; ++i) target.data[i] = source.data[i];
#endif
""")
def _copy_part(source: wp.array(dtype=wp.uint8), lane: int, lanes: int, target: wp.array(dtype=wp.uint8)): ...


@wp.kernel
def _copy_rows(
    first: int,
    source: wp.array2d(dtype=wp.uint8),
    origins: wp.array(dtype=wp.int64),
    rows: wp.array(dtype=wp.int64),
    lanes: int,
    target: wp.array2d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    origin = int(origins[first + i])
    if origin >= 0:
        _copy_part(source[origin], lane, lanes, target[int(rows[first + i])])


def copy_rows(source: torch.Tensor, origins: torch.Tensor, rows: torch.Tensor, target: torch.Tensor) -> None:
    """Copy rows of one tensor to rows of another.

    Args:
        source: ``[m, ...]``, contiguous.
        origins: Which row of ``source`` each is, ``int64 [n]``; -1 none, which changes nothing.
        rows: Where each goes, ``int64 [n]``, each once.
        target: ``[B, ...]`` like ``source``, contiguous, written.

    Raises:
        ImgEditError: If the tensors' rows are not alike.
    """
    if source.dtype != target.dtype or source.shape[1:] != target.shape[1:]:
        raise ImgEditError(
            f"copy_rows: expected rows of {target.dtype} {list(target.shape[1:])}; "
            f"found {source.dtype} {list(source.shape[1:])}"
        )
    lanes = lanes_of(target.device, 64)
    inputs = [_as_bytes(source), origins, rows, lanes, _as_bytes(target)]
    launch(_copy_rows, (len(rows), lanes), inputs, target.device)


def _as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(len(tensor), -1).view(torch.uint8)
