"""Tests of the outcome table."""

import json
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import torch

from baselines.orchestrator import outcomes as module
from baselines.orchestrator.explore import Explorer, source_states
from baselines.orchestrator.outcomes import REFUSED, UNTRIED, OutcomeTable, Table, judge_name, tool_versions
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.wrappers.joint_action import joint_masks


@pytest.fixture
def explorer(started):
    """An explorer of four environments, and everything it found at the first plan step."""
    engine = started(4, 3)
    explorer = Explorer(engine, OutcomeTable(":memory:"))
    return explorer, explorer.here(torch.arange(4))


def test_what_the_table_says_is_what_happens(explorer, make_engine):
    explorer, found = explorer
    engine = explorer.engine
    draw = np.random.default_rng(0)
    for _ in range(6):
        actions = torch.zeros(4, 2, dtype=torch.int64)
        for row, one in enumerate(found):
            known = np.argwhere(~np.isnan(one.table.scores))
            actions[row] = torch.from_numpy(known[draw.integers(len(known))])
        states = [engine.get_state(row) for row in range(4)]
        result = engine.step(actions)
        for row, one in enumerate(found):
            tool, region = actions[row].tolist()
            assert float(result.reward[row]) == pytest.approx(float(one.rewards[tool, region]), abs=1e-6)
            engine.set_state(row, states[row])


def test_every_admissible_pair_is_known_and_no_other(explorer):
    explorer, found = explorer
    masks = joint_masks(explorer.engine, range(4)).view(4, -1, N_REGIONS).numpy()
    for row, one in enumerate(found):
        assert np.array_equal(~np.isnan(one.table.scores), masks[row])
        assert not one.table.untried.any()


def test_equal_masks_are_run_once(explorer):
    explorer, _ = explorer
    told = explorer.table.statistics(tool_versions(explorer.engine.tools), judge_name(explorer.engine.judge))
    assert told["calls"] == explorer.calls == sum(told["tools"].values())
    assert told["coverage"] == 1.0 and told["stale"] == 0 and told["states"] == 4
    assert told["pairs"] > 3 * told["calls"]


def test_nothing_is_run_twice(explorer):
    explorer, found = explorer
    calls = explorer.calls
    again = explorer.here(torch.arange(4))
    assert explorer.calls == calls and explorer.known == calls
    for one, other in zip(found, again, strict=True):
        assert one.state.key == other.state.key
        assert np.array_equal(one.table.scores, other.table.scores, equal_nan=True)


def test_states_are_named_by_their_content(started):
    def keys(engine, rows=(0, 1)):
        return [one.state.key for one in Explorer(engine, OutcomeTable(":memory:")).here(torch.tensor(rows))]

    engine = started(2, 3)
    first = keys(engine)
    assert first[0] != first[1]
    assert keys(started(3, 3))[:1] == first[:1]
    assert keys(engine, (1, 0)) == first[::-1]
    engine.canvas[0, 0, 0, 0] ^= 1
    changed = keys(engine)
    assert changed[0] != first[0] and changed[1] == first[1]
    engine.canvas[0, 0, 0, 0] ^= 1
    assert keys(engine) == first
    assert keys(started(2, 3, regions="cells"))[0] != first[0]


def test_few_cells_leave_the_rest_untried(started):
    engine = started(4, 3)
    explorer = Explorer(engine, OutcomeTable(":memory:"), cells=3)
    for one in explorer.here(torch.arange(4)):
        untried, known = one.table.untried, ~np.isnan(one.table.scores)
        assert not (untried & known).any()
        for tool, used in enumerate(engine.tools):
            if untried[tool].any():
                assert used.reach == "box"
    more = Explorer(engine, explorer.table)
    found = more.here(torch.arange(4))
    assert more.known == explorer.calls and more.calls > 0
    assert not any(one.table.untried.any() for one in found)


def test_additive_states_begin_from_the_source(started):
    engine = started(3, 3)
    explorer = Explorer(engine, OutcomeTable(":memory:"))
    total = 0
    for indices, rows in source_states(engine):
        found = explorer.at(engine.batch.images[rows], indices, rows, torch.zeros(len(rows)))
        total += len(found)
        for one, row, index in zip(found, rows.tolist(), indices.tolist(), strict=True):
            assert one.state.number == index and one.state.step == engine.plan(row)[index].text
            assert np.array_equal(one.state.picture, engine.batch.images[row].numpy())
    assert total == int(engine.plan_length.sum())


def test_a_table_is_shared_and_survives(tmp_path, started):
    path = tmp_path / "folder" / "table.sqlite"
    first, second = OutcomeTable(path), OutcomeTable(path)
    engine = started(2, 3)
    found = Explorer(engine, first).here(torch.arange(2))
    other = Explorer(engine, second)
    other.here(torch.arange(2))
    assert other.calls == 0
    states = second.states([one.state.key for one in found])
    for one, state in zip(found, states, strict=True):
        assert np.array_equal(state.picture, one.state.picture) and state.step == one.state.step
        assert state.codes.tolist() == one.state.codes.tolist() and state.verb == state.step.split()[0]


def test_a_killed_writer_leaves_a_whole_table(tmp_path):
    path = tmp_path / "table.sqlite"
    script = f"""
import os, torch
from baselines.orchestrator.explore import Explorer
from baselines.orchestrator.outcomes import OutcomeTable
from imgedit_gym.engine import Engine
engine = Engine(6, image_size=64)
engine.reset(range(6), range(6))
table = OutcomeTable({str(path)!r})
write, done = table.write, []
def stop(*arguments):
    if len(done) == 3:
        table._execute("BEGIN IMMEDIATE")
        table._execute("INSERT INTO states VALUES ('half', '', 0, '', '', '')")
        os.kill(os.getpid(), 9)
    write(*arguments)
    done.append(1)
table.write = stop
Explorer(engine, table).here(torch.arange(6))
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    told = OutcomeTable(path).statistics({}, "")
    assert told["states"] == 3 and told["rows"] > 3


def test_stale_outcomes_are_told_and_taken_out(tmp_path, started, capsys):
    path = tmp_path / "table.sqlite"
    engine = started(2, 3)
    explorer = Explorer(engine, OutcomeTable(path))
    found = explorer.here(torch.arange(2))
    versions, judge = tool_versions(engine.tools), judge_name(engine.judge)
    newer = versions | {"blur": "next"}
    table = explorer.table
    rows = table.statistics(versions, judge)["rows"]
    assert table.statistics(newer, judge)["stale"] == 2
    assert table.statistics(versions, "another judge")["stale"] == rows
    keys = [one.state.key for one in found]
    assert all("blur" not in known for known in table.read(keys, newer, judge).values())
    assert table.read(keys, versions, "another judge") == {}
    assert table.read(keys, versions, judge, sample=1) == {}
    assert table.prune(newer, judge) == 2
    assert table.statistics(newer, judge)["stale"] == 0
    assert module.main([str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == rows - 2
    assert table.prune(versions, "another judge") == rows - 2
    assert table.statistics(versions, judge)["states"] == 0


def test_other_files_are_refused(tmp_path, capsys):
    path = tmp_path / "table.sqlite"
    path.write_text("not a table at all, but long enough to be looked at as one")
    with pytest.raises(ImgEditError, match="expected an outcome table"):
        OutcomeTable(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as file:
        file.execute("PRAGMA user_version=99")
    with pytest.raises(ImgEditError, match="version 1; found 99"):
        OutcomeTable(other)
    assert module.main([str(tmp_path / "none")]) == 2
    with pytest.raises(ImgEditError, match="does not hold it"):
        OutcomeTable(":memory:").states(["missing"])


def test_failed_judgements_are_not_kept(started):
    engine = started(2, 3)
    plain = engine.imagine

    def failing(*arguments):
        pictures, verdict = plain(*arguments)
        verdict.valid[::2] = False
        return pictures, verdict

    engine.imagine = failing
    explorer = Explorer(engine, OutcomeTable(":memory:"))
    found = explorer.here(torch.arange(2))
    assert any(one.table.untried.any() for one in found)
    engine.imagine = plain
    again = Explorer(engine, explorer.table)
    assert not any(one.table.untried.any() for one in again.here(torch.arange(2)))
    assert 0 < again.calls < explorer.calls


def test_tables_lay_out_what_is_known():
    places = np.full(N_REGIONS, REFUSED, np.uint8)
    places[[0, 5, 9]] = [0, 1, UNTRIED]
    found = np.array([[0.5, 1, 1, 1], [0.25, 1, 0.5, 0.5]], np.float32)
    table = Table.make({"b": module.Outcome(places, found)}, ("a", "b"))
    assert table.scores[1, 0] == 0.5 and table.scores[1, 5] == 0.25
    assert np.isnan(table.scores).sum() == 2 * N_REGIONS - 2
    assert table.untried.sum() == 1 and table.untried[1, 9]
    assert table.worth[1, 0] == pytest.approx(0.54) and table.worth[1, 5] == pytest.approx(0.27)
