"""Whatever a submission holds, verification ends with a report, and nothing that counts goes by unseen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.strict_json import StrictError, parse
from benchmarks.submission import DONE, EpisodeRecord
from benchmarks.submission.png import read_png, write_png
from benchmarks.submission.text import problem_of
from benchmarks.verify import verify
from benchmarks.verify.replay import replay
from imgedit_gym.core.plan import VERBS, PlanStep

from .conftest import Submission

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FREE = {("costs", "seconds"), ("costs", "judge_calls")}
"""What a submitter alone knows."""


def copy_of(pristine: Path, where: Path) -> Path:
    folder = where / "fuzzed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pristine, folder)
    return folder


@given(data=st.data())
def test_flipped_bytes_never_break_verification(data, pristine, suite, tmp_path):
    folder = copy_of(pristine, tmp_path)
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(names))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(content) != path.read_bytes()
    path.write_bytes(bytes(content))
    report = verify(folder, level=1, suite=suite)
    if changed and path.name != "manifest.json":
        assert not report.holds


@given(data=st.data())
def test_cut_files_are_caught(data, pristine, suite, tmp_path):
    folder = copy_of(pristine, tmp_path)
    path = data.draw(st.sampled_from([folder / "manifest.json", folder / "episodes.jsonl"]))
    content = path.read_bytes().rstrip(b"\n")
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert not verify(folder, level=1, suite=suite).holds


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def put(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


@settings(max_examples=100)
@given(data=st.data())
def test_any_value_anywhere_in_an_episode_is_seen(data, pristine, suite, tmp_path):
    submission = Submission(copy_of(pristine, tmp_path))
    before = json.loads(json.dumps(submission.episodes))
    at = data.draw(st.integers(0, len(submission.episodes) - 1))
    path = data.draw(st.sampled_from([one for one in places(submission.episodes[at]) if one]))
    put(submission.episodes[at], path, data.draw(JSON))
    try:
        submission.seal()
    except UnicodeEncodeError:
        return  # half of a surrogate pair cannot be written
    counts = path[:2] not in FREE and submission.episodes != before
    report = verify(submission.folder, level=3 if counts else 1, suite=suite)
    assert not (counts and report.holds), path


@given(data=st.data())
def test_any_value_anywhere_in_the_manifest_gives_a_report(data, pristine, suite, tmp_path):
    submission = Submission(copy_of(pristine, tmp_path))
    path = data.draw(st.sampled_from([one for one in places(submission.manifest) if one]))
    put(submission.manifest, path, data.draw(JSON))
    submission.write_manifest()
    report = verify(submission.folder, level=1, suite=suite)
    if path[0] in ("suite", "judge", "files", "schema"):
        assert not report.holds or Submission(pristine).manifest == submission.manifest


@given(value=JSON)
def test_json_that_is_read_is_what_was_written(value):
    text = json.dumps(value, ensure_ascii=False)
    try:
        found = parse(text)
    except StrictError:
        return
    assert json.dumps(found) == json.dumps(value)


@given(text=st.text() | st.text(alphabet='[]{}",:0123456789eE+-.\\untrefals ', max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        found = parse(text)
    except StrictError:
        return
    assert json.dumps(found) == json.dumps(json.loads(text))


@given(content=st.binary(max_size=400), seed=st.integers(0, 99))
def test_any_bytes_are_a_picture_or_refused(content, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    written = bytearray(write_png(pixels))
    assert (read_png(bytes(written), 8) == pixels).all()
    at = seed % len(written)
    written[at : at + len(content)] = content
    for candidate in (content, bytes(written)):
        try:
            assert read_png(candidate, 8).shape == (8, 8, 3)
        except StrictError as error:
            assert error.check.startswith("picture.")


SEEN = st.characters(exclude_categories=("C", "Zl", "Zp"))
WORDS = st.text(SEEN, max_size=40).map(lambda text: normalize("NFC", text)).filter(lambda text: not problem_of(text))
STEPS = st.tuples(st.sampled_from(VERBS[1:]), WORDS | st.just("picture"), WORDS | st.just(""))


@settings(max_examples=25)
@given(data=st.data())
def test_any_plan_and_actions_can_be_replayed_or_are_a_fault(data, suite):
    tools, regions = st.sampled_from(suite.tools), st.integers(0, 64)
    records = {}
    for task in suite.tasks:
        plan = data.draw(st.lists(STEPS, min_size=1, max_size=3))
        actions = [(data.draw(tools), data.draw(regions)) for _ in plan]
        records[task.id] = EpisodeRecord(task.id, DONE, plan=tuple(plan), actions=tuple(actions))
    found, broken = replay(suite, records, suite.held_out["spec"])
    assert set(found) | set(broken) == set(records) and broken == {}


def test_steps_that_cannot_be_taken_are_a_fault_of_their_episode(submission, suite, monkeypatch):
    original = PlanStep.__post_init__

    def refuses(self):
        if self.target == "trouble":
            raise ValueError("no such thing")
        original(self)

    monkeypatch.setattr(PlanStep, "__post_init__", refuses)
    submission.episodes[1]["plan"][0][1] = "trouble"
    submission.seal()
    report = verify(submission.folder, suite=suite)
    assert [(one.check, one.where) for one in report.faults[2]] == [("replay.error", submission.episodes[1]["task"])]


def test_a_path_is_found_again():
    assert set(places({"a": [1]})) == {(), ("a",), ("a", 0)}
    with pytest.raises(KeyError):
        put({}, ("a", "b"), 1)
