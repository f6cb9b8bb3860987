"""Gymnasium environments for agents that edit images: ``gymnasium.make("ImageEdit-v0")``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from imgedit_gym.core.errors import ImgEditError

try:
    __version__ = version("imgedit-gym")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["ImgEditError", "__version__", "register_envs"]


def register_envs() -> None:
    """Register the environments with Gymnasium; doing it again changes nothing.

    Importing this package calls it. ``gymnasium.make("imgedit_gym:ImageEdit-v0")`` does the import itself.
    """
    # Not at the top of the file: should Gymnasium load plug-ins by entry point while it is itself half imported,
    # as it did before 1.0, this function has to exist by then.
    from gymnasium.envs.registration import register, registry

    if "ImageEdit-v0" not in registry:
        register(
            id="ImageEdit-v0",
            entry_point="imgedit_gym.envs.image_edit:ImageEditEnv",
            vector_entry_point="imgedit_gym.envs.image_edit:ImageEditVectorEnv",
            max_episode_steps=10,
        )
    if "ImagePlan-v0" not in registry:
        register(
            id="ImagePlan-v0",
            entry_point="imgedit_gym.envs.image_plan:ImagePlanEnv",
            vector_entry_point="imgedit_gym.envs.image_plan:ImagePlanVectorEnv",
        )


register_envs()
