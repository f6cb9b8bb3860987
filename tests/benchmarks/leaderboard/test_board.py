"""Boards: what is ranked with what, tables, drawings, files."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.leaderboard import __main__ as command
from benchmarks.leaderboard.baselines import plain
from benchmarks.leaderboard.board import CURVE, build_boards, find_submissions, groups_of
from benchmarks.leaderboard.markdown import board_markdown
from benchmarks.leaderboard.plots import LEFT, WIDTH, cost_axis, pareto_svg, place_labels, profile_svg
from benchmarks.leaderboard.site import Pictures, write_site
from benchmarks.submit import prepare
from benchmarks.suites import write_suite
from imgedit_gym.core.errors import ImgEditError

from .conftest import WORDS, Submission

AGENTS = ("rule-based", "oracle", "no-op", "random")


@pytest.fixture(scope="session")
def entries(runs, suite, tmp_path_factory):
    """Submissions of four agents, one of them privileged."""
    folder = tmp_path_factory.mktemp("entries")
    for name in AGENTS:
        assert prepare(runs(name), folder / "tiny" / name, WORDS | {"name": name}, suite, pictures=False).holds
    return folder


@pytest.fixture(scope="session")
def boards(entries, suite):
    return build_boards(find_submissions(entries), 3, [suite])


def test_entries_are_verified_and_ordered(boards, suite):
    assert len(boards) == 1
    board = boards[0]
    scores = [row["score"]["mean"] for row in board.rows]
    assert scores == sorted(scores, reverse=True) and board.rows[0]["name"] == "oracle"
    assert {row["level"] for row in board.rows} == {3} and board.refused == []
    for row, entry in zip(board.rows, board.entries, strict=True):
        assert row["name"] == entry.name and row["score"]["mean"] == pytest.approx(
            entry.report.totals["score"], abs=1e-6
        )
        low, high = row["score"]["ci95"]
        assert low <= row["score"]["mean"] <= high
        assert set(row["groups"]["split"]) == {"test", "test-long"}
        assert set(row["against"]) == set(AGENTS) - {row["name"]}


def test_privileged_entries_are_not_ranked(boards):
    ranks = {row["name"]: row["ranks"] for row in boards[0].rows}
    assert ranks["oracle"] is None
    assert all(1 <= places[0] <= places[1] <= 3 for name, places in ranks.items() if name != "oracle")
    fronts = {row["name"]: row["pareto"] for row in boards[0].rows}
    assert fronts["oracle"] == {} and fronts["no-op"]["tool_calls"]


def test_comparisons_are_paired_and_mirror_each_other(boards):
    rows = {row["name"]: row for row in boards[0].rows}
    there, back = rows["rule-based"]["against"]["no-op"], rows["no-op"]["against"]["rule-based"]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["better"] == pytest.approx(1 - back["better"]) and there["p"] == back["p"]
    assert there["success"] == pytest.approx(-back["success"]) and there["success_p"] == back["success_p"]
    rates = [rows[name]["success"]["mean"] for name in ("rule-based", "no-op")]
    assert there["success"] == pytest.approx(rates[0] - rates[1])


def test_groups_hold_every_task(suite):
    for name in ("split", "goal", "verb"):
        found = groups_of(suite, name)
        assert set().union(*found.values()) == set(range(len(suite.tasks)))


def test_other_suites_are_ranked_apart(entries, suite, runs, tmp_path):
    from benchmarks.evaluate import evaluate

    other = replace(suite, id="tiny-v2", judge={**suite.judge}, tasks=suite.tasks[:2])
    run = evaluate(other, "no-op", tmp_path / "run")
    shutil.copytree(entries, tmp_path / "entries")
    prepare(run, tmp_path / "entries" / "other", WORDS, other, pictures=False)
    boards = build_boards(find_submissions(tmp_path / "entries"), 1, [suite, other])
    assert [(board.suite.id, len(board.rows)) for board in boards] == [("tiny-v1", 4), ("tiny-v2", 1)]


def test_what_does_not_hold_is_refused_by_name(entries, suite, tmp_path):
    shutil.copytree(entries, tmp_path / "entries")
    cheat = Submission(tmp_path / "entries" / "tiny" / "random")
    cheat.manifest["claims"]["score"] = 1.0
    cheat.seal()
    twin = tmp_path / "entries" / "tiny" / "twin"
    shutil.copytree(entries / "tiny" / "no-op", twin)
    copied = Submission(twin)
    copied.manifest["name"] = "No-Op"
    copied.seal()
    broken = tmp_path / "entries" / "tiny" / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    boards = build_boards(find_submissions(tmp_path / "entries"), 1, [suite])
    rows = [row["name"] for board in boards for row in board.rows]
    assert sorted(rows) == ["no-op", "oracle", "rule-based"]
    text = board_markdown(boards)
    assert "Refused: random (claims.differ)" in text and "Refused: No-Op (another entry" in text
    assert "json.syntax" in text
    site = tmp_path / "site"
    write_site(boards, Pictures(site), site)
    assert json.loads((site / "board.json").read_text())["boards"]


def test_markdown_names_judge_suite_and_every_entry(boards, suite):
    text = board_markdown(boards)
    assert suite.sha256 in text and "judge `checklist` version 1" in text
    tables = [part for part in text.split("**") if part.count("|") > 5]
    assert all(f"| {name} |" in tables[0] for name in AGENTS)
    for line in text.splitlines():
        assert "nan" not in line


def test_plots_are_well_formed_and_say_in_words_what_they_show(boards):
    rows = boards[0].rows
    drawing = ET.fromstring(pareto_svg(rows, "tool_calls", "tool calls <an episode>"))
    assert drawing.find("title").text == "Score against tool calls <an episode>"
    assert all(name in drawing.find("desc").text for name in AGENTS)
    assert len(drawing.findall("circle")) == len(rows)
    places = {circle.find("title").text: float(circle.get("cy")) for circle in drawing.findall("circle")}
    assert places["oracle"] < places["rule-based"] < places["no-op"]


def test_names_in_plots_cover_neither_each_other_nor_a_point():
    points = [(60.0, 250.0), (62.0, 251.0), (64.0, 249.0), (400.0, 20.0), (398.0, 22.0)]
    names = ["no-op", "random", "text-overlay", "oracle", "rule-based"]
    placed = place_labels(points, names)
    boxes = [(x, y - 11, x + 6.8 * len(name), y + 3) for (x, y), name in zip(placed, names, strict=True)]
    boxes += [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    for at, (left, top, right, bottom) in enumerate(boxes[:5]):
        assert left >= LEFT - 4 and right <= WIDTH
        for other, (a, b, c, d) in enumerate(boxes):
            assert at == other or right <= a or c <= left or bottom <= b or d <= top


@pytest.mark.parametrize("most", [1e-9, 0.3, 4.1, 19.0, 21.0, 83.0, 512.0])
def test_cost_axes_have_round_numbers_and_room(most):
    place, ticks = cost_axis(most)
    shares = [place(tick) for tick in ticks]
    assert ticks[0] == 0.0 and shares[0] == 0.0 and shares == sorted(shares) and 2 <= len(ticks) <= 8
    assert shares[-1] <= 1.0 and 0.6 < place(most) < 1.0


def test_profiles_are_drawn_with_a_key(boards):
    drawing, _, key = profile_svg(boards[0].rows, CURVE).partition("</svg><ul")
    lines = ET.fromstring(drawing + "</svg>").findall("polyline")
    assert [line.find("title").text for line in lines] == [row["name"] for row in boards[0].rows]
    assert all(len(line.get("points").split()) == len(CURVE) for line in lines)
    assert key.count("<li>") == len(AGENTS)
    for row in boards[0].rows:
        assert row["curve"] == sorted(row["curve"], reverse=True) and row["curve"][25] == row["profile"][1]


def test_who_tries_actions_out_is_told(boards, suite, runs, tmp_path):
    run = runs("search")
    assert run.setting["agent"] == {"spec": "search", "privileged": False, "simulator": True}
    prepare(run, tmp_path / "search", WORDS | {"name": "search"}, suite, pictures=False)
    (board,) = build_boards([tmp_path / "search"], 1, [suite])
    assert board.rows[0]["simulator"] and board.rows[0]["ranks"] == [1, 1]
    assert not any(row["simulator"] for row in boards[0].rows)


def test_descriptions_lose_their_markup():
    assert plain("By :class:`a.b.C` and :func:`~a.f`, ``x`` or `y`.") == "By C and f, x or y."


def test_the_site_has_every_picture_once(entries, suite, suite_file, tmp_path, capsys):
    out = tmp_path / "site"
    words = ["build", str(entries), "--season", str(suite_file), "--out", str(out)]
    assert command.main(words) == 0
    assert "oracle" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"index.html", "board.json", "board.md", "episodes", "pictures"}
    shown = set()
    for path in (out / "episodes").iterdir():
        head, _, rest = path.read_text().partition(", ")
        assert head == f'receive("{path.stem}"' and rest.endswith(");\n")
        for one in json.loads(rest[:-3]):
            assert len(one["frames"]) == len(one["actions"]) + 1 == len(one["plan"]) + 1
            assert one["instruction"] and one["requirements"]
            shown |= {frame["picture"] for frame in one["frames"]}
    assert {path.stem for path in (out / "pictures").iterdir()} == shown
    data = json.loads((out / "board.json").read_text())
    assert len(data["boards"][0]["rows"]) == 4
    page = (out / "index.html").read_text()
    assert "__BOARD" not in page and "http://" not in page and page.count("<script") == 2


def test_level_1_needs_no_replay(entries, suite_file, tmp_path):
    out = tmp_path / "site"
    assert command.main(["build", str(entries), "--season", str(suite_file), "--level", "1", "--out", str(out)]) == 0
    assert not (out / "pictures").exists()
    assert {row["level"] for row in json.loads((out / "board.json").read_text())["boards"][0]["rows"]} == {1}


def test_nothing_to_show_is_told(tmp_path, capsys):
    assert command.main(["build", str(tmp_path), "--out", str(tmp_path / "site")]) == 2
    assert "expected folders of submissions" in capsys.readouterr().err
    with pytest.raises(ImgEditError, match="--level"):
        build_boards([], 0)


def test_baselines_become_submissions(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "load_suite", lambda name: suite)
    write_suite(suite, tmp_path / "tiny-v1.json")
    words = ["baselines", "--suite", "tiny-v1", "--agents", "no-op", "--runs", str(tmp_path / "runs"), "--out"]
    for _ in range(2):
        assert command.main([*words, str(tmp_path / "own")]) == 0
    place = tmp_path / "own" / "tiny-v1" / "no-op"
    assert sorted(path.name for path in place.iterdir()) == ["episodes.jsonl", "manifest.json"]
    assert [path.name for path in place.parent.iterdir()] == ["no-op"]
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["name"] == "no-op" and "Skips every step." in manifest["description"]


@pytest.mark.parametrize(
    ("tasks", "playing", "left_out"),
    [
        ("adverts", {"learned", "search", "random"}, {"single-step-diffusion, which brings tools of its own"}),
        ("photos", {"rule-based", "no-op", "oracle"}, {"learned, which was not made for such tasks"}),
    ],
)
def test_baselines_that_cannot_play_are_left_out(tasks, playing, left_out, suite, tmp_path, monkeypatch, capsys):
    arguments = suite.environment["arguments"] | {"tasks": tasks}
    other = replace(suite, environment=suite.environment | {"arguments": arguments})
    played = []

    def submit(name, *rest):
        played.append(name)
        return SimpleNamespace(text=lambda: f"{name} holds")

    monkeypatch.setattr(command, "load_suite", lambda name: other)
    monkeypatch.setattr(command, "submit_baseline", submit)
    words = ["baselines", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "own")]
    assert command.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    told = {line.removeprefix("left out: ") for line in lines if line.startswith("left out: ")}
    assert playing <= set(played) and left_out <= told
    assert not set(played) & {line.partition(",")[0] for line in told}
    # who is named is not left out silently
    played.clear()
    name, _, why = next(iter(left_out)).partition(", which ")
    assert command.main([*words, "--agents", f"no-op,{name}"]) == 2
    assert f"--agents: {name} {why}" in capsys.readouterr().err and not played
