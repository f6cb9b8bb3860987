"""What values of requirements are worth while only some of the requirements count."""

import torch
import warp as wp

from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.verdict import MET
from imgedit_gym.kernels.runtime import launch

_KIND, _STEP = (wp.constant(COLUMNS.index(name)) for name in ("kind", "step"))
_PRESENT, _MET = wp.constant(int(Kind.PRESENT)), wp.constant(MET)
_SLACK = wp.constant(1e-4)


@wp.func
def _counts(wanted: wp.array2d(dtype=wp.int32), r: int, due: int) -> bool:
    step = wanted[r, _STEP]
    if due >= 0:
        return step < due
    alone = -1 - due
    return step == alone or (step < alone and wanted[r, _KIND] == _PRESENT)


@wp.kernel
def _weigh(
    first: int,
    values: wp.array2d(dtype=wp.float32),
    wanted: wp.array3d(dtype=wp.int32),
    due: wp.array(dtype=wp.int32),
    execution: wp.array(dtype=wp.float32),
    passed: wp.array(dtype=wp.uint8),
):
    b = first + wp.tid()
    # a sum in float64 is exact here
    earned = wp.float64(0.0)
    asked = int(0)
    judged = int(0)
    missed = int(0)
    for r in range(wanted.shape[1]):
        if wanted[b, r, _KIND] > 0:
            asked += 1
            value = values[b, r]
            counts = _counts(wanted[b], r, due[b])
            if not (counts and value >= _MET):
                missed += 1
            if not wp.isnan(value):
                judged += 1
                if counts:
                    earned += wp.float64(value)
    execution[b] = wp.float32(earned / wp.float64(wp.max(judged, 1)))
    passed[b] = wp.uint8(0)
    if asked > 0 and missed == 0:
        passed[b] = wp.uint8(1)


def weigh_requirements(
    values: torch.Tensor, wanted: torch.Tensor, due: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weigh values; see :func:`imgedit_gym.judges.weighing.weigh`.

    Args:
        values: By requirement, ``float32 [B, R]``; nan where it was not judged.
        wanted: The requirements, ``int32 [B, R, 5]``.
        due: ``int32 [B]``.

    Returns:
        E, ``float32 [B]``, and whether all that is asked for counts and passes, ``bool [B]``.
    """
    n, device = len(values), values.device
    execution = torch.empty(n, device=device)
    passed = torch.empty(n, dtype=torch.bool, device=device)
    launch(_weigh, n, [values, wanted, due, execution, passed], device)
    return execution, passed


@wp.func
def _share(value: float) -> bool:
    return value >= -_SLACK and value <= 1.0 + _SLACK


@wp.kernel
def _look_through(
    first: int,
    values: wp.array2d(dtype=wp.float32),
    wanted: wp.array3d(dtype=wp.int32),
    preservation: wp.array(dtype=wp.float32),
    quality: wp.array(dtype=wp.float32),
    preserved: wp.array2d(dtype=wp.float32),
    fine: wp.array(dtype=wp.uint8),
):
    b = first + wp.tid()
    wrong = int(0)
    if not (_share(preservation[b]) and _share(quality[b])):
        wrong += 1
    asked = int(0)
    judged = int(0)
    for r in range(wanted.shape[1]):
        if wanted[b, r, _KIND] > 0:
            asked += 1
            if not wp.isnan(values[b, r]):
                judged += 1
                if not _share(values[b, r]):
                    wrong += 1
    for label in range(preserved.shape[1]):
        if not _share(preserved[b, label]):
            wrong += 1
    fine[b] = wp.uint8(0)
    if wrong == 0 and (judged > 0 or asked == 0):
        fine[b] = wp.uint8(1)


def are_shares(
    values: torch.Tensor,
    wanted: torch.Tensor,
    preservation: torch.Tensor,
    quality: torch.Tensor,
    preserved: torch.Tensor | None,
) -> torch.Tensor:
    """Whether all that was found is in [0, 1], up to rounding, and a requirement was judged if there is one.

    Args:
        values: By requirement, ``float32 [B, R]``; nan where it was not judged.
        wanted: The requirements, ``int32 [B, R, 5]``.
        preservation: ``float32 [B]``.
        quality: ``float32 [B]``.
        preserved: By label, ``float32 [B, N_LABELS]``, or ``None``.

    Returns:
        ``bool [B]``.
    """
    fine = torch.empty(len(values), dtype=torch.bool, device=values.device)
    labels = values[:, :0] if preserved is None else preserved
    launch(_look_through, len(values), [values, wanted, preservation, quality, labels, fine], values.device)
    return fine
