"""What has been judged is not judged again: in memory, in a file, over processes, and after a kill."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from imgedit_gym.core.checklist import Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.judges.asking import Reply
from imgedit_gym.judges.base import Judge, JudgeError
from imgedit_gym.judges.cache import CachedJudge
from imgedit_gym.judges.pixels import PixelJudge
from imgedit_gym.models.store import Store
from tests.judges.server import serving
from tests.judges.tiny import tiny_cases, truth

ROOT = Path(__file__).parents[2]
FIELDS = ("execution", "preservation", "quality", "score", "requirements", "success", "valid", "preserved")


def same(first: Verdict, second: Verdict) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in FIELDS]
    pairs += [(first.parts[name], second.parts[name]) for name in first.parts]
    return set(first.parts) == set(second.parts) and all(
        one is other or torch.equal(one, other) for one, other in pairs
    )


# ------------------------------------------------------------------ questions


def test_an_answer_is_asked_for_once(scripted):
    judge = scripted(lambda question: random.random())
    cached = CachedJudge(judge)
    cases = tiny_cases(6)
    first = cached.judge(cases)
    asked = len(judge.asked)
    second = cached.judge(cases)
    assert asked == 18 and len(judge.asked) == asked
    assert same(first, second)
    assert first.calls.sum() == asked and not second.calls.any() and not second.tokens.any()
    found = cached.statistics()
    assert found["hit_rate"] == 0.5 and found["cache"] == {"hits": 18, "misses": 18, "hit_rate": 0.5}


def test_what_an_answer_depends_on(scripted):
    judge = scripted()
    cached = CachedJudge(judge)
    cases = tiny_cases(1)
    cached.judge(cases)

    def asked_again():
        before = len(judge.asked)
        cached.judge(cases)
        return len(judge.asked) - before

    assert asked_again() == 0
    for change in (
        lambda: cases.canvas[0, 0, 0].add_(1),
        lambda: cases.batch.images[0, 5, 5].add_(1),
        lambda: setattr(judge, "model", "another"),
        lambda: setattr(judge, "version", "2"),
        lambda: setattr(judge, "prompt_hash", "0"),
        lambda: setattr(type(cases.batch.reader), "instruction", lambda *_: "do something else"),
    ):
        change()
        assert asked_again() == 3
    assert asked_again() == 0
    type(cases.batch.reader).requirements = lambda self, batch, row: REQUIREMENTS
    assert asked_again() == 1, "one requirement of the two is new"


REQUIREMENTS = (Requirement(Kind.ABSENT, "no thing 0 a", 0), Requirement(Kind.ABSENT, "no other thing", 0))


@pytest.fixture(autouse=True)
def _reader_as_it_was():
    from tests.judges.tiny import Reader

    held = {name: getattr(Reader, name) for name in ("instruction", "requirements")}
    yield
    for name, method in held.items():
        setattr(Reader, name, method)


def test_samples_are_kept_apart(scripted):
    judge = scripted(lambda question: random.random())
    cached = CachedJudge({"id": "average", "judge": judge, "k": 3})
    first, second = cached.judge(tiny_cases(2)), cached.judge(tiny_cases(2))
    assert len(judge.asked) == 18 and same(first, second)
    assert first.parts["spread/E"].max() > 0


def test_failures_are_not_kept(scripted):
    broken = [True]
    judge = scripted(lambda question: Reply(error="busy") if broken[0] else 0.5, on_error="invalid")
    cached = CachedJudge(judge)
    assert not cached.judge(tiny_cases(2)).valid.any()
    broken[0] = False
    assert cached.judge(tiny_cases(2)).valid.all()


def test_what_was_answered_before_an_error_is_kept(scripted):
    failing = [True]
    judge = scripted(lambda question: Reply(error="busy") if failing[0] and question.case == 2 else 0.5)
    cached = CachedJudge(judge)
    with pytest.raises(JudgeError):
        cached.judge(tiny_cases(4))
    asked = len(judge.asked)
    failing[0] = False
    cached.judge(tiny_cases(4))
    assert len(judge.asked) == asked + 3


# ------------------------------------------------------------------ judges that ask nothing


class Slow(PixelJudge):
    """The pixel judge, as somebody who knows nothing of questions would write it."""

    id = "slow"

    def __init__(self):
        super().__init__()
        self.seen = 0
        self.fails = False

    def judge(self, cases):
        self.seen += len(cases)
        verdict = super().judge(cases)
        verdict.calls = torch.ones(len(cases))
        if self.fails:
            verdict.valid[0] = False
            verdict.reasons[0] = "moody"
        return verdict

    cached = Judge.cached


def test_whole_judgements_are_kept_of_other_judges(started, cases_of):
    engine = started(5)
    canvas = engine.batch.images.clone()
    canvas[:, 10:40, 10:40] = 0
    cases, judge = cases_of(engine, canvas), Slow()
    plain = judge.judge(cases)
    cached = CachedJudge(judge)
    first = cached.judge(cases.take(torch.tensor([0, 3])))
    second = cached.judge(cases)
    assert judge.seen == 5 + 2 + 3
    assert same(plain, second) and torch.equal(first.score, plain.score[[0, 3]])
    assert second.calls.tolist() == [0, 1, 1, 0, 1]
    assert same(second, cached.judge(cases))
    cases.batch.keep[1, 0] ^= 1
    cached.judge(cases)
    assert judge.seen == 11
    cases.batch.keep[1, 0] ^= 1
    cases.batch.headline_box[2, 0] += 1
    cached.judge(cases)
    assert judge.seen == 12
    cases.batch.headline_box[2, 0] -= 1


def test_failed_whole_judgements_are_not_kept():
    judge = Slow()
    judge.fails = True
    cached, cases = CachedJudge(judge), tiny_cases(3)
    verdict = cached.judge(cases)
    assert verdict.valid.tolist() == [False, True, True] and verdict.reasons == {0: "moody"}
    judge.fails = False
    assert cached.judge(cases).valid.all() and judge.seen == 4


def test_a_damaged_whole_judgement_is_made_again(tmp_path):
    path, cases = tmp_path / "answers.sqlite", tiny_cases(2)
    cached = CachedJudge(Slow(), str(path))
    plain = cached.judge(cases)
    cached.close()
    file = sqlite3.connect(path)
    for text in ("broken", "[]", "{}", '{"requirements": [], "preservation": 7, "quality": 1, "preserved": null}'):
        file.execute("UPDATE answers SET text = ?", (text,))
        file.commit()
        judge = Slow()
        assert same(CachedJudge(judge, str(path)).judge(cases), plain) and judge.seen == 2
        third = Slow()
        assert same(CachedJudge(third, str(path)).judge(cases), plain) and not third.seen
    file.close()


def test_a_cache_in_a_cache_keeps_its_own(scripted):
    judge = scripted()
    inner = CachedJudge(judge)
    outer = CachedJudge({"id": "product", "execution": inner, "preservation": "pixels"})
    outer.judge(tiny_cases(2))
    asked = len(judge.asked)
    outer.judge(tiny_cases(2))
    assert len(judge.asked) == asked == len(inner.store) and len(outer.store) == 0


FORKED = """
import os, sys
from imgedit_gym.models.store import Store
store = Store(sys.argv[1])
store.write("parent", "one")
child = os.fork()
if not child:
    store.write("child", "two")
    store.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
store.write("parent", "more")
store.write("later", "three")
store.close()
assert len(Store(sys.argv[1]).read(["parent", "child", "later"])) == 3
"""


def test_a_fork_has_a_connection_of_its_own(tmp_path):
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path / "forked.sqlite")], check=True, timeout=60)


def test_the_exact_judge_is_not_slowed_down(started, cases_of):
    cached = JUDGES.build({"id": "cache", "judge": "checklist"})
    cached.judge(cases_of(started(2)))
    assert len(cached.store) == 0 and cached.id == "checklist"


def test_parts_of_a_combination_are_kept(scripted, started, cases_of):
    judge = scripted()
    cached = CachedJudge(JUDGES.build({"id": "product", "execution": judge, "preservation": "checklist"}))
    cases = cases_of(started(3))
    first, second = cached.judge(cases), cached.judge(cases)
    assert same(first, second) and first.calls.sum() > 0 and not second.calls.any()


# ------------------------------------------------------------------ the file


def test_a_file_outlives_the_judge(tmp_path, scripted):
    path = str(tmp_path / "folder" / "answers.sqlite")
    first = CachedJudge(scripted(lambda question: random.random()), path)
    verdict = first.judge(tiny_cases(4))
    first.close()
    judge = scripted()
    second = CachedJudge(judge, path)
    assert same(second.judge(tiny_cases(4)), verdict) and judge.asked == []
    assert second.statistics()["cache"]["hit_rate"] == 1.0


def test_memory_is_bounded_and_the_file_is_not(tmp_path):
    for path, known in ((None, 10), (tmp_path / "a.sqlite", 50)):
        store = Store(path, size=10)
        for i in range(50):
            store.write(str(i), f"text {i}")
        assert len(store.read(map(str, range(50)))) == known
        store.close()
    assert len(Store(tmp_path / "a.sqlite").read(map(str, range(2000)))) == 50


def test_what_is_no_cache_is_refused(tmp_path):
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(ImgEditError, match="expected a file for the cache, or none yet"):
        Store(tmp_path / "text")
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("PRAGMA user_version=7")
    newer.close()
    with pytest.raises(ImgEditError, match="expected a cache of version 1; found version 7"):
        Store(tmp_path / "newer")
    with pytest.raises(ImgEditError, match="cache size"):
        Store(size=0)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    store = Store(tmp_path / "a.sqlite")
    store._connection().execute("PRAGMA query_only=ON")
    with pytest.raises(ImgEditError, match="a.sqlite: the cache cannot be used: attempt to write a readonly database"):
        store.write("key", "text")
    store.close()


def test_a_damaged_answer_is_asked_for_again(tmp_path, scripted):
    path = tmp_path / "answers.sqlite"
    cached = CachedJudge(scripted(lambda question: 0.25), str(path))
    cached.judge(tiny_cases(1))
    cached.close()
    file = sqlite3.connect(path)
    for text in ('{"values": [7.0]}', '{"values": []}', "broken"):
        file.execute("UPDATE answers SET text = ?", (text,))
        file.commit()
        judge = scripted(lambda question: 0.25)
        verdict = CachedJudge(judge, str(path)).judge(tiny_cases(1))
        assert len(judge.asked) == 3 and verdict.execution[0] == 0.25
        third = scripted(lambda question: 0.25)
        assert CachedJudge(third, str(path)).judge(tiny_cases(1)).execution[0] == 0.25
        assert not third.asked, "the file was not mended"
    file.close()


def test_the_first_text_of_a_key_stays(tmp_path):
    first, second = Store(tmp_path / "a.sqlite"), Store(tmp_path / "a.sqlite")
    first.write("key", "first")
    second.write("key", "second")
    assert first.read(["key"]) == second.read(["key"]) == {"key": "first"}
    second.forget({"key": "another"})
    assert second.read(["key"]) == {"key": "first"}
    second.forget({"key": "first"})
    second.write("key", "third")
    assert second.read(["key"]) == Store(tmp_path / "a.sqlite").read(["key"]) == {"key": "third"}
    memory = Store()
    memory.write("key", "first")
    memory.write("key", "second")
    assert memory.read(["key"]) == {"key": "first"}


WRITER = """
import sys
from imgedit_gym.models.store import Store
store = Store(sys.argv[1])
for i in range(200):
    store.write(f"{i % 150}", f"text {i % 150}")
    store.write(f"{sys.argv[2]} {i}", f"own {i}")
assert len(store.read(f"{sys.argv[2]} {i}" for i in range(200))) == 200
"""


def test_processes_share_a_file(tmp_path):
    path = tmp_path / "shared.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)]) for n in range(3)]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    store = Store(path)
    assert len(store) == 150 + 3 * 200
    assert store.read(["7", "2 199"]) == {"7": "text 7", "2 199": "own 199"}
    store.close()


def test_threads_share_a_store(tmp_path):
    store = Store(tmp_path / "threads.sqlite")
    threads = [
        threading.Thread(target=lambda n=n: [store.write(f"{n} {i}", "x") for i in range(100)]) for n in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(store) == 400
    store.close()


# ------------------------------------------------------------------ kills


def killed_and_finished(n, kills, path, generator, server_dies=False):
    """Judge n pictures in processes that are killed some times; the scores, and the requests that were made.

    With ``server_dies`` the server is killed as often, while a process is under way, and comes back.
    """
    with ExitStack() as life:
        server, seen = life.enter_context(serving()), 0
        server.delay, port = 0.002, server.server_address[1]
        command = [sys.executable, "-m", "tests.judges.tiny", server.url, str(path), str(n)]

        def wait(process, share):
            """Until so much of what is left to each kill has been asked for."""
            begun, more = len(server.requests), max(1, int(generator.uniform(*share) * n / (kills + 1)))
            while len(server.requests) < begun + more:
                assert process.poll() is None and time.monotonic() < latest, (
                    "it ended before it could be killed, or hangs"
                )
                time.sleep(0.005)

        latest = time.monotonic() + 500
        for _ in range(kills):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            if server_dies:
                wait(process, (0.1, 0.4))
                dead = server
                life.close()
                seen += len(dead.requests)
                time.sleep(generator.uniform(0.0, 0.5))
                server = life.enter_context(serving(port))
                server.delay = 0.002
                server.script = ["hang up", "break off", 503, "no json"]
            wait(process, (0.1, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=500, cwd=ROOT)
        return json.loads(done.stdout.splitlines()[-1]), seen + len(server.requests)


def test_a_kill_loses_no_finished_judgement(tmp_path):
    n, kills, concurrency = 300, 2, 8
    found, requests = killed_and_finished(n, kills, tmp_path / "answers.sqlite", random.Random(0))
    assert torch.allclose(torch.tensor(found["execution"]), truth(n), atol=1e-6)
    # what was under way when the process was killed is asked for again, and nothing else
    assert n <= requests <= n + kills * concurrency
    assert found["cache"]["hits"] > 0


@pytest.mark.slow
def test_ten_thousand_judgements_through_kills_and_failures(tmp_path):
    n, kills, concurrency = 10_000, 6, 8
    found, requests = killed_and_finished(n, kills, tmp_path / "answers.sqlite", random.Random(1), server_dies=True)
    assert torch.allclose(torch.tensor(found["execution"]), truth(n), atol=1e-6)
    # as many were under way when the server died, and four of its replies were no use
    assert n <= requests <= n + kills * (2 * concurrency + 4)
