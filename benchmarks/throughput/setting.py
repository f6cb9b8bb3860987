"""What one measurement is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ENVIRONMENT = "ImageEdit-v0"


@dataclass(frozen=True)
class Setting:
    """One batch size and picture size, and how the environment is made.

    Attributes:
        num_envs: B.
        image_size: Edge of the pictures in pixels.
        seed: Environment i gets ``seed + i``.
        device: Torch device of the vector environment; single environments stay on the CPU.
        output: What the vector environment returns, ``"numpy"`` or ``"torch"``.
        threads: Threads of torch and of the kernels; ``None`` leaves both at their defaults.
        judge: Judge id, or a mapping with the key ``id`` and its arguments.
        tools: ``"pixel"``, or tool ids, or mappings with the key ``id`` and its arguments.
    """

    num_envs: int
    image_size: int
    seed: int = 0
    device: str = "cpu"
    output: str = "numpy"
    threads: int | None = None
    judge: str | dict[str, Any] = "checklist"
    tools: tuple[Any, ...] = ("pixel",)

    @property
    def on_gpu(self) -> bool:
        """Whether the vector environment runs on a GPU."""
        return self.device.startswith("cuda")

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments that single and vector environment share."""
        return {"image_size": self.image_size, "judge": self.judge, "tools": list(self.tools)}
