"""Appends the words of the data files to the committed vocabulary: ``python -m imgedit_gym.tasks.adverts.vocabulary``.

Run it after adding an object, a category or a headline. Words that have a code keep it.
"""

from __future__ import annotations

from imgedit_gym.art.catalogue import Catalogue, load_catalogue
from imgedit_gym.art.goals import GoalBook, load_goals
from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.plan import BACKGROUND, BADGE, HEADLINE, NONE, PICTURE
from imgedit_gym.core.vocabulary import PATH, Vocabulary, load_vocabulary


def words_needed(catalogue: Catalogue, book: GoalBook) -> tuple[list[str], list[str]]:
    """Target words and value words that plans over these data can hold."""
    names = [*catalogue.categories, *(item.name for item in catalogue.objects)]
    return [PICTURE, BACKGROUND, HEADLINE, BADGE, *names], [*COLORS, *TONES, *BACKGROUNDS, *names, *book.headlines]


def checked_vocabulary(catalogue: Catalogue, book: GoalBook) -> Vocabulary:
    """The committed vocabulary, after checking that every word of the data has a code.

    Raises:
        DataFileError: If a word has none.
    """
    vocabulary = load_vocabulary()
    targets, values = words_needed(catalogue, book)
    missing = sorted((set(targets) - set(vocabulary.targets)) | (set(values) - set(vocabulary.values)))
    if missing:
        raise DataFileError(
            f"{PATH.name}: no code for {missing[:5]}; run python -m imgedit_gym.tasks.adverts.vocabulary"
        )
    return vocabulary


def main() -> None:
    """Extend the committed file."""
    old = load_vocabulary() if PATH.exists() else Vocabulary(1, (NONE,), (NONE,))
    new = old.extended(*words_needed(load_catalogue(), load_goals()))
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(new.to_json() + "\n", encoding="utf-8")
    print(
        f"{PATH.name}: {len(new.targets) - len(old.targets)} targets and "
        f"{len(new.values) - len(old.values)} values added"
    )


if __name__ == "__main__":
    main()
