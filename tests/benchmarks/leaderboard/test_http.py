"""An agent behind a server, and servers that fail."""

from __future__ import annotations

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from benchmarks.evaluate import evaluate, find_agent
from benchmarks.evaluate import http as client
from benchmarks.submission import DONE, FAILED
from imgedit_gym.core.errors import ImgEditError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.append(self.headers.get("Authorization"))
        status, content = self.server.answer(body, len(self.server.requests))
        if status is None:
            self.close_connection = True
            return
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(client, "PAUSE", 0.01)
    made = Server(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.requests, made.keys = [], []
    made.url = f"http://127.0.0.1:{made.server_address[1]}/agent"
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def honest(body, count):
    episodes = body["episodes"]
    if body["ask"] == "plan":
        return 200, {"plans": [["adjust the picture to darker", "2. adjust the picture to soft"] for _ in episodes]}
    assert all(one["step"] < len(one["plan"]) == 2 for one in episodes)
    return 200, {"actions": [[("exposure", "blur")[one["step"]], 0] for one in episodes]}


def play(suite, server, out, **arguments):
    spec = {"id": "http", "url": server.url, "timeout": 5.0, "at_once": 4} | arguments
    return list(evaluate(suite, json.dumps(spec), out).records().values())


def test_a_server_plays_a_suite(suite, server, tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_API_KEY", "secret-of-the-tests")
    server.answer = honest
    records = play(suite, server, tmp_path / "run")
    assert {record.status for record in records} == {DONE}
    assert {tuple(tool for tool, _ in record.actions) for record in records} == {("exposure", "blur")}
    first = server.requests[0]
    assert {"protocol", "ask", "tools", "regions", "max_plan_steps", "episodes"} == set(first)
    assert first["tools"] == list(suite.tools) and first["regions"] == 65
    assert [len(body["episodes"]) for body in server.requests] == [4, 4, 4, 2, 2, 2]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(first["episodes"][0]["image"]))))
    assert picture.shape == (64, 64, 3)
    act = server.requests[1]["episodes"][0]
    assert set(act) == {"image", "instruction", "plan", "step", "allowed"} and "exposure" in act["allowed"]
    assert set(server.keys) == {"Bearer secret-of-the-tests"}
    assert all("secret" not in path.read_text() for path in (tmp_path / "run").rglob("*.json*"))


def test_refusals_and_nonsense_cost_single_episodes(suite, server, tmp_path):
    def answer(body, count):
        status, content = honest(body, count)
        if body["ask"] == "act" and len(body["episodes"]) == 4 and body["episodes"][0]["step"] == 0:
            content["actions"] = [{"refused": "no people"}, ["no tool", 0], ["blur", 900], ["blur", 3]]
        return status, content

    server.answer = answer
    records = play(suite, server, tmp_path / "run")
    assert [record.status for record in records] == [FAILED, FAILED, FAILED, DONE, DONE, DONE]
    errors = [record.error for record in records[:3]]
    assert errors[0] == "refused: no people" and "unknown tool" in errors[1] and "region" in errors[2]


def test_plans_that_are_none_cost_the_episode(suite, server, tmp_path):
    def answer(body, count):
        if body["ask"] == "act":
            return 200, {"actions": [["skip", 0]] * len(body["episodes"])}
        plans = [None, ["remove the car"] * 9, "no list", {"refused": "x"}][: len(body["episodes"])]
        return 200, {"plans": plans}

    server.answer = answer
    records = play(suite, server, tmp_path / "run")
    assert [record.status for record in records] == [DONE, FAILED, FAILED, FAILED, DONE, FAILED]
    assert records[0].plan[0][0] == "edit"


def test_what_passes_is_tried_again(suite, server, tmp_path):
    replies = {1: (503, {}), 2: (429, {}), 4: (None, None)}
    server.answer = lambda body, count: replies.get(count) or honest(body, count)
    records = play(suite, server, tmp_path / "run")
    assert {record.status for record in records} == {DONE}


@pytest.mark.parametrize(
    "reply",
    [
        (500, {}),
        (404, {}),
        (200, b"<html>"),
        (200, b"[]"),
        (200, {"plans": []}),
        (200, b'{"plans": [NaN]}'),
        (200, b" " * (client.MAX_REPLY + 1)),
        (200, b"[" * 100_000),
        (None, None),
    ],
    ids=["500", "404", "html", "list", "too few", "nan", "huge", "deep", "hangs up"],
)
def test_useless_servers_fail_every_episode(reply, suite, server, tmp_path):
    server.answer = lambda body, count: reply
    records = play(suite, server, tmp_path / "run", retries=1)
    assert {record.status for record in records} == {FAILED}
    assert all(record.error.startswith("no reply") for record in records)


def test_slow_servers_are_given_up(suite, server, tmp_path):
    given_up = threading.Event()

    def answer(body, count):
        given_up.wait(60)
        return honest(body, count)

    server.answer = answer
    records = play(suite, server, tmp_path / "run", timeout=0.1, retries=0, at_once=100)
    assert {record.status for record in records} == {FAILED} and not given_up.is_set()
    assert len(server.requests) <= 2, "one for the plans of each split, and none again"
    given_up.set()


def test_wrong_arguments_are_told():
    for arguments, message in (
        ({"url": "ftp://x"}, "url must begin"),
        ({"url": 3}, "url must begin"),
        ({"url": "http://x", "timeout": 0}, "timeout"),
        ({"url": "http://x", "retries": -1}, "retries"),
        ({"url": "http://x", "at_once": True}, "at_once"),
    ):
        with pytest.raises(ImgEditError, match=message):
            find_agent(json.dumps({"id": "http"} | arguments))
