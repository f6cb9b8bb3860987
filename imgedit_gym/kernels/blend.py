"""Confining an edit to its region."""

import torch
import warp as wp

from imgedit_gym.kernels.runtime import launch


@wp.kernel
def _blend(
    edited: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    boxes: wp.array2d(dtype=wp.int32),
    rows: wp.array(dtype=wp.int64),
    canvas: wp.array4d(dtype=wp.uint8),
    changed: wp.array(dtype=wp.int32),
):
    n, y = wp.tid()
    b = int(rows[n])
    if y < boxes[n, 0] or y >= boxes[n, 2]:
        return
    count = int(0)
    for x in range(boxes[n, 1], boxes[n, 3]):
        if mask[n, y, x] != wp.uint8(0):
            different = int(0)
            for c in range(3):
                if canvas[b, y, x, c] != edited[n, y, x, c]:
                    different = 1
                    canvas[b, y, x, c] = edited[n, y, x, c]
            count += different
    if count > 0:
        wp.atomic_add(changed, n, count)


def blend_into(
    canvas: torch.Tensor, rows: torch.Tensor, edited: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """Write edits into canvases, inside their masks alone.

    Args:
        canvas: ``uint8 [B, S, S, 3]``, changed in place.
        rows: ``int64 [n]``, the canvas of each edit.
        edited: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.

    Returns:
        Pixels that changed, ``int32 [n]``.
    """
    changed = torch.zeros(len(rows), dtype=torch.int32, device=canvas.device)
    inputs = [edited, masks.view(torch.uint8), boxes, rows, canvas, changed]
    launch(_blend, (len(rows), canvas.shape[1]), inputs, canvas.device)
    return changed
