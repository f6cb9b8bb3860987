# mypy: ignore-errors
"""Recipes of tasks as kernels take them."""

import warp as wp


@wp.struct
class RecipeArrays:
    """See :class:`imgedit_gym.tasks.photos.recipe.RecipeBatch`."""

    crop: wp.array2d(dtype=wp.int32)
    count: wp.array(dtype=wp.int32)
    faults: wp.array3d(dtype=wp.int32)
    amounts: wp.array3d(dtype=wp.float32)
    box: wp.array2d(dtype=wp.int32)
    noise_key: wp.array(dtype=wp.int64)
