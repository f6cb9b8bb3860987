"""One command line over a folder of one's own pictures, regions by SAM and a judge behind HTTP."""

import json

import numpy as np
import pytest
from PIL import Image

from baselines import run
from imgedit_gym.models import pool

transformers = pytest.importorskip("transformers")

from tests.judges.server import serving  # noqa: E402 - after transformers is known to be there
from tests.regions import tiny  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """Three pictures of several shapes, with their requests."""
    rng = np.random.default_rng(0)
    made = tmp_path / "pictures"
    made.mkdir()
    requests = ("make it look like evening", "remove the cup", "brighten it up for print")
    lines = []
    for at, (height, width) in enumerate(((48, 96), (80, 80), (120, 64))):
        pixels = np.kron(
            rng.integers(256, size=(height // 8, width // 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)
        )
        Image.fromarray(pixels).save(made / f"{at}.png")
        lines.append(json.dumps({"image": f"{at}.png", "instruction": requests[at]}))
    (made / "tasks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return made


@pytest.mark.slow
def test_own_pictures_sam_and_a_judge_over_http(folder, tmp_path, capsys):
    weights = tmp_path / "sam"
    weights.mkdir()
    tiny.build_sam(weights)
    before = set(pool.held())
    with serving() as server:
        judge = {"id": "openai", "model": "a-model", "base_url": server.url}
        words = ["--tasks", f"folder:{folder}", "--regions", f"sam:{weights}", "--judge", json.dumps(judge)]
        words += ["--agents", "rule-based,random,no-op", "--episodes", "3", "--image-size", "64"]
        status = run.main([*words, "--out", str(tmp_path / "out")])
        assert status == 0, capsys.readouterr().err
        assert server.requests
    assert [key for key in set(pool.held()) - before if key[0] == "segmenter"]
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert set(results["agents"]) == {"rule-based", "random", "no-op"}
    # the server says yes as far as pixels have changed
    scores = {name: row["execution"]["mean"] for name, row in results["agents"].items()}
    assert scores["no-op"] == 0.0 < scores["random"]
    taken = [json.loads(line) for line in (tmp_path / "out" / "trajectories.jsonl").read_text("utf-8").splitlines()]
    said = " ".join(json.dumps(one) for one in taken)
    assert "remove the cup" in said and "make it look like evening" in said
    assert (tmp_path / "out" / "index.html").stat().st_size > 10_000
    for key in set(pool.held()) - before:
        pool.close(key)
