"""Plans and instructions as token ids, for ``ImagePlan-v0``.

Tokens of a plan, of a fixed table:

=============================== ==================================================================
id                              meaning
=============================== ==================================================================
0                               the end of the plan; what stands behind it is not read
1 to 11                         a verb, by its code in ``imgedit_gym.core.plan.VERBS``; begins a step
12 to 283                       a target, by its code in the vocabulary plus 12
284 to 811                      a value, by its code in the vocabulary plus 284
=============================== ==================================================================

A step is a verb with what it needs: ``remove`` a target, ``add`` a value, the others a target and a value. Codes of
the vocabulary never change; ids without a word yet are unknown words. Anything else is a line that is no step, of
which ``info["plan_error"]`` tells.

The instruction is cut into words and signs. Each has the id 1 + h mod 16383, h being the first eight bytes of the
SHA-256 of its lower-case text, little-endian, so that any text has ids; 0 fills the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import NONE, VERBS, Plan, PlanStep
from imgedit_gym.core.vocabulary import N_TARGETS, N_VALUES, N_VERBS, Vocabulary
from imgedit_gym.envs.image_plan import ImagePlanEnv, ImagePlanVectorEnv

END = 0
FIRST_TARGET, FIRST_VALUE = N_VERBS, N_VERBS + N_TARGETS
N_TOKENS = N_VERBS + N_TARGETS + N_VALUES
"""Size of the table of plan tokens."""

STEP_TOKENS = 3
"""Most tokens of a step."""

N_WORDS, MAX_WORDS = 16384, 64
"""Ids of instruction words, and how many words are kept."""

NO_STEP = "no step: "
"""Begins the line that stands for tokens which are no step; no step of the grammar begins so."""


def plan_tokens(plan: Plan, vocabulary: Vocabulary, max_plan_steps: int) -> np.ndarray:
    """The tokens of a plan: the inverse of :func:`plan_text` for words of the vocabulary.

    Returns:
        ``int64 [3 * max_plan_steps]``.

    Raises:
        ImgEditError: If the plan is too long, or a step is free text.
    """
    tokens: list[int] = []
    for step in plan:
        if step.verb in (NONE, "edit"):
            raise ImgEditError(f"plan_tokens: expected steps of the grammar; found {step.text!r}")
        verb, target, value = vocabulary.encode(step)
        slots = {"target": FIRST_TARGET + target, "value": FIRST_VALUE + value}
        tokens += [verb, *(slots[slot] for slot in _slots(step.verb))]
    if len(plan) > max_plan_steps:
        raise ImgEditError(f"plan_tokens: expected at most {max_plan_steps} steps; found {len(plan)}")
    return np.array(tokens + [END] * (STEP_TOKENS * max_plan_steps - len(tokens)), dtype=np.int64)


def plan_text(tokens: Iterable[int], vocabulary: Vocabulary) -> str:
    """The plan of some tokens, one step a line; tokens that are no step make a line that is none."""
    lines: list[list[int]] = []
    for token in map(int, tokens):
        if token == END:
            break
        if token < N_VERBS or not lines:
            lines.append([])
        lines[-1].append(token)
    return "\n".join(_line(line, vocabulary) for line in lines)


def instruction_tokens(text: str) -> np.ndarray:
    """Ids of the words and signs of an instruction, ``int64 [64]``."""
    ids = [_word_id(word) for word in re.findall(r"\w+|[^\w\s]", text.lower())[:MAX_WORDS]]
    return np.array(ids + [0] * (MAX_WORDS - len(ids)), dtype=np.int64)


@lru_cache(maxsize=4096)
def _word_id(word: str) -> int:
    return 1 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % (N_WORDS - 1)


def _slots(verb: str) -> tuple[str, ...]:
    return {"remove": ("target",), "add": ("value",)}.get(verb, ("target", "value"))


def _line(tokens: Sequence[int], vocabulary: Vocabulary) -> str:
    words = [_word(token, vocabulary) for token in tokens]
    verb, *rest = words
    kinds = tuple("target" if token < FIRST_VALUE else "value" for token in tokens[1:])
    if verb not in VERBS[2:] or kinds != _slots(verb) or not all(rest):
        return NO_STEP + " ".join(words)
    slots = dict(zip(kinds, rest, strict=True))
    return PlanStep(verb, slots.get("target", NONE), slots.get("value", NONE)).text


def _word(token: int, vocabulary: Vocabulary) -> str:
    """The word of a token; a verb that there is not yet is a question mark."""
    if token < FIRST_TARGET:
        return VERBS[token] if token < len(VERBS) else "?"
    if token < FIRST_VALUE:
        return vocabulary.decode((0, token - FIRST_TARGET, 0)).target
    return vocabulary.decode((0, 0, token - FIRST_VALUE)).value


def _token_spaces(observation: spaces.Space[Any], max_plan_steps: int) -> tuple[spaces.Dict, spaces.MultiDiscrete]:
    """Spaces of observations and actions of one environment in tokens."""
    assert isinstance(observation, spaces.Dict)
    words = spaces.Box(0, N_WORDS - 1, (MAX_WORDS,), np.int64)
    return (
        spaces.Dict({**observation.spaces, "instruction": words}),
        spaces.MultiDiscrete([N_TOKENS] * (STEP_TOKENS * max_plan_steps)),
    )


def _checked(tokens: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Tokens as an array inside the space, or an error."""
    array = tokens.cpu().numpy() if isinstance(tokens, torch.Tensor) else np.asarray(tokens)
    if array.shape != shape or array.dtype.kind not in "iu":
        found = f"{array.dtype} in the shape {array.shape}"
        raise ImgEditError(f"action: expected whole numbers in the shape {shape}; found {found}")
    if ((array < 0) | (array >= N_TOKENS)).any():
        raise ImgEditError(f"action: expected tokens from 0 to {N_TOKENS - 1}; found {array.min()} to {array.max()}")
    return array


class PlanTokens(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Token ids in place of texts: see the module for the tables.

    The observation's ``instruction`` becomes ``Box(0, 16383, (64,), int64)``, the action
    ``MultiDiscrete([812] * 3 * max_plan_steps)``. The texts stay in ``info``.

    Args:
        env: An ``ImagePlan-v0``, wrapped or not.

    Raises:
        ImgEditError: If it is another environment.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        inner = env.unwrapped
        if not isinstance(inner, ImagePlanEnv):
            raise ImgEditError(f"expected an ImagePlanEnv, wrapped or not; found {type(inner).__name__}")
        self._inner = inner
        found = _token_spaces(env.observation_space, inner.engine.max_plan_steps)
        self.observation_space, self.action_space = found

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see the environment."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _in_tokens(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Have a plan of tokens carried out; see the environment.

        Raises:
            ImgEditError: If the action is outside the action space.
        """
        assert self.action_space.shape is not None
        text = plan_text(_checked(action, self.action_space.shape), self._inner.engine.vocabulary)
        observation, *rest = self.env.step(text)
        return _in_tokens(observation), *rest  # type: ignore[return-value]


def _in_tokens(observation: dict[str, Any]) -> dict[str, Any]:
    return {**observation, "instruction": instruction_tokens(observation["instruction"])}


class VectorPlanTokens(VectorWrapper[Any, Any, Any, Any, Any], RecordConstructorArgs):
    """:class:`PlanTokens` of a batch: instructions ``int64 [B, 64]``, actions ``int64 [B, 3 * max_plan_steps]``."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        VectorWrapper.__init__(self, env)
        inner = env.unwrapped
        if not isinstance(inner, ImagePlanVectorEnv):
            raise ImgEditError(f"expected an ImagePlanVectorEnv, wrapped or not; found {type(inner).__name__}")
        self._inner = inner
        found = _token_spaces(env.single_observation_space, inner.engine.max_plan_steps)
        self.single_observation_space, self.single_action_space = found
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start episodes; see the environment."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._in_tokens(observations), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Have plans of tokens carried out; see the environment.

        Raises:
            ImgEditError: If the actions are outside the action space.
        """
        assert self.action_space.shape is not None
        vocabulary = self._inner.engine.vocabulary
        texts = [plan_text(row, vocabulary) for row in _checked(actions, self.action_space.shape)]
        observations, rewards, terminated, truncated, infos = self.env.step(texts)
        if "final_obs" in infos:
            infos["final_obs"] = self._in_tokens(infos["final_obs"])
        return self._in_tokens(observations), rewards, terminated, truncated, infos

    def _in_tokens(self, observations: dict[str, Any]) -> dict[str, Any]:
        tokens: Any = np.stack([instruction_tokens(text) for text in observations["instruction"]])
        if self._inner.output == "torch":
            tokens = torch.from_numpy(tokens).to(self._inner.engine.device)
        return {**observations, "instruction": tokens}
