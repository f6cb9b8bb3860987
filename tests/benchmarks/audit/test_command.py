from __future__ import annotations

import io
import json

import pytest
import torch
from rich.console import Console

from benchmarks.audit.__main__ import main
from benchmarks.audit.tables import grids, narrow_grids
from benchmarks.tables import print_grids
from tests.judges.server import serving


@pytest.mark.parametrize(
    "words",
    [
        ["--judge", "nobody"],
        ["--judge", "{not json"],
        ["--judge", '{"no": "id"}'],
        ["--judge", '{"id": "pixels", "region": "nowhere"}'],
        ["--judge", '{"id": "pixels", "of": 3}'],
        ["--judge", '{"id": "clip", "model": "/nowhere"}'],
        ["--episodes", "0"],
        ["--seed", "-1"],
        ["--split", "nowhere"],
        ["--image-size", "32"],
        ["--out", "/dev/null/here"],
    ],
)
def test_bad_input_is_one_line(words, tmp_path, capsys):
    start = ["--judge", "checklist"] if "--judge" not in words else []
    start += [] if "--out" in words else ["--out", str(tmp_path)]
    assert main([*start, *words]) == 2
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith("error: ")
    assert sum(line.startswith("error: ") for line in error.splitlines()) == 1 and "Traceback" not in error


@pytest.mark.parametrize("judge", ["pixels", '{"id": "sum", "execution": "checklist"}'])
def test_command_writes_and_prints(judge, tmp_path, capsys):
    words = ["--judge", judge, "--episodes", "2", "--image-size", "64", "--markdown", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "**what is paid for attacks**" in printed and "| unchanged copy | 2 |" in printed
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["arguments"]["judge"] == judge
    assert set(report["balanced_accuracy"]) == {"mean", "ci95"}
    for kind in report["kinds"].values():
        assert set(kind["balanced_accuracy"]) == {"mean", "ci95"}
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"report.json", "agreement.png", "reliability.png", "scores.png", "attacks.png"}
    for name in files - {"report.json"}:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_plain_sum_is_shown_paying_for_a_copy(tmp_path):
    words = ["--judge", '{"id": "sum", "execution": "checklist"}', "--episodes", "2", "--image-size", "64"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["attacks"]["unchanged copy"]["score"]["mean"] > 0.4
    assert report["attacks"]["unchanged copy"]["overpaid"]["rate"] == 1.0


@pytest.mark.parametrize("tables", [grids, narrow_grids])
def test_tables_have_a_row_for_everything(tables, exact):
    for title, headers, rows in tables(exact[0]):
        assert rows, title
        assert all(len(row) == len(headers) for row in rows), title


def test_a_terminal_of_80_columns_breaks_no_word(exact):
    file = io.StringIO()
    print_grids(narrow_grids(exact[0]), Console(file=file, width=80), as_markdown=False)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = {word for line in lines for word in line.replace("│", " ").split()}
    cells = [cell for _, _, rows in narrow_grids(exact[0]) for row in rows for cell in row]
    assert {word for cell in cells for word in cell.split()} <= shown
    assert [title.splitlines()[0] for title, *_ in narrow_grids(exact[0])][1] == "what is paid for attacks"


def test_a_clip_that_has_learned_nothing_is_at_chance(tmp_path):
    pytest.importorskip("transformers")
    from tests.judges.tiny_clip import build_clip

    torch.manual_seed(0)
    build_clip(tmp_path / "model")
    judge = json.dumps({"id": "clip", "model": str(tmp_path / "model")})
    out = tmp_path / "out"
    assert main(["--judge", judge, "--episodes", "3", "--image-size", "64", "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["judge"]["model"].startswith("model@")
    low, high = report["balanced_accuracy"]["ci95"]
    assert low < 0.6 and high > 0.4
    assert report["attacks"]["unchanged copy"]["score"]["mean"] == 0.0


def test_a_judge_behind_a_server(tmp_path):
    pytest.importorskip("httpx2")
    with serving() as server:
        judge = {"id": "openai", "model": "tiny", "base_url": server.url, "retries": 0}
        words = ["--judge", json.dumps(judge), "--episodes", "1", "--image-size", "64", "--out", str(tmp_path)]
        server.script = [None] * 5 + [500]  # the first is judged under every condition, and alone
        assert main(words) == 0
        assert server.requests
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["judge"]["id"] == "openai" and report["judge"]["prompt_hash"]
    assert report["invalid"]["count"] == 1 and "HTTP 500" in next(iter(report["invalid"]["reasons"]))
    assert report["cost"]["calls_per_picture"] > 0 and report["cost"]["tokens_per_picture"] > 0
    assert report["order"]["applicable"] and report["words"]["applicable"]
    # it answers with the share of pixels that differ, in whatever order
    assert report["order"]["requirements"]["difference"] == 0.0


def test_a_server_that_is_not_there_is_one_line(tmp_path, capsys):
    pytest.importorskip("httpx2")
    judge = json.dumps({"id": "openai", "model": "tiny", "base_url": "http://127.0.0.1:9/v1", "retries": 0})
    assert main(["--judge", judge, "--episodes", "1", "--image-size", "64", "--out", str(tmp_path)]) == 2
    assert "could judge none of the first pictures" in capsys.readouterr().err
