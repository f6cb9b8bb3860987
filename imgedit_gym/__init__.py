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

    Called when this package is imported, and by Gymnasium itself through the entry point ``gymnasium.envs``.
    """
    # Not at the top of the file: while Gymnasium loads its entry points it is itself half imported.
    from gymnasium.envs.registration import register, registry

    if "ImageEdit-v0" not in registry:
        register(
            id="ImageEdit-v0",
            entry_point="imgedit_gym.envs.image_edit:ImageEditEnv",
            max_episode_steps=10,
        )


register_envs()
