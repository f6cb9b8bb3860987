# mypy: ignore-errors
"""Adverts as kernels see them."""

import warp as wp


@wp.struct
class SceneArrays:
    """The tensors of :class:`imgedit_gym.tasks.adverts.scene.SceneBatch`."""

    kind: wp.array(dtype=wp.int32)
    variant: wp.array(dtype=wp.int32)
    palette: wp.array2d(dtype=wp.vec3)
    light: wp.array(dtype=wp.vec3)
    sprite: wp.array2d(dtype=wp.int32)
    place: wp.array2d(dtype=wp.vec4)
    tint: wp.array2d(dtype=wp.int32)
    text: wp.array(dtype=wp.int32)
    panel: wp.array(dtype=wp.int32)
    box: wp.array2d(dtype=wp.int32)
    ink: wp.array2d(dtype=wp.vec3)
