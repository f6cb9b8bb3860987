# mypy: disable-error-code="empty-body"
"""Confining an edit to its region."""

import torch
import warp as wp

from imgedit_gym.kernels.runtime import lanes_of, launch


@wp.func_native("""
    int count = 0;
    for (int x = left; x < right; ++x) {
        const unsigned char inside = mask.data[x] ? 255 : 0;
        unsigned char different = 0;
        for (int c = 0; c < 3; ++c) {
            const unsigned char old = line.data[3 * x + c], change = (old ^ edited.data[3 * x + c]) & inside;
            line.data[3 * x + c] = old ^ change;
            different |= change;
        }
        count += different != 0;
    }
    return count;
""")
def _blend_line(
    edited: wp.array2d(dtype=wp.uint8),
    mask: wp.array(dtype=wp.uint8),
    left: int,
    right: int,
    line: wp.array2d(dtype=wp.uint8),
) -> int:
    """Write an edited line into a line of a canvas where the mask is set; returns how many pixels changed."""
    ...


@wp.kernel
def _blend(
    first: int,
    edited: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    rows: wp.array(dtype=wp.int64),
    lanes: int,
    canvas: wp.array4d(dtype=wp.uint8),
    changed: wp.array(dtype=wp.int32),
):
    i, lane = wp.tid()
    n = first + i
    b = int(rows[n])
    box = boxes[n]
    count = int(0)
    for y in range(box[0] + lane, box[2], lanes):
        count += _blend_line(edited[n, y], masks[n, y], box[1], box[3], canvas[b, y])
    if count > 0:
        wp.atomic_add(changed, n, count)


def blend_into(
    canvas: torch.Tensor, rows: torch.Tensor, edited: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """Write edits into canvases, inside their masks alone.

    Args:
        canvas: ``uint8 [B, S, S, 3]``, contiguous, changed in place.
        rows: ``int64 [n]``, the canvas of each edit; each canvas once.
        edited: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.

    Returns:
        Pixels that changed, ``int32 [n]``.
    """
    changed = torch.zeros(len(rows), dtype=torch.int32, device=canvas.device)
    lanes = lanes_of(canvas.device, canvas.shape[1])
    inputs = [edited.contiguous(), masks.contiguous(), boxes, rows, lanes, canvas, changed]
    launch(_blend, (len(rows), lanes), inputs, canvas.device)
    return changed
