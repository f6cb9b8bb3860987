"""Tests of the orchestrator's network, of the trained orchestrator, and of agents that use it."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from baselines.agents.grounded_rules import GroundedRulesAgent
from baselines.agents.ppo import PPOAgent
from baselines.orchestrator.measure import OnOraclePlan, measure
from baselines.orchestrator.measure import main as measure_command
from baselines.orchestrator.network import EDGE, NEVER, Network, Shape, shrink, vocabulary_words
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.rollout import run_episodes
from baselines.vision import Vision
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.registry import PIXEL_TOOLS
from imgedit_gym.core.vocabulary import load_vocabulary

TINY = Shape(width=32, layers=1, heads=2, inner=32)
IDS = tuple(PIXEL_TOOLS)
ARGUMENTS = {"image_size": 64, "split": "test"}


@pytest.fixture(scope="module")
def vision() -> Vision:
    return Vision.load()


@pytest.fixture(scope="module")
def orchestrator(vision) -> Orchestrator:
    torch.manual_seed(0)
    network = Network(TINY, len(IDS), vocabulary_words(vision, load_vocabulary()))
    return Orchestrator(network, IDS, vision)


@pytest.fixture(scope="module")
def states(make_engine):
    """Pictures, plan steps and tool masks of five environments."""
    engine = make_engine(5, split="val")
    engine.reset(range(5), range(5))
    return engine.canvas.clone(), engine.current_codes(), engine.tool_mask()


def test_pictures_are_shrunk_alike_at_any_size():
    flat = torch.full((2, 200, 200, 3), 77, dtype=torch.uint8)
    assert shrink(flat).shape == (2, 3, EDGE, EDGE) and bool((shrink(flat) == 77).all())
    picture = torch.randint(0, 255, (1, EDGE, EDGE, 3), dtype=torch.uint8)
    assert torch.equal(shrink(picture)[0].permute(1, 2, 0), picture[0])


def test_choices_are_a_distribution_that_masks_bind(orchestrator, states):
    images, steps, mask = states
    choices = orchestrator.choices(images, steps)
    free, bound = choices.log_probs(), choices.log_probs(mask)
    assert free.shape == bound.shape == (5, len(IDS), N_REGIONS)
    for found in (free, bound):
        assert torch.allclose(found.exp().sum((1, 2)), torch.ones(5), atol=1e-4)
    assert bool((bound[~mask] < NEVER / 2).all())
    assert torch.allclose(free.exp().sum(1), bound.exp().sum(1), atol=1e-5)
    best = choices.best(mask)
    assert bool(mask[torch.arange(5), best[:, 0]].all())
    assert torch.equal(best[:, 1], choices.regions.argmax(1))


def test_choices_do_not_depend_on_the_batch(orchestrator, states):
    images, steps, mask = states
    together = orchestrator.choices(images, steps)
    alone = orchestrator.choices(images[3:4], steps[3:4])
    assert torch.allclose(alone.regions[0], together.regions[3], atol=1e-3)
    tokens = orchestrator.tokens(images)
    assert tokens is not None and tokens.dtype == torch.float16
    kept = orchestrator.choices(images, steps, tokens)
    assert torch.allclose(kept.tools, together.tools, atol=1e-5)
    assert orchestrator.act(images[:0], steps[:0], mask[:0]).shape == (0, 2)


def test_step_and_picture_both_count(orchestrator, states):
    images, steps, _ = states
    first = orchestrator.choices(images[:1].expand(2, -1, -1, -1), steps[:2]).tools
    second = orchestrator.choices(images[:2], steps[:1].expand(2, -1)).tools
    assert not torch.allclose(first[0], first[1]) and not torch.allclose(second[0], second[1])


def test_actions_are_in_the_environment_s_order(orchestrator, states):
    images, steps, mask = states
    own = orchestrator.act(images, steps, mask)
    turned = IDS[:1] + IDS[:0:-1]
    order = [IDS.index(id) for id in turned]
    other = orchestrator.act(images, steps, mask[:, order], turned)
    assert [turned[tool] for tool in other[:, 0]] == [IDS[tool] for tool in own[:, 0]]
    assert np.array_equal(own[:, 1], other[:, 1])
    few = ("skip", "my_own_tool", "blur")
    chosen = orchestrator.act(images.numpy(), steps.numpy(), np.ones((5, 3), bool), few)
    assert set(chosen[:, 0].tolist()) <= {0, 2}
    assert orchestrator.act(images, steps, torch.zeros(5, 1, dtype=torch.bool), ("skip",))[:, 0].tolist() == [0] * 5
    with pytest.raises(ImgEditError, match="trained on"):
        orchestrator.act(images, steps, np.ones((5, 2), bool), ("skip", "my_own_tool"))


def test_broken_weights_are_told(orchestrator, vision, tmp_path):
    orchestrator.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(ImgEditError, match="expected a trained orchestrator"):
        Orchestrator.load(tmp_path, vision)


def test_a_saved_orchestrator_is_the_same(orchestrator, states, vision, tmp_path):
    images, steps, mask = states
    orchestrator.save(tmp_path, "# Card\n", method="none")
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    again = Orchestrator.load(tmp_path, vision)
    assert again.tool_ids == IDS
    assert torch.equal(again.choices(images, steps).tools, orchestrator.choices(images, steps).tools)
    assert np.array_equal(again.act(images, steps, mask), orchestrator.act(images, steps, mask))


def test_pixels_alone_need_no_encoder(states, tmp_path):
    images, steps, mask = states
    blind = Orchestrator(Network(Shape(width=32, layers=1, heads=2, inner=32, codes=False), len(IDS)), IDS, None)
    assert blind.tokens(images) is None
    blind.save(tmp_path)
    assert np.array_equal(Orchestrator.load(tmp_path).act(images, steps, mask), blind.act(images, steps, mask))
    with pytest.raises(ImgEditError, match="expected a Vision"):
        Orchestrator(Network(TINY, len(IDS)), IDS, None)


def test_what_does_not_fit_is_told(orchestrator, vision, tmp_path):
    with pytest.raises(DataFileError, match="expected a trained orchestrator"):
        Orchestrator.load(tmp_path, vision)
    orchestrator.save(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"vision": "another"}), encoding="utf-8")
    with pytest.raises(DataFileError, match="trained with image encoder another"):
        Orchestrator.load(tmp_path, vision)
    path.write_text(json.dumps(config | {"shape": config["shape"] | {"width": 16}}), encoding="utf-8")
    with pytest.raises(DataFileError, match="expected a trained orchestrator"):
        Orchestrator.load(tmp_path, vision)


def test_oracle_plans_in_several_hands(orchestrator):
    values, episodes = measure(orchestrator, range(4), ARGUMENTS, pictured=1)
    assert set(values) == {"score", "success", "execution", "preservation", "quality", "return", "invalid"}
    assert values["invalid"] == 0
    assert values["return"] == pytest.approx(values["score"], abs=0.02)
    assert len(episodes[0].frames) == len(episodes[0].steps) + 1 and not episodes[1].frames
    best = run_episodes("x", OnOraclePlan(orchestrator, "oracle", "table"), [0, 1, 2, 3], ARGUMENTS)
    seen = run_episodes("x", OnOraclePlan(orchestrator, "seen", "table"), [0, 1, 2, 3], ARGUMENTS)
    assert np.mean([one.score for one in best]) > 0.5 < np.mean([one.score for one in seen])


def test_the_command_compares_hands(orchestrator, tmp_path, capsys):
    orchestrator.save(tmp_path / "model")
    words = ["--weights", str(tmp_path / "model"), "--episodes", "3", "--image-size", "64", "--out", str(tmp_path)]
    assert measure_command(words) == 0
    rows = json.loads((tmp_path / "measured.json").read_text(encoding="utf-8"))["measured"]
    assert len(rows) == 8 and rows["oracle"]["normalised"]["mean"] == 1.0
    assert measure_command(["--weights", str(tmp_path / "none")]) == 2
    assert "found nothing" in capsys.readouterr().err


def test_agents_play(orchestrator, tmp_path):
    orchestrator.save(tmp_path)
    for agent in (PPOAgent(tmp_path), GroundedRulesAgent()):
        assert not agent.privileged
        episodes = run_episodes("agent", agent, [3, 4, 5], ARGUMENTS)
        assert all(len(episode.steps) == len(episode.plan) for episode in episodes)
    assert np.mean([episode.score for episode in episodes]) > 0.3


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(ImgEditError, match=r"baselines\.training\.orchestrator --method ppo"):
        PPOAgent(tmp_path)
