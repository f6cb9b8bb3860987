"""The server behind the page."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from imgedit_gym.play.session import Session
from imgedit_gym.play.web import LONGEST_BODY, build_app


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    found = Session(tmp_path_factory.mktemp("play") / "kept.jsonl", seed=6, image_size=64)
    yield found
    found.close()


@pytest.fixture
def client(session):
    session.start(6)
    with TestClient(build_app(session), base_url="http://127.0.0.1:8000") as found:
        yield found


def test_an_episode_over_http(client, session):
    assert "<title>imgedit-gym: play</title>" in client.get("/").text
    state = client.get("/state").json()
    assert state["seed"] == 6
    picture = client.get("/picture/canvas.png")
    assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")
    assert client.get("/region/28.png").content.startswith(b"\x89PNG")
    state = client.post("/act", json={"tool": "fill_flat", "region": 28}).json()
    assert state["step"] == 1 and state["done"][0]["tool"] == "fill_flat"
    assert client.post("/undo", json={}).json()["step"] == 0
    while not state["over"]:
        state = client.post("/act", json={"tool": "skip", "region": 0}).json()
    assert client.post("/keep", json={}).json()["said"].startswith("Saved: 1")
    assert client.post("/start", json={}).json()["seed"] == 7
    assert client.post("/start", json={"seed": 9}).json()["seed"] == 9


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/act", {"tool": "nothing", "region": 0}, "unknown tool"),
        ("/act", {"tool": "skip", "region": 65}, "region below 65"),
        ("/act", {"tool": "skip", "region": "3"}, "whole number; found '3'"),
        ("/act", {"tool": "skip", "region": True}, "whole number; found True"),
        ("/act", {"tool": 5, "region": 0}, "text; found 5"),
        ("/act", {}, "text; found None"),
        ("/start", {"seed": -1}, "seed"),
        ("/start", {"seed": "x"}, "whole number"),
        ("/keep", {}, "whole episode"),
        ("/undo", {}, "nothing has been done"),
    ],
)
def test_wrong_wishes_are_told(client, path, body, expected):
    before = client.get("/state").json()
    reply = client.post(path, json=body)
    assert reply.status_code == 400 and expected in reply.json()["refused"]
    assert client.get("/state").json() == before


def test_other_sites_cannot_reach_it(client):
    assert client.get("/state", headers={"host": "evil.example"}).status_code == 400
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        reply = client.post("/act", content='{"tool": "skip", "region": 0}', headers={"content-type": kind})
        assert reply.status_code == 400 and "application/json" in reply.json()["refused"]
    assert client.get("/state").json()["step"] == 0
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]


def test_bodies_are_bounded(client):
    json = {"content-type": "application/json"}
    long = client.post("/act", content=b" " * (LONGEST_BODY + 1), headers=json)
    assert long.status_code == 400 and str(LONGEST_BODY) in long.json()["refused"]
    for body in ("", "[]", "nonsense", "[" * 3000):
        assert client.post("/act", content=body, headers=json).json()["refused"] == "expected a JSON object"


def test_unknown_pages_are_not_there(client):
    assert client.get("/picture/other.png").status_code == 400
    assert client.get("/region/65.png").status_code == 400
    assert client.get("/elsewhere").status_code == 404
