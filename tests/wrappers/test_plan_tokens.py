"""Plans and instructions as token ids."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

import imgedit_gym  # noqa: F401
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanError, PlanStep, parse_plan, read_plan
from imgedit_gym.core.vocabulary import load_vocabulary
from imgedit_gym.wrappers import PlanTokens, VectorPlanTokens
from imgedit_gym.wrappers.plan_tokens import (
    FIRST_TARGET,
    FIRST_VALUE,
    MAX_WORDS,
    N_TOKENS,
    N_WORDS,
    NO_STEP,
    instruction_tokens,
    plan_text,
    plan_tokens,
)

SIZE = 64
WORDS = load_vocabulary()


def make(**arguments):
    return PlanTokens(gym.make("ImagePlan-v0", **{"image_size": SIZE} | arguments))


def oracle_tokens(engine, row=0):
    plan = engine.tasks.oracle_plan(engine.batch, row)
    return plan_tokens(plan, engine.vocabulary, engine.max_plan_steps)


# ---------------------------------------------------------------------- tables


@pytest.mark.parametrize("split", ["train", "test-compose", "test-long", "test-goals"])
def test_plans_of_tasks_are_read_back(sampled, split):
    source, batch = sampled(100, split=split)
    for row in range(100):
        plan = source.oracle_plan(batch, row)
        tokens = plan_tokens(plan, source.vocabulary, 8)
        assert tokens.shape == (24,) and tokens.dtype == np.int64 and (tokens < N_TOKENS).all()
        assert read_plan(plan_text(tokens, source.vocabulary), 8) == plan


def test_a_table_by_hand():
    tokens = plan_tokens(parse_plan("remove the hamburger\nadd the carrot", 2), WORDS, 2)
    target = FIRST_TARGET + WORDS.target_code("hamburger")
    value = FIRST_VALUE + WORDS.value_code("carrot")
    assert tokens.tolist() == [2, target, 4, value, 0, 0]
    assert plan_text([*tokens, 7, 7], WORDS) == "remove the hamburger\nadd the carrot"


@given(st.lists(st.integers(0, N_TOKENS - 1), max_size=24))
def test_any_tokens_are_a_plan_or_a_line_that_is_named(tokens):
    text = plan_text(tokens, WORDS)
    try:
        steps = read_plan(text, 24)
    except PlanError as error:
        assert not text or error.text.startswith(NO_STEP.strip()) or NO_STEP in text
    else:
        assert NO_STEP not in text and len(steps) == len(text.splitlines())


@pytest.mark.parametrize(
    "tokens",
    [
        [2],
        [2, FIRST_VALUE + 1],
        [4, FIRST_TARGET + 1],
        [3, FIRST_TARGET + 5],
        [3, FIRST_VALUE + 5, FIRST_TARGET + 5],
        [2, FIRST_TARGET + 5, FIRST_TARGET + 6],
        [2, FIRST_TARGET],
        [1, FIRST_TARGET + 5, FIRST_VALUE + 5],
        [11, FIRST_TARGET + 5],
        [FIRST_TARGET + 5, FIRST_VALUE + 5],
    ],
)
def test_tokens_that_are_no_step(tokens):
    with pytest.raises(PlanError, match="line 2: expected one of: remove the X.*found 'no step: "):
        read_plan("remove the dog\n" + plan_text(tokens, WORDS), 8)


def test_free_text_and_long_plans_have_no_tokens():
    with pytest.raises(ImgEditError, match="expected steps of the grammar; found 'make it nice'"):
        plan_tokens((PlanStep.parse("make it nice"),), WORDS, 8)
    with pytest.raises(ImgEditError, match="at most 1 steps; found 2"):
        plan_tokens(parse_plan("remove the dog\nremove the cat", 8), WORDS, 1)


def test_instructions():
    ids = instruction_tokens("Make it meat-free, please!")
    assert ids.shape == (MAX_WORDS,) and ids.dtype == np.int64
    assert (ids[:8] > 0).all() and not ids[8:].any() and (ids < N_WORDS).all()
    assert np.array_equal(ids, instruction_tokens("MAKE  it meat-free , please !"))
    assert not np.array_equal(ids, instruction_tokens("Make it meat-free, now!"))
    assert instruction_tokens("a").tolist()[0] == 3716
    assert (instruction_tokens("x " * 100) > 0).all() and not instruction_tokens("").any()


# ---------------------------------------------------------------------- environments


def test_check_env_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version.*")
        check_env(make(render_mode="rgb_array"))


def test_specs_serialise():
    again = gym.make(EnvSpec.from_json(make().spec.to_json()))
    assert isinstance(again, PlanTokens)


def test_plans_of_tokens_are_carried_out():
    env = make()
    observation, info = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    assert np.array_equal(observation["instruction"], instruction_tokens(info["instruction"]))
    engine = env.unwrapped.engine
    tokens = oracle_tokens(engine)
    assert env.action_space.contains(tokens)
    observation, reward, terminated, _, info = env.step(tokens)
    assert reward > 0.5 and terminated and info["plan_report"]["coverage"] == 1.0
    assert env.observation_space.contains(observation)
    env.reset()
    *_, info = env.step(np.full(24, FIRST_VALUE + 9))
    assert info["plan_error_line"] == 1 and NO_STEP in info["plan_error"]


@pytest.mark.parametrize("action", [np.zeros(23, int), np.full(24, N_TOKENS), np.full(24, -1), np.zeros(24), "remove"])
def test_actions_are_checked(action):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ImgEditError, match="action: expected"):
        env.step(action)


@pytest.mark.parametrize("output", ["numpy", "torch"])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_vector_environments_are_single_ones(mode, output):
    envs = VectorPlanTokens(
        gym.make_vec("ImagePlan-v0", num_envs=2, image_size=SIZE, autoreset_mode=mode, output=output)
    )
    observations, _ = envs.reset(seed=3)
    engine = envs.unwrapped.engine
    tokens = np.stack([oracle_tokens(engine, row) for row in range(2)])
    rewards = envs.step(torch.from_numpy(tokens) if output == "torch" else tokens)
    for row in range(2):
        env = make()
        first, _ = env.reset(seed=3 + row)
        assert np.array_equal(np.asarray(observations["instruction"][row]), first["instruction"])
        last, reward, *_ = env.step(tokens[row])
        assert float(rewards[1][row]) == pytest.approx(reward)
        seen = rewards[-1]["final_obs"] if mode == "SameStep" else rewards[0]
        assert np.array_equal(np.asarray(seen["instruction"][row]), last["instruction"])
        assert np.array_equal(np.asarray(seen["image"][row]), last["image"])
    if output == "numpy":
        assert envs.observation_space.contains(rewards[0]) and envs.action_space.contains(tokens)


def test_other_environments_are_errors():
    with pytest.raises(ImgEditError, match="expected an ImagePlanEnv"):
        PlanTokens(gym.make("ImageEdit-v0", image_size=SIZE))
    with pytest.raises(ImgEditError, match="expected an ImagePlanVectorEnv"):
        VectorPlanTokens(gym.make_vec("ImageEdit-v0", num_envs=1, image_size=SIZE))
