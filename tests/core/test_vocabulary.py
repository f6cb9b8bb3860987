"""Tests of codes: every text has one, words keep theirs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.plan import NONE, VERBS, PlanStep
from imgedit_gym.core.vocabulary import (
    N_TARGETS,
    N_VALUES,
    N_VERBS,
    PATH,
    RESERVED,
    Vocabulary,
    load_vocabulary,
)

VOCABULARY = load_vocabulary()
SMALL = Vocabulary(1, (NONE, "car", "dog"), (NONE, "red"))


@given(st.sampled_from(VERBS), st.text(max_size=300), st.text(max_size=300))
def test_any_step_has_codes_inside_the_spaces(verb, target, value):
    codes = VOCABULARY.encode(PlanStep(verb, target, value))
    assert all(0 <= code < size for code, size in zip(codes, VOCABULARY.nvec, strict=True))
    assert codes == VOCABULARY.encode(PlanStep(verb, target, value))


@pytest.mark.parametrize("verb", VERBS)
def test_every_word_is_read_back(verb):
    longest = max(len(VOCABULARY.targets), len(VOCABULARY.values))
    for i in range(longest):
        target = VOCABULARY.targets[i % len(VOCABULARY.targets)]
        step = PlanStep(verb, target, VOCABULARY.values[i % len(VOCABULARY.values)])
        assert VOCABULARY.decode(VOCABULARY.encode(step)) == step


@given(st.text(min_size=1, max_size=40))
def test_unknown_phrases_hash_into_the_reserved_codes(phrase):
    if phrase not in SMALL.targets:
        assert N_TARGETS - RESERVED <= SMALL.target_code(phrase) < N_TARGETS
    if phrase not in SMALL.values:
        assert N_VALUES - RESERVED <= SMALL.value_code(phrase) < N_VALUES


def test_hashes_use_all_reserved_codes():
    codes = {SMALL.target_code(f"phrase {i}") for i in range(400)}
    assert codes == set(range(N_TARGETS - RESERVED, N_TARGETS))


def test_hashes_never_change():
    # the codes that trained policies have seen
    assert [SMALL.value_code(word) for word in ("x", "y", "Grüße")] == [N_VALUES - RESERVED + code for code in HASHED]


HASHED = (13, 1, 8)


@given(st.tuples(*(st.integers(0, size - 1) for size in VOCABULARY.nvec)))
def test_any_codes_decode(codes):
    step = VOCABULARY.decode(codes)
    assert step.verb in VERBS
    assert isinstance(step.text, str)


def test_reserved_codes_have_names():
    step = VOCABULARY.decode((VERBS.index("remove"), N_TARGETS - RESERVED + 3, N_VALUES - 1))
    assert (step.target, step.value) == ("<target 3>", f"<value {RESERVED - 1}>")


def test_the_committed_file():
    data = json.loads(PATH.read_text(encoding="utf-8"))
    for table, size in (("targets", N_TARGETS), ("values", N_VALUES)):
        assert len(set(data[table])) == len(data[table])
        assert data[table][0] == NONE
        assert len(data[table]) <= size - RESERVED
        for word in data[table]:
            assert word == PlanStep("edit", word, word).value
    assert all(word == word.lower() for word in data["targets"])
    assert len(VERBS) <= N_VERBS
    assert PATH.read_text(encoding="utf-8") == VOCABULARY.to_json() + "\n"


def test_committed_codes_stay():
    # a sample of codes that must keep their meaning for ever
    assert VOCABULARY.version == 1
    assert VOCABULARY.targets[:5] == ("", "picture", "background", "headline", "badge")
    assert VOCABULARY.values[:4] == ("", "red", "orange", "yellow")
    assert VERBS == ("", "edit", "remove", "replace", "add", "recolor", "set", "rewrite", "adjust")
    assert VOCABULARY.nvec == (12, 272, 528)


@given(st.lists(st.text(max_size=8), max_size=9), st.lists(st.text(max_size=8), max_size=9))
def test_extending_moves_no_code(targets, values):
    longer = VOCABULARY.extended(targets, values)
    assert longer.targets[: len(VOCABULARY.targets)] == VOCABULARY.targets
    assert longer.values[: len(VOCABULARY.values)] == VOCABULARY.values
    assert set(targets) <= set(longer.targets) and set(values) <= set(longer.values)
    assert len(set(longer.targets)) == len(longer.targets)
    assert longer.extended(targets, values) == longer
    assert longer.version == VOCABULARY.version


def test_extending_beyond_the_room():
    with pytest.raises(DataFileError, match=rf"targets has .* words; at most {N_TARGETS - RESERVED} fit"):
        VOCABULARY.extended([f"new {i}" for i in range(N_TARGETS)], [])


@pytest.mark.parametrize(
    ("targets", "values", "message"),
    [
        (("car",), (NONE,), "targets must start with the empty word"),
        ((NONE,), (), "values must start with the empty word"),
        ((NONE, "car", "car"), (NONE,), r"targets holds \['car'\] twice"),
        ((NONE,), (NONE, "a", "b", "a"), r"values holds \['a'\] twice"),
    ],
)
def test_wrong_tables(targets, values, message):
    with pytest.raises(DataFileError, match=message):
        Vocabulary(1, targets, values)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "targets": [""]}', '{"version": 1, "targets": 3}'])
def test_wrong_files(tmp_path, text):
    path = tmp_path / "vocabulary.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match="expected a vocabulary with version, targets and values"):
        load_vocabulary(path)


def test_missing_file(tmp_path):
    with pytest.raises(DataFileError, match=r"nothing\.json"):
        load_vocabulary(tmp_path / "nothing.json")
