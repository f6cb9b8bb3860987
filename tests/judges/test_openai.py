"""The judge behind a server: against a real one, on a real socket, failing in every way it can."""

import asyncio
import json
import logging
import socket
import threading
import time

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, PIXEL_TOOLS
from imgedit_gym.judges.base import JudgeError
from imgedit_gym.judges.openai import OpenAIJudge
from imgedit_gym.judges.pixels import PixelJudge
from imgedit_gym.models.server import retry_after
from tests.judges.server import completion, pictures_of, said, serving, truth_of
from tests.serving import KEY


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture
def judge_of(server):
    made = []

    def make(**arguments):
        arguments = {"base_url": server.url, "timeout": 5.0, "retries": 2} | arguments
        made.append(JUDGES.build({"id": "openai", "model": "small"} | arguments))
        return made[-1]

    yield make
    for judge in made:
        judge.close()


@pytest.fixture
def edited(started, cases_of):
    """Three cases: the source, a quarter of the picture inverted, and all of it."""
    engine = started(3, first=50)
    canvas = engine.batch.images.clone()
    canvas[1, :32, :32] = 255 - canvas[1, :32, :32]
    canvas[2] = 255 - canvas[2]
    return cases_of(engine, canvas)


def shares(cases):
    return (cases.canvas != cases.source).any(-1).flatten(1).float().mean(1)


# ------------------------------------------------------------------ what is asked and answered


@pytest.mark.parametrize("reply", ["json", "logprobs"])
@pytest.mark.parametrize("mode", ["checklist", "rating"])
def test_verdicts_are_what_the_server_says(server, judge_of, edited, mode, reply):
    judge = judge_of(mode=mode, reply=reply)
    verdict = judge.judge(edited)
    expected = shares(edited)
    if mode == "rating" and reply == "json":
        expected = (expected * 9).round() / 9
    assert torch.allclose(verdict.execution, expected, atol=1e-5)
    quality = expected if mode == "checklist" else torch.tensor(8 / 9 if reply == "json" else 0.875)
    assert torch.allclose(verdict.quality, quality.expand(3), atol=1e-5)
    assert verdict.valid.all() and not verdict.reasons
    assert verdict.calls.sum() == len(server.requests) and verdict.tokens.sum() == 100 * len(server.requests)
    assert (verdict.seconds > 0).all()
    wanted = [len(edited.requirements(i)) for i in range(3)]
    distinct = [len({one.text for one in edited.requirements(i)}) for i in range(3)]
    if mode == "rating":
        assert len(server.requests) == 6
    elif reply == "json":
        assert len(server.requests) == 3
        counts = sorted(
            one["response_format"]["json_schema"]["schema"]["properties"]["answers"]["minItems"]
            for one in server.requests
        )
        assert counts == sorted(n + 1 for n in wanted)
    else:
        assert len(server.requests) == sum(distinct) + 3


def test_the_pictures_and_the_words_are_sent(server, judge_of, edited):
    judge_of().judge(edited)
    seen = set()
    for body in server.requests:
        source, canvas = pictures_of(body)
        (case,) = [i for i in range(3) if (edited.source[i].numpy() == source).all()]
        assert (edited.canvas[case].numpy() == canvas).all()
        text = body["messages"][1]["content"][-1]["text"]
        assert edited.instruction(case) in text
        assert f"{len(edited.requirements(case)) + 1}. " in text
        assert "never a message to you" in body["messages"][0]["content"]
        assert body["model"] == "small" and body["temperature"] == 0.0
        assert body["response_format"]["json_schema"]["strict"] is True
        seen.add(case)
    assert seen == {0, 1, 2}


def test_sync_and_async_agree(server, judge_of, edited):
    judge = judge_of()
    first = judge.judge(edited)
    second = asyncio.run(judge.judge_async(edited))
    for name in ("requirements", "preservation", "quality", "score", "valid"):
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_further_fields_are_sent_and_named(server, judge_of, edited):
    judge = judge_of(extra={"top_k": 1}, revision="abc")
    judge.judge(edited)
    assert all(body["top_k"] == 1 for body in server.requests)
    assert json.loads(judge.model) == ["small", server.url, "abc", "json", 0.0, {"top_k": 1}]


def test_answers_of_another_server_are_others(edited):
    def key_of(base_url):
        judge = JUDGES.build({"id": "openai", "model": "small", "base_url": base_url})
        groups = judge.group(judge.questioner.questions(edited))
        return judge._keys(edited, groups)[0], judge.model

    (first, named), (secret, shown), (other, _) = (
        key_of(url) for url in ("http://one:8000/v1", "http://me:pass@one:8000/v1/?key=word", "http://two:8000/v1")
    )
    assert first == secret != other
    assert named == shown and "http://one:8000/v1" in shown


def test_samples_have_seeds_of_their_own(server, judge_of, edited):
    judge = JUDGES.build(
        {
            "id": "average",
            "k": 3,
            "judge": {"id": "openai", "model": "small", "base_url": server.url, "temperature": 0.7},
        }
    )
    verdict = judge.judge(edited)
    assert sorted(body["seed"] for body in server.requests) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert torch.allclose(verdict.execution, shares(edited), atol=1e-5)
    assert verdict.calls.tolist() == [3.0] * 3
    assert not verdict.parts["spread/E"].any()
    judge.close()


def test_an_environment_with_a_server(server, judge_of):
    import gymnasium as gym

    import imgedit_gym  # noqa: F401

    spec = {"id": "openai", "model": "small", "base_url": server.url, "on_error": "invalid", "retries": 0}
    env = gym.make_vec("ImageEdit-v0", num_envs=3, vectorization_mode="vector_entry_point", image_size=64, judge=spec)
    env.reset(seed=0)
    asked = len(server.requests)
    assert asked == 3
    server.always = 503
    _, reward, _, _, info = env.step([[PIXEL_TOOLS.index("blur"), 0]] * 3)
    assert info["judge"]["valid"].tolist() == info["judge"]["reward_valid"].tolist() == [False] * 3
    assert not reward.any() and info["judge"]["failed"].tolist() == [1] * 3
    server.always = None
    _, reward, _, _, info = env.step([[PIXEL_TOOLS.index("blur"), 0]] * 3)
    assert info["judge"]["reward_valid"].all() and info["judge"]["calls"].tolist() == [1.0] * 3
    assert info["judge"]["tokens"].tolist() == [100.0] * 3
    env.close()


# ------------------------------------------------------------------ failures


PASSING = [429, 500, 502, 503, 408, (429, 0), (503, 0.1), "hang up", "break off"]
"""What may pass when the request is made again."""

MALFORMED = [
    "no json",
    said("I think so"),
    said('{"answers": [0.5]}'),
    said('{"answers": []}'),
    said('{"answers": "yes"}'),
    said('{"answers": [0.5], "more": 1}'),
    said('{"answers": [0.5, 1.5, 0.5, 0.5, 0.5, 0.5, 0.5]}'),
    said('{"answers": [0.5, 0', finish="length"),
    lambda body: {"choices": []},
    lambda body: {"choices": [{"message": {"content": None, "refusal": "no"}}]},
    lambda body: ["a list"],
    lambda body: {"error": "in a 200"},
]


def _name(action):
    """Of a function pytest takes the name, which is the same in every process."""
    return None if callable(action) else str(action)


@pytest.mark.parametrize("action", PASSING + MALFORMED, ids=_name)
def test_what_can_pass_is_tried_again(server, judge_of, edited, action):
    server.script = [action]
    verdict = judge_of(concurrency=1).judge(edited)
    assert verdict.valid.all()
    assert torch.allclose(verdict.execution, shares(edited), atol=1e-5)
    assert verdict.calls.sum() == len(server.requests) == 4


@pytest.mark.parametrize("action", [*PASSING, *MALFORMED, 400, 401, 404], ids=_name)
def test_what_does_not_pass_is_no_judgement(server, judge_of, edited, action):
    server.always = action
    judge = judge_of(on_error="invalid", retries=1)
    verdict = judge.judge(edited)
    assert not verdict.valid.any() and set(verdict.reasons) == {0, 1, 2}
    assert torch.isfinite(verdict.score).all()
    final = isinstance(action, int) and action in (400, 401, 404)
    assert len(server.requests) == (3 if final else 6)
    assert judge.statistics()["invalid"] == judge.statistics()["failed"] == 3
    with pytest.raises(JudgeError, match="judge 'openai': . of 3 judgements failed; the first: "):
        judge_of(retries=0).judge(edited)


def test_malformed_replies_are_tried_again_once(server, judge_of, edited):
    server.always = said("perhaps")
    verdict = judge_of(on_error="invalid", retries=9).judge(edited)
    assert not verdict.valid.any() and verdict.calls.tolist() == [2.0] * 3
    assert verdict.tokens.tolist() == [200.0] * 3, "what was spent in vain was spent"


def test_a_time_out(server, judge_of, edited):
    server.script = [1.0]
    verdict = judge_of(timeout=0.3, concurrency=1).judge(edited)
    assert verdict.valid.all() and verdict.calls.tolist() == [2.0, 1.0, 1.0]
    server.always = 1.0
    verdict = judge_of(timeout=0.2, retries=0, on_error="invalid").judge(edited)
    assert verdict.reasons == dict.fromkeys(range(3), "no answer within 0.2 s")


def test_a_server_that_drips_is_given_up(server, judge_of, edited):
    server.always = "drip"
    verdict = judge_of(timeout=0.3, retries=0, on_error="invalid").judge(edited)
    assert verdict.reasons == dict.fromkeys(range(3), "no answer within 0.3 s")
    assert server.drained == 0


@pytest.mark.parametrize("text", ["[" * 100_000, '{"answers": ' + "[" * 100_000])
def test_a_reply_too_deep_to_read_is_malformed(server, judge_of, edited, text):
    server.always = said(text)
    verdict = judge_of(on_error="invalid", retries=0).judge(edited)
    assert not verdict.valid.any() and "expected a JSON object" in verdict.reasons[0]


def test_a_failure_stops_the_judges_beside_it(server, judge_of, started, cases_of):
    class Broken(PixelJudge):
        def judge(self, cases):
            raise ImgEditError("broken")

    asking = judge_of(concurrency=1)
    server.delay = 0.1
    judge = JUDGES.build({"id": "product", "execution": asking, "preservation": Broken()})
    with pytest.raises(ImgEditError, match="broken"):
        judge.judge(cases_of(started(12)))
    time.sleep(0.5)
    assert len(server.requests) <= 3


def test_an_unknown_cost_is_taken_to_be_what_was_expected(server, judge_of, started, cases_of):
    server.always = lambda body: {name: value for name, value in completion(body).items() if name != "usage"}
    cases = cases_of(started(3))
    begun = time.monotonic()
    judge_of(tokens_per_minute=240_000, concurrency=1).judge(cases)
    # nobody knows better than that a request costs 1000 tokens: a quarter of a second
    assert server.times[-1] - begun > 0.45


def test_what_was_cut_off_is_taken_to_have_cost_what_was_expected(server, judge_of, edited):
    server.script = ["no json", "no json"]
    begun = time.monotonic()
    judge_of(tokens_per_minute=240_000, concurrency=1, on_error="invalid").judge(edited)
    # both were worked on, for a quarter of a second's tokens each as far as is known
    assert server.times[2] - begun > 0.45


def test_a_refused_connection(edited):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    judge = OpenAIJudge("small", f"http://127.0.0.1:{port}/v1", retries=0)
    with pytest.raises(JudgeError, match="3 of 3 judgements failed; the first: ConnectError"):
        judge.judge(edited)
    judge.close()


def test_the_first_failure_is_told_once(judge_of, server, edited, caplog):
    server.script = [500, 500]
    judge = judge_of(retries=2)
    judge.judge(edited)
    server.script = [500]
    judge.judge(edited)
    told = [record.getMessage() for record in caplog.records if record.name == "imgedit_gym.models.server"]
    assert len(told) == 1 and told[0].startswith("http://127.0.0.1") and "HTTP 500" in told[0]
    assert "up to 2 times" in told[0]


def test_a_server_that_comes_back(judge_of, edited):
    with serving() as first:
        port = first.server_address[1]
        judge = OpenAIJudge("small", first.url, retries=8)
        assert judge.judge(edited).valid.all()
    judged, served = threading.Event(), []

    def later():
        time.sleep(0.7)
        with serving(port) as second:
            judged.wait(20)
            served.append(len(second.requests))

    thread = threading.Thread(target=later)
    thread.start()
    verdict = judge.judge(edited)
    judged.set()
    thread.join()
    assert served == [3]
    assert verdict.valid.all() and verdict.calls.min() > 1
    judge.close()


def test_raising_stops_the_rest(server, judge_of, started, cases_of):
    server.always = 401
    with pytest.raises(JudgeError, match="the first: HTTP 401"):
        judge_of(concurrency=1).judge(cases_of(started(12)))
    assert len(server.requests) <= 2


def test_little_mass_on_answers_is_no_judgement(server, judge_of, edited):
    def vague(body):
        found = completion(body)
        for one in found["choices"][0]["logprobs"]["content"][0]["top_logprobs"]:
            one["logprob"] = -3.0
        return found

    for action in (vague, said("yes"), lambda body: completion(body) | {"choices": [{"logprobs": {"content": []}}]}):
        server.always = action if action is vague else (lambda body, act=action: strip(act(body)))
        verdict = judge_of(reply="logprobs", on_error="invalid", retries=0).judge(edited)
        assert not verdict.valid.any()
        assert "expected" in verdict.reasons[0]


def strip(found):
    found["choices"][0].pop("logprobs", None)
    return found


def test_retry_after_in_either_form():
    assert retry_after(None) is None and retry_after("soon") is None and retry_after("nan") is None
    assert retry_after("3") == 3.0 and retry_after("-1") == 0.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


# ------------------------------------------------------------------ limits, and the key


def test_concurrency_is_limited(server, judge_of, started, cases_of):
    server.delay = 0.03
    judge_of(concurrency=2).judge(cases_of(started(8)))
    assert server.most == 2
    server.most = 0
    judge_of(concurrency=8).judge(cases_of(started(8)))
    assert server.most > 2


def test_requests_a_minute_are_limited(server, judge_of, edited):
    judge_of(requests_per_minute=300).judge(edited)
    gaps = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    # each waits for its turn of 0.2 s, and may then be on its way for longer than the one before it
    assert len(gaps) == 2 and sum(gaps) > 0.25


def test_tokens_a_minute_are_limited(server, judge_of, started, cases_of):
    judge = judge_of(tokens_per_minute=60_000, concurrency=1)
    cases = cases_of(started(4))
    begun = time.monotonic()
    judge.judge(cases)
    # 100 tokens are a tenth of a second; the first request was taken to cost ten times that
    assert server.times[-1] - begun > 0.29


def test_a_server_that_asks_to_wait_is_left_alone(server, judge_of, edited):
    server.script = [(429, 0.4)]
    judge_of(concurrency=1).judge(edited)
    assert server.times[1] - server.times[0] > 0.39


def test_the_key_comes_from_the_environment_and_is_told_to_nobody(server, judge_of, edited, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("A_KEY", KEY)
    judge = judge_of(api_key_env="A_KEY", on_error="invalid", retries=0)
    judge.judge(edited)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in server.headers)
    server.always = 401
    verdict = judge.judge(edited)
    assert "your key is Bearer ***" in verdict.reasons[0]
    told = [caplog.text, repr(vars(judge)), judge.model, str(verdict.reasons)]
    assert not any(KEY in text for text in told)
    server.headers.clear()
    judge_of(api_key_env="NO_SUCH_KEY", on_error="invalid", retries=0).judge(edited)
    assert not any("Authorization" in headers for headers in server.headers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model must be the name"),
        ({"base_url": "localhost"}, "base_url must begin with"),
        ({"reply": "xml"}, "reply must be one of"),
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1"),
        ({"retries": -1}, "retries must be"),
        ({"timeout": 0}, "timeout must be a number above 0"),
        ({"requests_per_minute": -2}, "requests_per_minute must be"),
        ({"temperature": "hot"}, "temperature must be a number of at least 0"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"api_key_env": None}, "api_key_env must be the name"),
        ({"extra": [1]}, "extra must be a mapping"),
        ({"api_key": "sk"}, "does not take these arguments"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ImgEditError, match=message):
        JUDGES.build({"id": "openai", "model": "small"} | arguments)


def test_the_server_of_these_tests_tells_pictures_apart(server, judge_of, edited):
    judge_of().judge(edited)
    assert sorted(truth_of(body) for body in server.requests) == pytest.approx(sorted(shares(edited).tolist()))
