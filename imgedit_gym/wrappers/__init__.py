"""Variants of what agents see and choose, each for single and, as ``Vector...``, batched environments.

``PlanTokens`` is for ``ImagePlan-v0``, the others for ``ImageEdit-v0``. They are loaded when they are first used, so
that importing this package loads no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgedit_gym.wrappers.action_mask import ActionMaskObservation, VectorActionMaskObservation
    from imgedit_gym.wrappers.joint_action import JointDiscreteAction, VectorJointDiscreteAction
    from imgedit_gym.wrappers.numbered_regions import NumberedRegions, VectorNumberedRegions
    from imgedit_gym.wrappers.plan_tokens import PlanTokens, VectorPlanTokens
    from imgedit_gym.wrappers.text import TextObservation, VectorTextObservation

_FILES = {
    "ActionMaskObservation": "action_mask",
    "JointDiscreteAction": "joint_action",
    "NumberedRegions": "numbered_regions",
    "PlanTokens": "plan_tokens",
    "TextObservation": "text",
    "VectorActionMaskObservation": "action_mask",
    "VectorJointDiscreteAction": "joint_action",
    "VectorNumberedRegions": "numbered_regions",
    "VectorPlanTokens": "plan_tokens",
    "VectorTextObservation": "text",
}

__all__ = [
    "ActionMaskObservation",
    "JointDiscreteAction",
    "NumberedRegions",
    "PlanTokens",
    "TextObservation",
    "VectorActionMaskObservation",
    "VectorJointDiscreteAction",
    "VectorNumberedRegions",
    "VectorPlanTokens",
    "VectorTextObservation",
]


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
