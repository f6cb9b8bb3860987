"""Every kind of tampering is caught, and the report says by which rule and where."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.submission.png import SIGNATURE, write_png
from benchmarks.verify import verify

CASES = {}


def case(expected: str, sealed: bool = True):
    """Register a way of tampering, the rule that catches it, and whether hashes are made to fit afterwards."""

    def add(change):
        name = change.__name__.removeprefix("_").replace("_", " ")
        assert name not in CASES
        CASES[name] = (change, expected, sealed)
        return change

    return add


def cases(expected: str, **changes):
    for name, change in changes.items():
        change.__name__ = name
        case(expected)(change)


def done(submission, at=0):
    """A finished episode in which something was changed."""
    every = [one for one in submission.episodes if one["status"] == "done" and one["costs"]["tool_calls"] > 1]
    return every[at]


def perfect(one):
    one["requirements"] = [1.0] * len(one["requirements"])
    one["scores"] = dict.fromkeys(("E", "P", "Q", "score"), 1.0)
    one["success"] = True


def imperfect(submission):
    return next(one for one in submission.episodes if one["scores"]["score"] < 0.9 and not one["success"])


def reclaim(submission):
    """Totals as the tampered episodes have them."""
    n = len(submission.episodes)
    for axis in ("E", "P", "Q", "score"):
        total = sum(one["scores"][axis] for one in submission.episodes if one["scores"])
        submission.manifest["claims"][axis] = round(total / n, 6)
    submission.manifest["claims"]["success"] = round(sum(one["success"] for one in submission.episodes) / n, 6)


# ---------------------------------------------------------------------- numbers


@case("scores.score")
def _a_score_is_raised(submission):
    one = imperfect(submission)
    one["scores"]["score"] = min(1.0, one["scores"]["score"] + 0.1)
    reclaim(submission)


@case("scores.execution")
def _execution_is_raised(submission):
    imperfect(submission)["scores"]["E"] = 0.99
    reclaim(submission)


@case("scores.success")
def _a_failure_becomes_a_success(submission):
    one = next(one for one in submission.episodes if min(one["requirements"]) < 0.4)
    one["success"] = True
    reclaim(submission)


@case("judge.scores")
def _a_whole_verdict_is_made_perfect(submission):
    perfect(imperfect(submission))
    reclaim(submission)


@case("judge.scores")
def _all_verdicts_are_made_perfect(submission):
    for one in submission.episodes:
        perfect(one)
    reclaim(submission)


@case("judge.scores")
def _a_success_becomes_a_failure(submission):
    next(one for one in submission.episodes if one["success"])["success"] = False
    reclaim(submission)


@case("judge.scores")
def _a_requirement_is_left_out(submission):
    one = next(
        one for one in submission.episodes if len(set(one["requirements"])) == 1 and len(one["requirements"]) > 1
    )
    one["requirements"].pop()


@case("claims.differ")
def _a_total_is_inflated(submission):
    submission.manifest["claims"]["score"] += 0.05


@case("claims.unknown")
def _a_total_of_another_name(submission):
    submission.manifest["claims"]["elo"] = 2800.0


@case("costs.tool_calls")
def _tool_calls_are_played_down(submission):
    done(submission)["costs"]["tool_calls"] -= 1
    calls = [one["costs"]["tool_calls"] for one in submission.episodes]
    submission.manifest["claims"]["tool_calls"] = round(sum(calls) / len(calls), 6)


@case("budget.judge_calls")
def _more_judge_calls_than_allowed(submission):
    done(submission)["costs"]["judge_calls"] = 513.0


@case("budget.tool_calls")
def _more_tool_calls_than_allowed(submission):
    done(submission)["costs"]["tool_calls"] = 9


# ---------------------------------------------------------------------- episodes


@case("replay.picture")
def _another_tool(submission):
    one = done(submission)
    at = next(i for i, (tool, _) in enumerate(one["actions"]) if tool != "skip")
    one["actions"][at][0] = "exposure" if one["actions"][at][0] != "exposure" else "paint"
    one["plan"][at] = ["adjust", "picture", "darker"]


@case("replay.picture")
def _another_plan_step(submission):
    done(submission)["plan"][0] = ["remove", "unicorn", ""]


@case("replay.picture")
def _the_steps_of_two_episodes_are_swapped(submission):
    first, second = done(submission, 0), done(submission, 1)
    for key in ("plan", "actions", "costs"):
        first[key], second[key] = second[key], first[key]


@case("replay.picture")
def _the_tasks_of_two_episodes_are_swapped(submission):
    first, second = done(submission, 0), done(submission, 1)
    first["task"], second["task"] = second["task"], first["task"]


@case("replay.picture")
def _the_pictures_of_two_episodes_are_swapped(submission):
    first, second = done(submission, 0), done(submission, 1)
    first["picture"], second["picture"] = second["picture"], first["picture"]


@case("actions.count")
def _an_action_is_left_out(submission):
    one = done(submission)
    one["actions"].pop()
    one["costs"]["tool_calls"] = sum(tool != "skip" for tool, _ in one["actions"])


@case("coverage.missing")
def _an_episode_is_dropped(submission):
    submission.episodes.pop(2)


@case("coverage.missing")
def _every_episode_is_dropped(submission):
    submission.episodes.clear()


@case("coverage.doubled")
def _an_episode_is_doubled(submission):
    submission.episodes.append(submission.episodes[0])


@case("coverage.doubled")
def _a_bad_episode_gives_way_to_a_second_good_one(submission):
    submission.episodes[submission.episodes.index(imperfect(submission))] = submission.episodes[0]


@case("coverage.unknown")
def _an_episode_of_another_seed(submission):
    done(submission)["task"] = "adverts/test/000000000001"


@case("coverage.unknown")
def _an_episode_of_another_split(submission):
    done(submission)["task"] = done(submission)["task"].replace("/test/", "/train/")


@case("coverage.unknown")
def _a_task_in_other_letters(submission):
    done(submission)["task"] = done(submission)["task"].upper()


@case("episodes.schema")
def _a_missing_episode_keeps_its_score(submission):
    done(submission)["status"] = "missing"


@case("episodes.schema")
def _a_finished_episode_without_a_verdict(submission):
    done(submission)["scores"] = None


@case("episodes.schema")
def _a_finished_episode_without_a_plan(submission):
    done(submission)["plan"] = None


@case("actions.tool")
def _an_unknown_tool(submission):
    done(submission)["actions"][0][0] = "os.system"


@case("actions.tool")
def _a_tool_in_letters_that_look_alike(submission):
    done(submission)["actions"][0][0] = "p\u0430ste"


# ---------------------------------------------------------------------- types

cases(
    "episodes.schema",
    a_score_as_text=lambda s: done(s)["scores"].update(score="1.0"),
    a_score_as_truth=lambda s: done(s)["scores"].update(score=True),
    a_score_above_one=lambda s: done(s)["scores"].update(score=1.5),
    a_score_below_zero=lambda s: done(s)["scores"].update(score=-0.5),
    a_region_outside=lambda s: done(s)["actions"][0].__setitem__(1, 65),
    a_negative_region=lambda s: done(s)["actions"][0].__setitem__(1, -1),
    half_a_region=lambda s: done(s)["actions"][0].__setitem__(1, 0.5),
    an_action_of_three_parts=lambda s: done(s)["actions"][0].append(0),
    an_unknown_verb=lambda s: done(s)["plan"][0].__setitem__(0, "eval"),
    a_key_too_many_in_an_episode=lambda s: done(s).update(__class__="os"),
    a_key_too_few_in_an_episode=lambda s: done(s).pop("costs"),
    an_episode_that_is_a_list=lambda s: s.episodes.__setitem__(0, []),
    a_picture_path_for_a_hash=lambda s: done(s)["picture"].update(sha256="../../../../etc/passwd"),
)
cases(
    "manifest.schema",
    another_version_of_the_schema=lambda s: s.manifest.update(schema=2),
    no_contact=lambda s: s.manifest.pop("contact"),
    a_key_too_many_in_the_manifest=lambda s: s.manifest.update(setup="pip install x"),
    a_script_for_an_address=lambda s: s.manifest.update(url="javascript:alert(1)"),
    markup_in_the_name=lambda s: s.manifest.update(name="<b>x</b>"),
    the_name_in_cyrillic=lambda s: s.manifest.update(name="rul\u0435s"),
    the_name_turned_around=lambda s: s.manifest.update(name="\u202eselur"),
    privileged_as_text=lambda s: s.manifest["agent"].update(privileged="no"),
    a_cost_below_zero=lambda s: s.manifest["cost"].update(usd=-1),
)
cases(
    "text.unicode",
    a_line_break_after_the_name=lambda s: s.manifest.update(name="rules\n"),
    a_description_turned_around=lambda s: s.manifest.update(description="good \u202edab"),
    an_author_nobody_sees=lambda s: s.manifest.update(authors=["Zo\u200be"]),
    a_description_that_is_not_normalised=lambda s: s.manifest.update(description=unicodedata.normalize("NFD", "Zoë")),
    piled_up_accents=lambda s: s.manifest.update(training="x" + "\u0336\u0337\u0338\u0335" * 9),
    a_null_character=lambda s: s.manifest.update(contact="zoe\x00@example.org"),
    a_terminal_sequence=lambda s: done(s)["plan"][0].__setitem__(1, "\x1b[2J"),
)

# ---------------------------------------------------------------------- suite and judge

cases(
    "suite.hash",
    the_hash_of_another_suite=lambda s: s.manifest["suite"].update(sha256="0" * 64),
)
cases(
    "suite.unknown",
    the_name_of_another_suite=lambda s: s.manifest["suite"].update(id="adverts-v1"),
)
cases(
    "judge.pinned",
    another_judge=lambda s: s.manifest["judge"].update(id="pixels"),
    another_version_of_the_judge=lambda s: s.manifest["judge"].update(version="0"),
    another_prompt=lambda s: s.manifest["judge"].update(prompt_hash="abc"),
    another_checklist=lambda s: s.manifest["judge"].update(checklist="0"),
)

cases(
    "agent.access",
    an_oracle_that_claims_a_place=lambda s: s.manifest["agent"].update(spec="oracle"),
    an_oracle_in_json_that_claims_a_place=lambda s: s.manifest["agent"].update(spec='{"id": "oracle"}'),
    a_search_that_hides_its_simulator=lambda s: s.manifest["agent"].update(spec="search"),
    a_policy_with_the_oracles_plans_that_claims_a_place=lambda s: s.manifest["agent"].update(
        spec='{"id": "sb3", "path": "x.zip", "planner": "oracle"}'
    ),
)

# ---------------------------------------------------------------------- files


def named_in_files(name):
    def change(submission):
        submission.manifest["files"][name] = "0" * 64
        submission.write_manifest()

    return change


for title, name in {
    "a path that leads out": "../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a path through a picture": "pictures/../../x.png",
    "a path of Windows": "pictures\\x.png",
    "a line break after a path": "episodes.jsonl\n",
}.items():
    CASES[title] = (named_in_files(name), "text.unicode" if "\n" in name else "manifest.schema", False)


@case("files.checksum", sealed=False)
def _episodes_changed_after_sealing(submission):
    path = submission.folder / "episodes.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"costs":{"judge_calls":', b'"costs": {"judge_calls":', 1))


@case("files.checksum", sealed=False)
def _a_hash_in_the_manifest_is_changed(submission):
    submission.manifest["files"]["episodes.jsonl"] = "f" * 64
    submission.write_manifest()


@case("files.missing", sealed=False)
def _a_picture_is_deleted(submission):
    submission.pictures()[0].unlink()


@case("picture.missing")
def _a_picture_is_deleted_and_struck_off(submission):
    submission.pictures()[0].unlink()


@case("files.unlisted", sealed=False)
def _a_picture_that_is_not_listed(submission):
    (submission.folder / "pictures" / f"{'a' * 64}.png").write_bytes(submission.pictures()[0].read_bytes())


@case("picture.unexpected")
def _a_picture_of_nothing(submission):
    (submission.folder / "pictures" / f"{'a' * 64}.png").write_bytes(submission.pictures()[0].read_bytes())


@case("picture.digest")
def _a_picture_under_the_name_of_another(submission):
    first, second = submission.pictures()[:2]
    first.write_bytes(second.read_bytes())


@case("picture.digest")
def _a_picture_is_touched_up(submission):
    path = submission.pictures()[0]
    pixels = np.array(Image.open(path))
    pixels[0, 0, 0] ^= 1
    path.write_bytes(write_png(pixels))


@case("picture.digest")
def _a_thumbnail_is_changed(submission):
    one = done(submission)
    one["picture"]["thumbnail"] = "A" * 64


@case("folder.unexpected", sealed=False)
def _a_program_is_added(submission):
    (submission.folder / "conftest.py").write_text("raise SystemExit('run')")


@case("folder.unexpected", sealed=False)
def _a_pickle_is_added(submission):
    class Run:
        def __reduce__(self):
            return os.mkdir, (str(submission.folder.parent / "unpickled"),)

    (submission.folder / "model.pkl").write_bytes(pickle.dumps(Run()))


@case("folder.unexpected", sealed=False)
def _a_pickle_for_a_picture(submission):
    (submission.folder / "pictures" / "weights.pt").write_bytes(pickle.dumps([1]))


@case("picture.header")
def _a_pickle_in_a_picture(submission):
    submission.pictures()[0].write_bytes(pickle.dumps([1]))


@case("folder.unexpected", sealed=False)
def _a_folder_in_the_folder(submission):
    (submission.folder / "pictures" / "more").mkdir()


@case("folder.unexpected", sealed=False)
def _a_hidden_file(submission):
    (submission.folder / ".git").write_text("gitdir: /")


@case("folder.unexpected", sealed=False)
def _a_name_that_looks_alike(submission):
    (submission.folder / "m\u0430nifest.json").write_text("{}")


@case("folder.link", sealed=False)
def _episodes_are_a_link(submission):
    path = submission.folder / "episodes.jsonl"
    target = submission.folder.parent / "elsewhere.jsonl"
    path.rename(target)
    path.symlink_to(target)


@case("folder.link", sealed=False)
def _the_manifest_is_a_link(submission):
    path = submission.folder / "manifest.json"
    path.unlink()
    path.symlink_to("/etc/passwd")


@case("folder.link", sealed=False)
def _a_picture_is_a_link(submission):
    path = submission.pictures()[0]
    target = submission.folder.parent / "elsewhere.png"
    path.rename(target)
    path.symlink_to(target)


@case("folder.link", sealed=False)
def _the_folder_of_pictures_is_a_link(submission):
    path = submission.folder / "pictures"
    target = submission.folder.parent / "elsewhere"
    path.rename(target)
    path.symlink_to(target, target_is_directory=True)


@case("folder.missing", sealed=False)
def _the_submission_is_a_link(submission):
    target = submission.folder.parent / "elsewhere"
    submission.folder.rename(target)
    submission.folder.symlink_to(target, target_is_directory=True)


@case("folder.missing", sealed=False)
def _the_submission_is_a_file(submission):
    submission.folder.rename(submission.folder.parent / "elsewhere")
    submission.folder.write_text("{}")


@case("folder.special", sealed=False)
def _episodes_are_a_pipe(submission):
    (submission.folder / "episodes.jsonl").unlink()
    os.mkfifo(submission.folder / "episodes.jsonl")


@case("file.missing", sealed=False)
def _no_manifest(submission):
    (submission.folder / "manifest.json").unlink()


# ---------------------------------------------------------------------- JSON


def manifest_text(change):
    def write(submission):
        path = submission.folder / "manifest.json"
        path.write_bytes(change(path.read_bytes()))

    return write


def episode_line(change):
    def write(submission):
        lines = (submission.folder / "episodes.jsonl").read_bytes().splitlines(keepends=True)
        submission.seal_lines(change(lines[0]) + b"".join(lines[1:]))

    return write


def bare(change):
    def write(submission):
        submission.seal_lines(change((submission.folder / "episodes.jsonl").read_bytes()))

    return write


for title, (change, expected) in {
    "a manifest cut off": (manifest_text(lambda text: text[:-40]), "json.syntax"),
    "an empty manifest": (manifest_text(lambda text: b""), "json.syntax"),
    "a manifest that is a list": (manifest_text(lambda text: b"[" + text + b"]"), "manifest.schema"),
    "a manifest that is huge": (manifest_text(lambda text: text + b" " * (4 << 20)), "file.size"),
    "a manifest nested deeply": (manifest_text(lambda text: b"[" * 200_000 + b"]" * 200_000), "json.depth"),
    "a key twice in the manifest": (manifest_text(lambda text: b'{"name": "x",' + text.strip()[1:]), "json.double-key"),
    "a manifest with a byte-order mark": (manifest_text(lambda text: b"\xef\xbb\xbf" + text), "json.encoding"),
    "a manifest that is not UTF-8": (
        manifest_text(lambda text: text.replace(b"rules-1.0", b"rules\xff")),
        "json.encoding",
    ),
    "half a surrogate pair": (manifest_text(lambda text: text.replace(b"Rules.", b"\\ud800")), "json.encoding"),
    "a manifest in UTF-16": (manifest_text(lambda text: text.decode().encode("utf-16")), "json.encoding"),
    "episodes cut off": (bare(lambda lines: lines[:-30]), "json.syntax"),
    "episodes with an empty line": (bare(lambda lines: lines + b"\n"), "json.syntax"),
    "an episode nested deeply": (
        episode_line(lambda line: b'{"task":' + b"[" * 30_000 + b"]" * 30_000 + b"}\n"),
        "json.depth",
    ),
    "an episode that is huge": (episode_line(lambda line: line[:-2] + b" " * (64 << 10) + b"}\n"), "file.size"),
    "a key twice in an episode": (episode_line(lambda line: b'{"status":"done",' + line[1:]), "json.double-key"),
    "a score that is no number": (episode_line(lambda line: line.replace(b'"E":', b'"E":NaN,"e":', 1)), "json.number"),
    "an infinite cost": (
        episode_line(lambda line: line.replace(b'"seconds":', b'"seconds":1e999,"s":', 1)),
        "json.number",
    ),
    "a number of many digits": (
        episode_line(lambda line: line.replace(b'"seconds":', b'"seconds":' + b"9" * 5000 + b',"s":', 1)),
        "json.number",
    ),
    "an episode of a million quotes": (episode_line(lambda line: b'"\\' * 30_000 + b"\n"), "json.syntax"),
    "episodes of many lines": (bare(lambda lines: lines + b"{}\n" * 2_000_000), "file.size"),
    "a manifest of quotes that never close": (manifest_text(lambda text: b'"\\' * 1_900_000), "json.syntax"),
    "a manifest of the same keys": (
        manifest_text(lambda text: b"{" + b",".join(b'"%d":0' % (i % 300_000) for i in range(300_001)) + b"}"),
        "json.double-key",
    ),
    "an episode that is Python": (episode_line(lambda line: b"__import__('os').mkdir('x')\n"), "json.syntax"),
}.items():
    CASES[title] = (change, expected, False)

# ---------------------------------------------------------------------- pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width=64, height=64, depth=8, color=2, pixels=None, more=b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    packed = zlib.compress(bytes(64 * 193) if pixels is None else pixels, 9)
    return SIGNATURE + head + more + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def saved(kind: str, mode: str = "RGB", side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind)
    return file.getvalue()


for title, (content, expected) in {
    "a picture that unpacks to gigabytes": (png(30_000, 30_000), "picture.header"),
    "pixels that unpack to more than the picture": (png(pixels=bytes(40 << 20)), "picture.damaged"),
    "a text chunk that unpacks to megabytes": (
        png(more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(40 << 20), 9))),
        "picture.header",
    ),
    "a colour profile": (png(more=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100)))), "picture.header"),
    "an animation": (png(more=chunk(b"acTL", bytes(8))), "picture.header"),
    "a picture of another size": (saved("PNG", side=128), "picture.header"),
    "a picture with transparency": (saved("PNG", "RGBA"), "picture.header"),
    "a grey picture": (saved("PNG", "L"), "picture.header"),
    "a picture of 16 bits": (png(depth=16), "picture.header"),
    "a GIF for a picture": (saved("GIF"), "picture.header"),
    "a JPEG for a picture": (saved("JPEG"), "picture.header"),
    "a picture cut off": (saved("PNG")[:-20], "picture.damaged"),
    "a picture with a wrong checksum": (saved("PNG")[:-1] + b"\0", "picture.damaged"),
    "a picture of one chunk that is too long": (SIGNATURE + b"\xff\xff\xff\xffIDAT" + bytes(16), "picture.damaged"),
    "a picture without a header": (SIGNATURE + chunk(b"IEND", b""), "picture.header"),
    "an empty picture": (b"", "picture.header"),
    "another picture behind the end": (saved("PNG") + saved("PNG"), "picture.damaged"),
    "a picture of megabytes": (saved("PNG") + bytes(1 << 20), "file.size"),
}.items():

    def _replace(submission, content=content):
        submission.pictures()[0].write_bytes(content)

    CASES[title] = (_replace, expected, True)


# ---------------------------------------------------------------------- the test


def test_there_are_enough_kinds_of_tampering():
    assert len(CASES) >= 40


def test_an_honest_submission_holds(submission, suite):
    submission.seal()
    report = verify(submission.folder, suite=suite)
    assert report.holds and report.level == 3 and not report.faults


@pytest.mark.parametrize("name", sorted(CASES))
def test_tampering_is_caught_by_name(name, submission, suite, monkeypatch):
    change, expected, sealed = CASES[name]

    def never(*arguments, **keywords):
        raise AssertionError("something in the submission was unpickled")

    change(submission)
    if sealed:
        submission.seal()
    monkeypatch.setattr(pickle, "loads", never)
    monkeypatch.setattr(pickle, "load", never)
    report = verify(submission.folder, suite=suite)
    assert not report.holds
    assert expected in report.checks, report.text()
    fault = next(one for faults in report.faults.values() for one in faults if one.check == expected)
    assert fault.where and fault.message and fault.message.isprintable() and fault.where.isprintable()
    assert len(fault.message) < 700
    assert json.dumps(report.to_json(), allow_nan=False)
    assert not (submission.folder.parent / "unpickled").exists()
    assert not Path("x").exists()
