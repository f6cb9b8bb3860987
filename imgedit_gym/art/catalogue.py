"""The catalogue of objects: what each sprite is called, shows, and is like."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import DataFileError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE_PATH = Path(__file__).parent / "data" / "objects.toml"
OBJECT_KEYS = ("name", "emoji", "category", "attributes")
VARIATION_SELECTOR = "\ufe0f"
MAX_NAME_WORDS = 3


@dataclass(frozen=True)
class CatalogueObject:
    """One object of the catalogue.

    Attributes:
        name: Unique, lower case, one to three words.
        emoji: One code point, optionally followed by U+FE0F.
        category: The one category the object belongs to.
        attributes: What the object is like; may be empty.
    """

    name: str
    emoji: str
    category: str
    attributes: frozenset[str]


@dataclass(frozen=True)
class Catalogue:
    """Objects in a fixed order, with look-up by term.

    A term is an object name, a category or an attribute. A word that is several of these at once selects all
    of their objects.

    Attributes:
        objects: The objects; an object's index is its position here.
        categories: Categories in order of first appearance.
        attributes: Attributes in order of first appearance.
    """

    objects: tuple[CatalogueObject, ...]
    categories: tuple[str, ...]
    attributes: tuple[str, ...]

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.objects)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {item.name: i for i, item in enumerate(self.objects)}

    @cached_property
    def _members(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, set[int]] = {}
        for i, item in enumerate(self.objects):
            for term in (item.name, item.category, *item.attributes):
                found.setdefault(term, set()).add(i)
        return {term: tuple(sorted(indices)) for term, indices in found.items()}

    def index(self, name: str) -> int:
        """Index of the object of that name.

        Raises:
            DataFileError: If no object has the name.
        """
        if name not in self._index:
            raise DataFileError(unknown(name, self._index, "object name"))
        return self._index[name]

    def members(self, term: str) -> tuple[int, ...]:
        """Indices, ascending, of the objects that a name, category or attribute selects.

        Raises:
            DataFileError: If the term is none of these.
        """
        if term not in self._members:
            raise DataFileError(unknown(term, self._members, "object name, category or attribute"))
        return self._members[term]

    def resolve(self, terms: Sequence[str]) -> tuple[int, ...]:
        """Indices, ascending and without repetition, of the objects that any of the terms selects.

        Raises:
            DataFileError: If a term is unknown.
        """
        return tuple(sorted({i for term in terms for i in self.members(term)}))


def unknown(word: str, known: Iterable[str], expected: str) -> str:
    """One-line message for a word that is not among the known ones, with the closest of them."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    article = "an" if expected[0] in "aeiou" else "a"
    return f"expected {article} {expected}, found {word!r}{hint}"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        DataFileError: If the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataFileError(f"{path}: expected a readable file, found: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: expected TOML, found: {error}") from error


def check_keys(table: dict[str, Any], required: Iterable[str], optional: Iterable[str], where: str) -> None:
    """Check that a table has every required key and no key beyond the required and optional ones.

    Raises:
        DataFileError: Naming the first missing or unknown key.
    """
    required, allowed = list(required), [*required, *optional]
    for key in table:
        if key not in allowed:
            raise DataFileError(f"{where}: unknown key {key!r}, expected one of {', '.join(allowed)}")
    for key in required:
        if key not in table:
            raise DataFileError(f"{where}: key {key!r} is missing")


def check_text(value: object, where: str) -> str:
    """Check that a value is text with something in it and no space around it.

    Raises:
        DataFileError: If it is not.
    """
    if not isinstance(value, str) or not value or value != value.strip():
        raise DataFileError(f"{where}: expected text without space around it, found {value!r}")
    return value


def check_texts(value: object, where: str, low: int = 1, high: int | None = None) -> tuple[str, ...]:
    """Check that a value is a list of different texts, ``low`` to ``high`` of them.

    Raises:
        DataFileError: If it is not.
    """
    if not isinstance(value, list):
        raise DataFileError(f"{where}: expected a list of texts, found {value!r}")
    texts = tuple(check_text(text, where) for text in value)
    if len(texts) < low or (high is not None and len(texts) > high):
        bounds = f"at least {low}" if high is None else f"{low} to {high}" if low < high else f"exactly {low}"
        raise DataFileError(f"{where}: expected {bounds} texts, found {len(texts)}")
    for text in texts:
        if texts.count(text) > 1:
            raise DataFileError(f"{where}: {text!r} is listed {texts.count(text)} times, once is allowed")
    return texts


def check_tables(value: object, where: str) -> list[dict[str, Any]]:
    """Check that a value is a list of tables.

    Raises:
        DataFileError: If it is not.
    """
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise DataFileError(f"{where}: expected tables written as [[...]], found {value!r}")
    return value


def entry_label(kind: str, table: dict[str, Any], number: int) -> str:
    """How messages call an entry: by its name, or by its number from 1 if the name is missing or no text."""
    name = table.get("name")
    return f"{kind} {name!r}" if isinstance(name, str) else f"{kind} number {number}"


def _parse_emoji(value: object, where: str) -> str:
    emoji = check_text(value, where)
    if len(emoji.removesuffix(VARIATION_SELECTOR)) != 1:
        points = " ".join(f"U+{ord(point):04X}" for point in emoji)
        raise DataFileError(f"{where}: expected one code point, optionally followed by U+FE0F, found {points}")
    return emoji


def _parse_name(value: object, where: str) -> str:
    name = check_text(value, where)
    words = name.split(" ")
    if name != name.lower() or not all(words) or len(words) > MAX_NAME_WORDS:
        raise DataFileError(f"{where}: expected one to three lower-case words, found {name!r}")
    return name


def _parse_object(table: dict[str, Any], where: str) -> tuple[CatalogueObject, tuple[str, ...]]:
    check_keys(table, OBJECT_KEYS, (), where)
    attributes = check_texts(table["attributes"], f"{where}: attributes", low=0)
    item = CatalogueObject(
        name=_parse_name(table["name"], f"{where}: name"),
        emoji=_parse_emoji(table["emoji"], f"{where}: emoji"),
        category=check_text(table["category"], f"{where}: category"),
        attributes=frozenset(attributes),
    )
    return item, attributes


def _check_unique(items: list[CatalogueObject], path: Path) -> None:
    names: set[str] = set()
    emojis: dict[str, str] = {}
    for item in items:
        emoji = item.emoji.removesuffix(VARIATION_SELECTOR)
        if item.name in names:
            raise DataFileError(f"{path}: object {item.name!r}: the name is used twice, names are unique")
        if emoji in emojis:
            raise DataFileError(f"{path}: object {item.name!r}: emoji {emoji} is already {emojis[emoji]!r}")
        names.add(item.name)
        emojis[emoji] = item.name


@lru_cache(maxsize=8)
def _load(path: Path) -> Catalogue:
    data = read_toml(path)
    check_keys(data, ("object",), (), str(path))
    items: list[CatalogueObject] = []
    attributes: list[str] = []
    for number, table in enumerate(check_tables(data["object"], f"{path}: object"), start=1):
        item, listed = _parse_object(table, f"{path}: {entry_label('object', table, number)}")
        items.append(item)
        attributes.extend(listed)
    _check_unique(items, path)
    categories = tuple(dict.fromkeys(item.category for item in items))
    return Catalogue(tuple(items), categories, tuple(dict.fromkeys(attributes)))


def load_catalogue(path: str | Path | None = None) -> Catalogue:
    """Load a catalogue of objects; a file is read once per process.

    Args:
        path: A TOML file of ``[[object]]`` tables. Default: the catalogue that comes with the package.

    Returns:
        The catalogue, with objects in file order.

    Raises:
        DataFileError: If the file is missing, is not TOML, or has a mistake in an entry.
    """
    return _load(CATALOGUE_PATH if path is None else Path(path))
