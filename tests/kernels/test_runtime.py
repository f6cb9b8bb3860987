"""Tests of starting Warp and of launching kernels."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import warp as wp

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.registry import PIXEL_TOOLS, REGIONS, TOOLS
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels import runtime
from imgedit_gym.kernels.runtime import get_num_threads, launch, set_num_threads, struct_of

CPU = torch.device("cpu")

CODE = """
import torch, warp as wp
from imgedit_gym.kernels.adjust import tint
box = torch.tensor([[0, 0, 64, 64]], dtype=torch.int32)
assert int(tint(torch.full((1, 64, 64, 3), 100, dtype=torch.uint8), box, torch.full((1, 3), 127.5)).max()) == 50
"""


@wp.kernel
def _raise(first: int, values: wp.array(dtype=wp.float32), power: int, out: wp.array(dtype=wp.float32)):
    i = first + wp.tid()
    total = values[i]
    for _ in range(1, power):
        total *= values[i]
    out[i] = total


@wp.kernel
def _sum_seen(
    colors: wp.array(dtype=wp.vec3),
    seen: wp.array(dtype=wp.uint8),
    out: wp.array(dtype=wp.float32),
):
    i = wp.tid()
    if seen[i] != wp.uint8(0):
        out[i] = colors[i][0] + colors[i][1] + colors[i][2]


@wp.struct
class _Table:
    factor: float
    values: wp.array(dtype=wp.float32)


@wp.kernel
def _look_up(table: _Table, rows: wp.array(dtype=wp.int64), out: wp.array(dtype=wp.float32)):
    i = wp.tid()
    out[i] = table.factor * table.values[int(rows[i])]


@wp.kernel
def _count_all(counts: wp.array(dtype=wp.int32)):
    counts[0] = counts[0] + 1


def run(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )


def test_warp_starts_without_a_word():
    done = run(IMGEDIT_GYM_VERBOSE="")
    assert (done.stdout, done.stderr) == ("", "")


def test_warp_talks_when_asked_to():
    assert "Warp" in run(IMGEDIT_GYM_VERBOSE="1").stdout


def launch_square(values: torch.Tensor, out: torch.Tensor, power: int = 2) -> torch.Tensor:
    launch(_raise, len(values), [values, power, out], CPU)
    return out


def test_what_changed_between_launches_is_seen():
    values, out = torch.arange(5.0), torch.zeros(5)
    assert launch_square(values, out).tolist() == [0, 1, 4, 9, 16]
    values += 1.0
    assert launch_square(values, out).tolist() == [1, 4, 9, 16, 25]
    assert launch_square(values, out, power=3).tolist() == [1, 8, 27, 64, 125]
    assert launch_square(values[:3], out[:3], power=1).tolist() == [1, 2, 3]
    assert out.tolist() == [1, 2, 3, 64, 125]
    other = torch.zeros(5)
    assert launch_square(values, other).tolist() == [1, 4, 9, 16, 25]
    assert out.tolist() == [1, 2, 3, 64, 125]
    # every other value, from the same address as before
    assert launch_square(values[::2], torch.zeros(3)).tolist() == [1, 9, 25]


def test_an_empty_launch_does_nothing():
    launch_square(torch.zeros(0), torch.zeros(0))


def test_another_type_is_refused_even_at_the_same_address():
    values, out = torch.ones(5), torch.zeros(5)
    launch_square(values, out)
    with pytest.raises(RuntimeError, match="int32"):
        launch_square(values.view(torch.int32), out)
    assert launch_square(values, out).tolist() == [1] * 5


def test_vectors_are_folded_and_booleans_read_as_bytes():
    colors, seen, out = torch.arange(12.0).reshape(4, 3), torch.tensor([True, False, True, True]), torch.zeros(4)
    launch(_sum_seen, 4, [colors, seen, out], CPU)
    assert out.tolist() == [3, 0, 21, 30]


def test_launches_keep_no_tensor_alive():
    values, out = torch.ones(5), torch.zeros(5)
    gone = weakref.ref(values)
    launch_square(values, out)
    launch_square(values, out, power=1)
    del values
    gc.collect()
    assert gone() is None


@pytest.fixture
def many_parts(monkeypatch):
    """Every launch that can be cut is cut, and spread over three threads."""
    held = get_num_threads()
    monkeypatch.setattr(runtime, "_SHORTEST_PART", 1e-12)
    set_num_threads(3)
    yield
    set_num_threads(held)


@pytest.mark.parametrize("n", [1, 2, 3, 12, 13, 1000])
def test_parts_make_the_whole(many_parts, n):
    values = torch.arange(float(n))
    for _ in range(3):
        assert torch.equal(launch_square(values, torch.zeros(n)), values * values)


def test_parts_run_on_several_threads(many_parts):
    launch_square(torch.arange(1000.0), torch.zeros(1000))
    assert any(thread.name.startswith("imgedit-gym") for thread in threading.enumerate())


def test_kernels_that_do_not_ask_for_their_part_are_not_cut(many_parts):
    counts = torch.zeros(1, dtype=torch.int32)
    for _ in range(3):
        launch(_count_all, 100_000, [counts], CPU)
    # a plain sum in one place comes out right only on one thread
    assert counts.tolist() == [300_000]


def test_tasks_and_tools_are_the_same_on_any_number_of_threads(make_source, keys_of, many_parts):
    n = 40
    found = []
    for threads in (1, 2, 3):
        set_num_threads(threads)
        source = make_source()
        batch = source.allocate(n)
        regions = REGIONS.build("segments")
        regions.attach(batch)
        rows = torch.arange(n)
        for _ in range(2):
            source.sample(batch, rows, keys_of(source, range(n)))
            regions.refresh(rows)
        made = list(batch.tensors().values())
        index = torch.randint(0, 65, (n,), generator=torch.Generator().manual_seed(5))
        chosen = regions.regions(rows, index)
        steps = StepBatch(batch.plan[:, 0], lambda i: PlanStep())
        for id in PIXEL_TOOLS:
            tool = TOOLS.build(id, stock=source.stock, vocabulary=source.vocabulary)
            fine = (tool.check(chosen, steps) == 0).nonzero().flatten()
            if len(fine):
                made.append(tool.apply(batch.images[fine], chosen.rows(fine), steps.rows(fine)))
        found.append(made)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_several_threads_may_launch_at_once(many_parts):
    def work(k: int) -> bool:
        values = torch.full((500,), float(k))
        return all(torch.equal(launch_square(values, torch.zeros(500)), values * values) for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(many_parts):
    launch_square(torch.arange(100.0), torch.zeros(100))
    child = os.fork()
    if child == 0:
        values = torch.arange(100.0)
        good = all(torch.equal(launch_square(values, torch.zeros(100)), values * values) for _ in range(3))
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_numbers_of_threads_that_are_none(threads):
    held = get_num_threads()
    with pytest.raises(ImgEditError, match=r"a whole number of at least 1; found"):
        set_num_threads(threads)
    assert get_num_threads() == held


def test_the_default_is_every_cpu_the_process_may_use():
    code = "from imgedit_gym.kernels.runtime import get_num_threads; print(get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(os.sched_getaffinity(0))


def _sums_of(colors: torch.Tensor, n: int) -> list[float]:
    out = torch.zeros(n)
    launch(_sum_seen, n, [colors, torch.ones(n, dtype=torch.bool), out], CPU)
    return out.tolist()


def test_tensors_may_be_longer_shorter_and_laid_out_otherwise_than_last_time():
    colors = torch.arange(12.0).reshape(4, 3)
    assert _sums_of(colors, 4) == [3, 12, 21, 30]
    assert _sums_of(colors[1:], 3) == [12, 21, 30]
    assert _sums_of(torch.ones(3), 1) == [3]  # one colour, without a dimension of its own
    assert _sums_of(colors[::2], 2) == [3, 21]
    assert _sums_of(torch.cat([colors, colors]), 8) == [3, 12, 21, 30] * 2
    assert _sums_of(colors[:0], 0) == []
    assert _sums_of(colors[3:], 1) == [30]


def test_another_struct_and_other_members_are_seen():
    def look_up(table: _Table) -> list[float]:
        out = torch.zeros(2)
        launch(_look_up, 2, [table, torch.tensor([1, 0]), out], CPU)
        return out.tolist()

    first = struct_of(_Table, {"values": torch.tensor([1.0, 2.0])}, factor=1.0)
    assert look_up(first) == [2, 1]
    assert look_up(struct_of(_Table, {"values": torch.tensor([5.0, 6.0])}, factor=10.0)) == [60, 50]
    assert look_up(first) == [2, 1]
    first.factor = 3.0
    assert look_up(first) == [6, 3]


def test_a_launch_over_other_dimensions_is_refused():
    with pytest.raises(ImgEditError, match="expected a launch over 1 dimensions"):
        launch(_look_up, (1, 1), [_Table(), torch.zeros(1, dtype=torch.int64), torch.zeros(1)], CPU)
