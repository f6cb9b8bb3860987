# mypy: ignore-errors
"""A batch of tasks as the kernels see it that make tasks."""

import warp as wp


@wp.struct
class TaskArrays:
    """Tensors of :class:`imgedit_gym.core.tasks.TaskBatch` that such a kernel fills."""

    slots: wp.array2d(dtype=wp.int32)
    light: wp.array(dtype=wp.vec3)
    background: wp.array(dtype=wp.int32)
    headline: wp.array(dtype=wp.int32)
    headline_panel: wp.array(dtype=wp.int32)
    headline_box: wp.array2d(dtype=wp.int32)
    keep: wp.array2d(dtype=wp.uint8)
    requirements: wp.array3d(dtype=wp.int32)
    plan: wp.array3d(dtype=wp.int32)
    plan_length: wp.array(dtype=wp.int32)
    plan_labels: wp.array2d(dtype=wp.int32)
    plan_cells: wp.array2d(dtype=wp.int32)
    keys: wp.array(dtype=wp.int64)
    goals: wp.array2d(dtype=wp.int32)
    phrasings: wp.array2d(dtype=wp.int32)
