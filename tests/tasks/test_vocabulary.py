"""Tests that the committed vocabulary covers the data files."""

import pytest

from imgedit_gym.art.catalogue import load_catalogue
from imgedit_gym.art.goals import load_goals
from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.vocabulary import N_TARGETS, N_VALUES, RESERVED, load_vocabulary
from imgedit_gym.tasks.adverts import vocabulary as module
from imgedit_gym.tasks.adverts.vocabulary import checked_vocabulary, words_needed

CATALOGUE, BOOK = load_catalogue(), load_goals()


def test_every_word_of_the_data_has_a_code_of_its_own():
    vocabulary = checked_vocabulary(CATALOGUE, BOOK)
    targets, values = words_needed(CATALOGUE, BOOK)
    assert len({vocabulary.target_code(word) for word in set(targets)}) == len(set(targets))
    assert len({vocabulary.value_code(word) for word in set(values)}) == len(set(values))
    assert all(vocabulary.target_code(word) < N_TARGETS - RESERVED for word in targets)
    assert all(vocabulary.value_code(word) < N_VALUES - RESERVED for word in values)
    assert {*COLORS, *TONES, *BACKGROUNDS, *BOOK.headlines} <= set(values)


def test_the_committed_file_is_complete(tmp_path, monkeypatch, capsys):
    # what the tool would write is what is committed
    copy = tmp_path / "vocabulary.json"
    copy.write_text(module.PATH.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(module, "PATH", copy)
    module.main()
    assert copy.read_text(encoding="utf-8") == (load_vocabulary().to_json() + "\n")
    assert "0 targets and 0 values added" in capsys.readouterr().out


def test_a_word_without_a_code_is_told(monkeypatch):
    targets, values = words_needed(CATALOGUE, BOOK)
    monkeypatch.setattr(module, "words_needed", lambda *_: (targets, [*values, "brand new"]))
    with pytest.raises(DataFileError, match=r"no code for \['brand new'\]; run python -m imgedit_gym"):
        checked_vocabulary(CATALOGUE, BOOK)
