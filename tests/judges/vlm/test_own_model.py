"""The small model that comes with the package."""

import json
import subprocess
import sys

import gymnasium as gym
import pytest
import torch
from PIL import Image

import imgedit_gym  # noqa: F401
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.questions import YES_NO
from imgedit_gym.judges.vlm import asking
from imgedit_gym.judges.vlm.answers import AnswerTokens
from imgedit_gym.judges.vlm.judge import VlmJudge
from imgedit_gym.judges.vlm.loading import OWN_MODEL, load_model
from imgedit_gym.judges.vlm.mosaic import mosaic

pytest.importorskip("transformers")


def test_it_is_small_and_documented():
    assert sum(path.stat().st_size for path in OWN_MODEL.iterdir()) < 20e6
    assert json.loads((OWN_MODEL / "config.json").read_text())["architectures"] == ["LlavaForConditionalGeneration"]
    card = (OWN_MODEL / "README.md").read_text()
    assert "python -m baselines.training.judge" in card and (OWN_MODEL / "curves.png").exists()


def test_it_loads_and_answers_like_any_model_of_transformers(cases):
    """Pictures read once for all their questions give what one plain call for each question gives."""
    judge = VlmJudge()
    loaded = load_model(str(OWN_MODEL), None, "cpu", "auto")
    answers = AnswerTokens(loaded.processor.tokenizer, YES_NO, torch.device("cpu"))
    verdict = judge.judge(cases)
    laid = mosaic(cases.source, cases.canvas, loaded.settings.edge)
    for question in judge.questioner.questions(cases):
        content = [{"type": "image"}, {"type": "text", "text": question.text}]
        text = loaded.processor.apply_chat_template([{"role": "user", "content": content}])
        picture = Image.fromarray(laid[question.case].numpy())
        inputs = loaded.processor(text=[text], images=[picture], return_tensors="pt")
        with torch.no_grad():
            (value,), (mass,) = answers.read(loaded.model(**inputs).logits[:, -1])
        assert mass > 0.95
        found = verdict.quality if question.index < 0 else verdict.requirements[:, question.index]
        assert float(found[question.case]) == pytest.approx(value, abs=5e-4)


def test_the_size_of_a_pass_and_the_company_do_not_matter(cases):
    whole = VlmJudge().judge(cases).requirements
    assert torch.allclose(whole, VlmJudge(max_tokens=1).judge(cases).requirements, atol=5e-4)
    assert torch.allclose(whole[3:4], VlmJudge().judge(cases.take(torch.tensor([3]))).requirements, atol=5e-4)


def test_a_picture_is_one_call_whatever_is_asked_about_it(cases):
    verdict, judge = VlmJudge().judge(cases), VlmJudge()
    assert torch.allclose(verdict.calls, torch.ones(len(cases)))
    places = load_model(str(OWN_MODEL), None, "cpu", "auto").model.config.image_seq_length
    assert verdict.tokens is not None and bool((verdict.tokens > places).all())
    asked = [sum(one.case == i for one in judge.questioner.questions(cases)) for i in range(len(cases))]
    assert min(asked) > 1 and bool((verdict.tokens < 2 * places + 40 * torch.tensor(asked)).all())


def test_a_batch_is_read_in_few_passes(monkeypatch, started, cases_of):
    passes: list[int] = []
    behind = asking._behind
    monkeypatch.setattr(asking, "_behind", lambda *given: passes.append(len(given[1])) or behind(*given))
    VlmJudge().judge(cases_of(started(2 * asking.AT_ONCE)))
    assert passes == [asking.AT_ONCE] * 2


def test_the_name_tells_the_type_of_the_numbers_and_keys_where_they_are_made(cases):
    assert "torch.bfloat16" in VlmJudge(dtype="bfloat16").model
    judge, elsewhere = VlmJudge(), VlmJudge()
    assert ", auto, " in judge.model and judge.answering(cases).endswith("cpu")
    elsewhere._device = "cuda"
    groups = judge.group(judge.questioner.questions(cases))
    assert judge.model == elsewhere.model
    assert not {*judge._keys(cases, groups)} & {*elsewhere._keys(cases, groups)}


def test_it_cannot_rate():
    with pytest.raises(ImgEditError, match="can be asked in checklist"):
        VlmJudge(mode="rating")


def test_what_is_there_and_what_is_not():
    """Every object of fresh adverts is seen, and as many that are not there are not."""
    from imgedit_gym.core.checklist import Requirement
    from imgedit_gym.engine import Engine
    from imgedit_gym.judges.base import Cases

    n = 24
    engine = Engine(n, split="test")
    engine.reset(range(n), range(9000, 9000 + n))
    batch, stock = engine.batch, engine.tasks.stock
    generator = torch.Generator().manual_seed(0)
    truths, asked = [], []
    for row in range(n):
        here = [int(j) for j in batch.slots[row] if 0 <= j < stock.n_objects]
        away = [j for j in torch.randperm(stock.n_objects, generator=generator).tolist() if j not in here][: len(here)]
        asked.append(tuple(Requirement(Kind.ABSENT, f"no {stock.sprite_name(j)}", 0) for j in (*here, *away)))
        truths.append([False] * len(here) + [True] * len(away))

    class Asked(Cases):
        def requirements(self, i: int):
            return asked[i]

    due = torch.full((n,), 8, dtype=torch.int32)
    values = VlmJudge(quality="pixels").judge(Asked(batch, engine.checklist, batch.images.clone(), due)).requirements
    right = [bool(values[row, at] >= 0.5) == truth for row, mine in enumerate(truths) for at, truth in enumerate(mine)]
    assert sum(right) / len(right) > 0.95


def test_it_understands_sentences_that_it_never_learned():
    from baselines.training.judge.measure import free_wording
    from benchmarks.checklist.judging import finished_cases
    from imgedit_gym.engine import Engine
    from imgedit_gym.orchestrators.base import carry_out
    from imgedit_gym.orchestrators.oracle import OracleOrchestrator

    n = 12
    engine = Engine(n, split="test")
    engine.reset(range(n), range(9100, 9100 + n))
    untouched = engine.batch.images.clone()
    carry_out(engine, OracleOrchestrator(), torch.arange(n))
    pictures, rows = torch.cat([untouched, engine.canvas]), torch.arange(n).repeat(2)
    cases = finished_cases(engine, pictures, rows)
    judge = VlmJudge(quality="pixels")
    plain = judge.judge(cases).requirements
    asked = cases.wanted[..., 0] > 0
    for which in (0, 1):
        judge.questioner.wording = judge.questioner.wording | free_wording(which)
        other = judge.judge(cases).requirements
        same = (plain >= 0.5) == (other >= 0.5)
        for holds in (asked & (plain >= 0.5), asked & (plain < 0.5)):
            assert int(holds.sum()) > 20 and float(same[holds].float().mean()) > 0.8


@pytest.mark.parametrize("reward_mode", ["delta", "additive", "outcome"])
def test_an_environment_with_it(reward_mode: str):
    """Alone and in a batch it is judged alike, in every mode."""
    arguments = {"judge": "vlm", "image_size": 96, "reward_mode": reward_mode}
    n, steps = 3, 3
    several = gym.make_vec("ImageEdit-v0", num_envs=n, vectorization_mode="vector_entry_point", **arguments)
    several.reset(seed=3)
    several.action_space.seed(0)
    actions, rewards, over = [], [], []
    for _ in range(steps):
        actions.append(several.action_space.sample())
        _, reward, terminated, truncated, _ = several.step(actions[-1])
        rewards.append(reward)
        over.append(terminated | truncated)
    several.close()
    for at in range(n):
        env = gym.make("ImageEdit-v0", **arguments)
        env.reset(seed=3 + at)
        for step in range(steps):
            _, reward, *_, info = env.step(actions[step][at])
            assert reward == pytest.approx(float(rewards[step][at]), abs=2e-3)
            assert info["judge"]["model"].startswith("judge@") and info["judge"]["valid"]
            if over[step][at]:
                break
        env.close()
    assert any(abs(reward).max() > 0 for reward in rewards) or reward_mode == "outcome"


_OFFLINE = """
import socket

tried = []

def refuse(*given, **named):
    tried.append(given)
    raise OSError("there is no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import gymnasium as gym
import imgedit_gym
_, info = gym.make("ImageEdit-v0", judge="vlm", image_size=64).reset(seed=0)
assert info["judge"]["valid"] and info["judge"]["id"] == "vlm"
assert not tried, tried
"""


def test_it_connects_to_nothing():
    found = subprocess.run([sys.executable, "-c", _OFFLINE], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr[-2000:]
